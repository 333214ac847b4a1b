"""Finds the pages of a collection: each image once, with the XML that has its lines."""

import argparse
import collections
import contextlib
import os
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from ocr_jax import sources
from ocr_jax.errors import UserError
from ocr_jax.images import finding, opening
from ocr_jax.sources import splitting
from ocr_jax.sources.pages import xml_files


class Task(NamedTuple):
    """One page: its XML and its image, or why it is left out.

    split: "" draws the splits of its lines, from `shares` and `seed`.
    """

    name: str
    split: str
    writer: str
    path: Path
    format: str = ""
    image: Path | None = None
    problem: str = ""
    shares: str = ""
    seed: int = 0


class Found(NamedTuple):
    """An XML file with lines. problem: why it is left out, or ""."""

    name: str
    path: Path
    head: xml_files.Head
    image: Path | None = None
    problem: str = ""


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of the sources of pages."""
    parser.add_argument(
        "--source", required=True, type=Path, help="folder of XML files and page images"
    )
    splitting.add_flags(parser)


def tasks(args: argparse.Namespace, formats: Sequence[str]) -> sources.Tasks:
    """Return one task per page whose XML is of one of the formats, and its problems.

    Raises UserError if the folder has no such XML file.
    """
    if not args.source.is_dir():
        raise UserError(f"--source={args.source} is not a folder")
    files = list(finding.files(args.source))
    found = list(_xml_files(files, args.source))
    wanted = [one for one in found if one.head.format in formats]
    if not wanted:
        raise UserError(_nothing(args.source, formats, found))
    others = [_other_format(one) for one in found if one.head.format not in formats]
    index = _Index(files, args.source)
    pages = _once([_with_image(one, index) for one in wanted])
    good = [page for page in pages if not page.problem]
    placements, note = _place(good, args)
    placed = {page.name: one for page, one in zip(good, placements, strict=True)}
    tasks = [_task(page, placed.get(page.name), args) for page in [*pages, *others]]
    return sources.Tasks(tasks, note)


def _place(pages: Sequence[Found], args) -> tuple[list[splitting.Placed], str]:
    """Place pages in splits; the lines of a lone page are drawn when they are read."""
    if len(pages) == 1 and not splitting.spelling(pages[0].name):
        writer = splitting.writer_of(pages[0].path.stem, args.writer_regex)
        splitting.shares(args.split)
        note = (
            f"drawn by line, as there is one page, --split={args.split} "
            f"--seed={args.seed}; its hands are in train, too: scores say little about "
            "other hands"
        )
        return [splitting.Placed("", writer)], note
    entries = [
        splitting.Entry(
            page.name, page.image, is_page=True, lines=xml_files.count_lines(page.path)
        )
        for page in pages
    ]
    return splitting.place(entries, args)


def _task(page: Found, placed: splitting.Placed | None, args) -> Task:
    if placed is None:
        return Task(page.name, "", "", page.path, problem=page.problem)
    return Task(
        name=page.name,
        split=placed.split,
        # A page without a writer counts as its own.
        writer=placed.writer or page.path.stem,
        path=page.path,
        format=page.head.format,
        image=page.image,
        problem=placed.problem,
        shares=args.split,
        seed=args.seed,
    )


def _xml_files(files: Sequence[Path], folder: Path) -> Iterator[Found]:
    """Yield the XML files that may have lines."""
    for path in files:
        if path.suffix.lower() != ".xml":
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        try:
            head = xml_files.read_head(path)
        except UserError as error:
            reason = str(error).replace(str(path), "it")
            yield Found(name, path, xml_files.Head("", "", "", ""), None, reason)
        else:
            if head.root not in xml_files.IGNORED:
                yield Found(name, path, head)


def _nothing(folder: Path, formats: Sequence[str], found: Sequence[Found]) -> str:
    """Say that a folder has no XML of these formats, and what it has."""
    others = sorted({one.head.format for one in found} - {""})
    if others:
        return (
            f"the XML files in {folder} are {' and '.join(others)}, not "
            f"{' or '.join(formats)}: use prepare {others[0].lower()}, or prepare pages"
        )
    if problems := [one.problem for one in found if one.problem]:
        return f"no page in {folder} can be read: {found[0].name}.xml: {problems[0]}"
    return (
        f"no {' or '.join(formats)} XML in {folder}: expected one file per page, with "
        "its image"
    )


def _other_format(one: Found) -> Found:
    """Say why a file of another format is left out."""
    if one.problem:
        return one
    if one.head.format:
        why = f"{one.head.format} XML: prepare pages reads ALTO and PAGE"
    else:
        why = f"neither ALTO nor PAGE: its root is <{one.head.root}>"
    return one._replace(problem=why)


def _with_image(one: Found, index: "_Index") -> Found:
    try:
        return one._replace(image=index.find(one.path, one.head.image_name))
    except UserError as error:
        return one._replace(problem=str(error))


def _once(pages: Sequence[Found]) -> list[Found]:
    """Take one XML file for each image; the others are left out.

    Taken is the one named like the image, else PAGE before ALTO, else the last changed.
    """
    by_image = collections.defaultdict(list)
    for page in pages:
        if page.image:
            by_image[os.path.realpath(page.image)].append(page)
    for twins in by_image.values():
        # Stable sorts, the least important first.
        twins.sort(key=lambda page: page.head.changed, reverse=True)
        twins.sort(key=lambda page: page.head.format != "PAGE")
        twins.sort(key=lambda page: page.path.stem != page.image.stem)
    taken = {twins[0].path: twins[0] for twins in by_image.values()}
    return [
        page
        if page.problem or page.path in taken
        else page._replace(
            problem="another XML of its image is taken: "
            f"{by_image[os.path.realpath(page.image)][0].path.name}"
        )
        for page in pages
    ]


class _Index:
    """The images of a folder, by name and by stem, in any case of letters.

    A folder without images is taken for one that lies beside or below them.
    """

    def __init__(self, files: Sequence[Path], folder: Path):
        self._folder = folder
        self._by_name = collections.defaultdict(list)
        self._by_stem = collections.defaultdict(list)
        images = list(filter(finding.is_image, files)) or _around(folder)
        for path in images:
            self._by_name[_key(path.name)].append(path)
            for stem in _stems(path.name):
                self._by_stem[stem].append(path)

    def find(self, xml: Path, image_name: str) -> Path:
        """Find the image of an XML file, the one that it names or one named like it.

        Raises UserError if there is none, or if several are as likely.
        """
        names = _names(image_name)
        for name in names:
            for folder in (xml.parent, *_ancestors(xml.parent, self._folder)):
                # Path.is_file raises for a name that is too long; this returns False.
                if os.path.isfile(path := folder / name):
                    return path
        last = [PurePosixPath(name).name for name in names]
        wanted = [(self._by_name, _key(name)) for name in last]
        wanted += [(self._by_stem, _key(PurePosixPath(name).stem)) for name in last]
        wanted += [(self._by_stem, stem) for stem in _stems(xml.name)]
        for table, key in wanted:
            if nearest := _nearest(table.get(key, ()), xml):
                if len(nearest) > 1:
                    raise UserError(
                        "an image that may be any of several: "
                        f"{', '.join(str(path) for path in nearest[:3])}"
                    )
                return nearest[0]
        named = f" ({image_name!r})" if image_name else ""
        raise UserError(f"an image that is missing{named}")


def _names(image_name: str) -> list[str]:
    """Return what a name in an XML file may mean: a path, of any system, or a URL."""
    decoded = urllib.parse.unquote(image_name)
    names = []
    for name in dict.fromkeys((image_name, decoded)):
        # PureWindowsPath splits at both kinds of slash.
        path = PureWindowsPath(name)
        if path.name:
            names += [path.name, path.as_posix()]
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


def _ancestors(folder: Path, top: Path) -> Iterator[Path]:
    """Yield the folders above one, as far as the top, or the first one above that."""
    while folder != top and folder != folder.parent:
        folder = folder.parent
        yield folder
    yield folder.parent


def _around(folder: Path) -> Iterator[Path]:
    """Yield the images beside a folder, and in its sister folders."""
    above = folder.absolute().parent
    try:
        beside = sorted(above.iterdir())
    except OSError:
        return
    for path in beside:
        if not path.is_dir():
            yield from filter(finding.is_image, [path])
        elif not path.samefile(folder):
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
