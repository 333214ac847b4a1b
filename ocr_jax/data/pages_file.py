"""The pages file: whole pages and where their lines run, in HDF5.

It has one group per split, and in that one group per page, 000000 and so on: `image`
uint8 (H, W), ink bright; `points` float32 (m, 2), the baselines' points (x, y) end to
end; `ends` int32 (n,), the index after each baseline's last point; `reach` float32
(n, 2), how far its letters reach above and below; and the attribute `page_id`.
"""

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from ocr_jax import __version__
from ocr_jax.data import lines_file
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
        # Pixel (x, y) is the middle of a square.
        baseline = (self.baseline + 0.5) * factor - 0.5
        return Line(baseline, self.above * factor, self.below * factor)


@dataclasses.dataclass(frozen=True)
class Page:
    """A page image (H, W) uint8, ink bright, and its lines in reading order."""

    page_id: str
    image: np.ndarray
    lines: tuple[Line, ...]


@dataclasses.dataclass(frozen=True)
class Split:
    """The pages of a split, and a digest of all that they hold."""

    pages: tuple[Page, ...]
    digest: str


def write(file: h5py.File, splits: Mapping[str, list[Page]], source: str):
    """Write pages to a new file, which is open."""
    file.attrs.update(
        format=FORMAT,
        version=VERSION,
        source=source,
        created_with=f"ocr_jax {__version__}",
    )
    for name, pages in splits.items():
        digest = hashlib.sha256()
        for number, page in enumerate(pages):
            group = file.create_group(f"{name}/{number:06}")
            group.attrs["page_id"] = page.page_id
            arrays = _arrays(page)
            for key, array in arrays.items():
                packed = {"compression": "gzip"} if array.size else {}
                group.create_dataset(key, data=array, **packed)
                digest.update(repr((page.page_id, key, array.shape)).encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        file[name].attrs["digest"] = digest.hexdigest()


def read(path: str | os.PathLike, names: tuple[str, ...]) -> dict[str, Split]:
    """Read splits of a pages file into memory, those of `names` that it has.

    Raises UserError if the file is missing, damaged, or of another kind.
    """
    path = Path(path)
    with lines_file.open_checked(path, FORMAT, VERSION) as file:
        try:
            return {name: _split(file[name]) for name in names if name in file}
        except lines_file.BROKEN as error:
            raise UserError(
                f"{path}: its pages can't be read: {one_line(error)}: prepare it again"
            ) from None


def _arrays(page: Page) -> dict[str, np.ndarray]:
    lengths = [len(line.baseline) for line in page.lines]
    points = [line.baseline for line in page.lines] or [np.empty((0, 2))]
    reach = [(line.above, line.below) for line in page.lines]
    return {
        "image": page.image,
        "points": np.concatenate(points).astype(np.float32),
        "ends": np.cumsum(lengths, dtype=np.int32),
        "reach": np.array(reach, np.float32).reshape(-1, 2),
    }


def _split(group: h5py.Group) -> Split:
    pages = tuple(_page(group[number]) for number in sorted(group))
    return Split(pages, str(group.attrs["digest"]))


def _page(group: h5py.Group) -> Page:
    image, points, ends, reach = (
        group[key][()] for key in ("image", "points", "ends", "reach")
    )
    if image.ndim != 2 or image.dtype != np.uint8:
        raise ValueError(f"{group.name} has no gray image")
    if len(ends) != len(reach) or (len(ends) and ends[-1] != len(points)):
        raise ValueError(f"{group.name} has {len(points)} points, not {ends[-1:]}")
    baselines = np.split(points.astype(float), ends[:-1]) if len(ends) else []
    lines = tuple(
        Line(baseline, float(above), float(below))
        for baseline, (above, below) in zip(baselines, reach, strict=True)
    )
    return Page(str(group.attrs["page_id"]), image, lines)
