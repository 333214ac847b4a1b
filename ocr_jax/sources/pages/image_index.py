"""The images of a collection of pages, found by what their XML calls them."""

import collections
import contextlib
import os
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from ocr_jax.errors import UserError
from ocr_jax.images import finding, opening


class ImageIndex:
    """The images of a folder, by name and by stem, in any case of letters.

    A folder without images is taken for one that lies beside or below them.
    """

    def __init__(self, files: Sequence[Path], folder: Path):
        self._by_name = collections.defaultdict(list)
        self._by_stem = collections.defaultdict(list)
        self._by_any_stem = collections.defaultdict(list)
        inside = list(filter(finding.is_image, files))
        self._top = folder if inside else folder.parent
        for path in inside or _around(folder):
            stems = _stems(path.name)
            _add(self._by_name, [_key(path.name)], path)
            _add(self._by_stem, stems[:1], path)
            _add(self._by_any_stem, stems, path)

    def find(self, xml: Path, image_name: str) -> Path:
        """Find the image of an XML file, the one that it names or one named like it.

        Raises UserError if there is none, or if several are as likely.
        """
        names = _names(image_name)
        for name in names:
            for folder in _upwards(xml.parent, self._top):
                # Path.is_file raises for a name that is too long; this returns False.
                if os.path.isfile(path := folder / name):
                    return path
        last = [PurePosixPath(name).name for name in names]
        wanted = [(self._by_name, _key(name)) for name in last]
        # Of two names only one is shortened: `ms.f1r` and `ms.f1v` are two pages.
        whole, *shortened = _stems(xml.name)
        stems = [*(_key(PurePosixPath(name).stem) for name in last), whole]
        wanted += [(self._by_any_stem, stem) for stem in stems]
        wanted += [(self._by_stem, stem) for stem in shortened]
        for table, key in wanted:
            beside = table.get((xml.parent, key))  # of many namesakes, at once
            if nearest := _nearest(beside or table.get(key, ()), xml):
                if len(nearest) > 1:
                    raise UserError(
                        "an image that may be any of several: "
                        f"{', '.join(str(path) for path in nearest[:3])}"
                    )
                return nearest[0]
        raise UserError(missing(image_name))


def _add(table: dict, keys: list[str], path: Path):
    """Add a path under its keys, and under each in its folder."""
    for key in keys:
        table[key].append(path)
        table[path.parent, key].append(path)


def missing(image_name: str) -> str:
    """Say that there is no image of this name, if the XML names one."""
    named = f" ({image_name!r})" if image_name else ""
    return f"an image that is missing{named}"


def _names(image_name: str) -> list[str]:
    """Return what a name in an XML file may mean: a path, of any system, or a URL.

    Whole paths come first: images of other folders may have the same last part.
    """
    # PureWindowsPath splits at both kinds of slash.
    both = [PureWindowsPath(n) for n in (image_name, urllib.parse.unquote(image_name))]
    paths = [path for path in both if path.name]
    names = [path.as_posix() for path in paths] + [path.name for path in paths]
    return [name for name in dict.fromkeys(names) if "\0" not in name]


def _stems(name: str) -> list[str]:
    """Return a file's name without its suffix, without the last two, and so on.

    A part that is a number is no suffix: `page.1` and `page.2` are two pages.
    """
    stems, (name, _, _) = [], name.rpartition(".")
    while name:
        stems.append(_key(name))
        name, _, part = name.rpartition(".")
        if part.isdecimal():
            break
    return stems


def _key(name: str) -> str:
    return finding.key(name).casefold()


def _upwards(folder: Path, top: Path) -> Iterator[Path]:
    """Yield a folder and those above it, as far as the top."""
    yield folder
    while folder != top and folder != folder.parent:
        folder = folder.parent
        yield folder


def _around(folder: Path) -> Iterator[Path]:
    """Yield the images beside a folder, and in its sister folders."""
    above = folder.absolute().parent
    try:
        beside = sorted(above.iterdir())
    except OSError:
        return
    for path in beside:
        if not os.path.isdir(path):
            yield from filter(finding.is_image, [path])
        elif not os.path.samefile(path, folder):
            with contextlib.suppress(OSError):
                yield from sorted(filter(finding.is_image, path.iterdir()))


def _nearest(paths: Sequence[Path], xml: Path) -> list[Path]:
    """Return the paths with the fewest steps from the XML's folder."""

    def rank(path: Path) -> tuple[int, int, int]:
        steps = len(Path(os.path.relpath(path.parent, xml.parent)).parts)
        suffix = opening.SUFFIXES.index(path.suffix.lower())
        return steps, path.name.count("."), suffix

    ranks = [rank(path) for path in paths]
    best = min(ranks, default=None)
    return [path for path, own in zip(paths, ranks, strict=True) if own == best]
