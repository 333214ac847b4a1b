"""The pages file: whole pages and where their lines run, in HDF5.

It has one group per split, and in that one group per page, 000000 and so on: `image`
uint8 (H, W), ink bright; `points` float32 (m, 2), the baselines' points (x, y) end to
end; `ends` int32 (n,), the index after each baseline's last point; `reach` float32
(n, 2), how far its letters reach above and below; and the attribute `page_id`. A page
whose texts are known has `texts` (n,), and their lines' outlines as `outline_points`
and `outline_ends`.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from ocr_jax import __version__, regular_files
from ocr_jax.data import hdf5_files, lines_file
from ocr_jax.errors import UserError, one_line

FORMAT = "ocr_jax.pages"
VERSION = 1


class Line(NamedTuple):
    """A line on a page, in its pixels."""

    baseline: np.ndarray  # (n, 2) points (x, y), in the direction of writing
    above: float  # how far its letters reach above the baseline
    below: float

    def scaled(self, factor: float) -> "Line":
        """Return the line on the same page at `factor` times its size."""
        baseline = scaled(self.baseline, factor)
        return Line(baseline, self.above * factor, self.below * factor)


class Text(NamedTuple):
    """What a line says, and the outline (n, 2) around it."""

    text: str
    outline: np.ndarray


@dataclasses.dataclass(frozen=True)
class Page:
    """A page image (H, W) uint8, ink bright, and its lines in reading order.

    texts: those of the lines, or () if they are not known.
    """

    page_id: str
    image: np.ndarray
    lines: tuple[Line, ...]
    texts: tuple[Text, ...] = ()


@dataclasses.dataclass(frozen=True)
class Split:
    """The pages of a split, and a digest of all that they hold."""

    pages: tuple[Page, ...]
    digest: str


class Counts(NamedTuple):
    """How much a split has."""

    pages: int
    lines: int


def scaled(points: np.ndarray, factor: float) -> np.ndarray:
    """Return points (n, 2) on the same page at `factor` times its size."""
    # Pixel (x, y) is the middle of a square.
    return (points + 0.5) * factor - 0.5


def save(
    path: Path, pages: Iterable[tuple[str, Page]], source: str
) -> dict[str, Counts]:
    """Write pages of splits to a file, whole or not at all; count them by split.

    Only one page is in memory at a time, if `pages` makes them one by one. A link stays
    one: its file is new.
    """
    with (
        regular_files.replaced(path) as partial,
        contextlib.closing(hdf5_files.UnfailingFile(partial)) as disk,
    ):
        with h5py.File(disk, "w") as file:
            file.attrs.update(
                format=FORMAT,
                version=VERSION,
                source=hdf5_files.text(source),
                created_with=f"ocr_jax {__version__}",
            )
            counts = _write(file, pages)
        disk.finish()
    return counts


def summary(path: Path, counts: Mapping[str, Counts]) -> str:
    """Summarise what was saved: pages and lines of each split."""
    rows = [f"{path}: {sum(split.pages for split in counts.values()):,} pages"]
    rows += [
        f"{name:>13}{split.pages:>8,} pages{split.lines:>9,} lines"
        for name, split in counts.items()
    ]
    return "\n".join(rows)


def is_one(path: Path) -> bool:
    """Whether a file is a pages file, of any version."""
    try:
        with hdf5_files.open_to_read(path) as file:
            return file.attrs.get("format") == FORMAT
    except lines_file.BROKEN:
        return False


def read(path: str | os.PathLike, names: tuple[str, ...]) -> dict[str, Split]:
    """Read splits of a pages file into memory, those of `names` that it has.

    Raises UserError if the file is missing, damaged, or of another kind.
    """
    with _opened(Path(path)) as file:
        return {name: _split(file[name]) for name in names if name in file}


def sizes(path: Path) -> dict[str, int]:
    """Return how many pages each split of a file has. Raises UserError, as `read`."""
    with _opened(path) as file:
        return {name: len(group) for name, group in file.items()}


def each(path: Path, split: str) -> Iterator[Page]:
    """Yield the pages of a split one by one. Raises UserError, as `read` does."""
    with _opened(path) as file:
        for number in sorted(file.get(split, ())):
            yield _page(file[split][number])


def _write(file: h5py.File, pages: Iterable[tuple[str, Page]]) -> dict[str, Counts]:
    counts, digests = {}, {}
    for name, page in pages:
        before = counts.get(name, Counts(0, 0))
        digest = digests.setdefault(name, hashlib.sha256())
        group = file.create_group(f"{name}/{before.pages:06}")
        group.attrs["page_id"] = page.page_id
        for key, array in _arrays(page).items():
            packed = {"compression": "gzip"} if array.size else {}
            group.create_dataset(key, data=array, **packed)
            digest.update(repr((page.page_id, key, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        if page.texts:
            texts = [text.text for text in page.texts]
            group.create_dataset("texts", data=texts, dtype=h5py.string_dtype())
            digest.update(repr(texts).encode())
        counts[name] = Counts(before.pages + 1, before.lines + len(page.lines))
    for name, digest in digests.items():
        file[name].attrs["digest"] = digest.hexdigest()
    return counts


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a pages file. Raises UserError if it is none, or proves to be damaged."""
    with lines_file.open_checked(path, FORMAT, VERSION) as file:
        try:
            yield file
        except lines_file.BROKEN as error:
            raise UserError(
                f"{path}: its pages can't be read: {one_line(error)}: prepare it again"
            ) from None


def _arrays(page: Page) -> dict[str, np.ndarray]:
    points, ends = _joined([line.baseline for line in page.lines])
    reach = [(line.above, line.below) for line in page.lines]
    arrays = {
        "image": page.image,
        "points": points,
        "ends": ends,
        "reach": np.array(reach, np.float32).reshape(-1, 2),
    }
    if page.texts:
        outlines = _joined([text.outline for text in page.texts])
        arrays |= dict(zip(("outline_points", "outline_ends"), outlines, strict=True))
    return arrays


def _joined(polylines: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of polylines (n, 2) end to end, and where each one ends."""
    points = np.concatenate([*polylines, np.empty((0, 2))]).astype(np.float32)
    return points, np.cumsum([len(one) for one in polylines], dtype=np.int32)


def _divided(group: h5py.Group, points: str, ends: str) -> list[np.ndarray]:
    points, ends = group[points][()], group[ends][()]
    if len(ends) and ends[-1] != len(points):
        raise ValueError(f"{group.name} has {len(points)} points, not {ends[-1:]}")
    return np.split(points.astype(float), ends[:-1]) if len(ends) else []


def _split(group: h5py.Group) -> Split:
    pages = tuple(_page(group[number]) for number in sorted(group))
    return Split(pages, str(group.attrs["digest"]))


def _page(group: h5py.Group) -> Page:
    image, reach = (group[key][()] for key in ("image", "reach"))
    if image.ndim != 2 or image.dtype != np.uint8:
        raise ValueError(f"{group.name} has no gray image")
    baselines = _divided(group, "points", "ends")
    lines = tuple(
        Line(baseline, float(above), float(below))
        for baseline, (above, below) in zip(baselines, reach, strict=True)
    )
    texts = ()
    if "texts" in group:
        outlines = _divided(group, "outline_points", "outline_ends")
        words = group["texts"].asstr()[()]
        texts = tuple(itertools.starmap(Text, zip(words, outlines, strict=True)))
    return Page(str(group.attrs["page_id"]), image, lines, texts)
