"""The lines file: an HDF5 file with one group per split, images end to end.

Each split holds `pixels` uint8 (sum of height * width,), `offsets` int64 (n + 1,),
`width` int32 (n,) and the UTF-8 strings `transcript`, `line_id`, `writer` (n,). Ink is
bright on a zero background, so that zero padding is blank paper.
"""

import dataclasses
import json
import os
from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np

from ocr_jax.charset import Charset, shown
from ocr_jax.data import hdf5_files, stretching
from ocr_jax.errors import UserError, one_line, reason

# In a joined file, +FILE/ID is a line of another file, and ID*2 is a second copy.
ADDED, COPY = "+", "*"
FORMAT = "ocr_jax.lines"
VERSION = 1
SPLITS = ("train", "validation", "test")
# A split up to this size is read whole; a larger one is read line by line.
IN_MEMORY_BYTES = 1 << 30
# Choices of the source that scores depend on.
ABOUT = ("split_name", "split_digest", "transcripts")
# What h5py raises for damaged files, and what their parts lead to.
BROKEN = (
    AttributeError,
    KeyError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
STRINGS = ("transcript", "line_id", "writer")


@dataclasses.dataclass(frozen=True)
class Line:
    """One line image (H, W) uint8, ink bright on zero, with transcript and origin."""

    image: np.ndarray
    transcript: str
    line_id: str
    writer: str = ""


@dataclasses.dataclass(frozen=True)
class Split:
    """One split of a lines file, as arrays over its n lines."""

    name: str
    height: int
    pixels: np.ndarray | h5py.Dataset
    offsets: np.ndarray
    widths: np.ndarray
    transcripts: tuple[str, ...]
    line_ids: tuple[str, ...]
    writers: tuple[str, ...]
    digest: str
    about: dict[str, str]

    def __len__(self) -> int:
        return len(self.widths)

    def image(self, index: int) -> np.ndarray:
        """Return the line image (H, W) uint8."""
        flat = self.pixels[self.offsets[index] : self.offsets[index + 1]]
        return flat.reshape(self.height, self.widths[index])

    @property
    def nbytes(self) -> int:
        """The bytes of all its images."""
        return self.height * int(self.widths.sum(dtype=np.int64))

    def line(self, index: int) -> Line:
        """Return the line with its transcript and origin."""
        return Line(
            self.image(index),
            self.transcripts[index],
            self.line_ids[index],
            self.writers[index],
        )

    def stretched(self, factors: np.ndarray) -> "StretchedSplit":
        """Return the same lines at `factors` (n,) times their widths."""
        widths = stretching.new_widths(self.widths, factors)
        return StretchedSplit(**vars(self) | {"widths": widths, "original": self})


@dataclasses.dataclass(frozen=True)
class StretchedSplit(Split):
    """A split whose lines are stretched as they are read."""

    original: Split

    def image(self, index: int) -> np.ndarray:
        """Return the line image (H, W) uint8."""
        return stretching.stretch(self.original.image(index), self.widths[index])


def licenses(paths: Iterable[Path]) -> str:
    """Return the licences that lines files record, each once. Raises UserError."""
    found = []
    for path in paths:
        with LinesFile(path) as file:
            found.append(file.license)
    return "; ".join(dict.fromkeys(filter(None, found)))


def is_own(line_id: str) -> bool:
    """Whether a line of a joined file is the first copy of the collection's own."""
    _, copy, number = line_id.rpartition(COPY)
    return not (line_id.startswith(ADDED) or (copy and number.isdecimal()))


class LinesFile:
    """A lines file open for reading, checked before anything is read.

    Raises UserError, with the problem and the remedy, if the file is missing,
    truncated, of another format or version, or inconsistent.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._file = open_checked(self.path, FORMAT, VERSION)
        attributes = self._file.attrs
        try:
            self.height = int(attributes["height"])
            self.charset = Charset(tuple(json.loads(attributes["charset"])))
            self.about = {
                key: str(attributes[key]) for key in ABOUT if key in attributes
            }
            self.license = str(attributes.get("license", ""))
            known = [name for name in SPLITS if name in self._file]
            self.splits = known + sorted(set(self._file) - set(SPLITS))
        except BROKEN as error:
            self._file.close()
            raise UserError(
                f"{path}: missing or broken attribute: {one_line(error)}"
            ) from None

    def __enter__(self) -> "LinesFile":
        return self

    def __exit__(self, *_):
        self._file.close()

    def sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the widths and the transcripts' lengths of the lines of all splits."""
        try:
            groups = [self._file[name] for name in self.splits]
            widths = [group["width"][()] for group in groups]
            lengths = [
                [len(text) for text in group["transcript"].asstr()[()]]
                for group in groups
            ]
            return np.concatenate(widths), np.concatenate(lengths)
        except BROKEN as error:
            message = f"{self.path}: cannot read its lines: {one_line(error)}"
            raise UserError(message + ": prepare the file again") from None

    def split(self, name: str, *, in_memory: bool = True) -> Split:
        """Read a split. Raises UserError if it is missing, empty or inconsistent.

        in_memory: read the pixels of a small split at once, and not line by line.
        """
        if name not in self._file:
            raise UserError(
                f"{self.path} has no split {name!r}; it has {', '.join(self.splits)}"
            )
        group = self._file[name]
        try:
            _refuse_more_than_the_file_holds(group, self.path)
            arrays = {key: group[key][()] for key in ("offsets", "width")}
            strings = {key: tuple(group[key].asstr()[()]) for key in STRINGS}
            pixels = group["pixels"]
            if in_memory and pixels.nbytes <= IN_MEMORY_BYTES:
                pixels = pixels[()]
            else:
                # A separate handle, which stays open when this file is closed.
                pixels = hdf5_files.open_to_read(self.path)[name]["pixels"]
            digest = str(group.attrs.get("digest", ""))
        except BROKEN as error:
            message = f"{self.path}: cannot read split {name!r}: {one_line(error)}"
            raise UserError(message + ": prepare the file again") from None
        split = Split(
            name=name,
            height=self.height,
            pixels=pixels,
            offsets=arrays["offsets"],
            widths=arrays["width"],
            transcripts=strings["transcript"],
            line_ids=strings["line_id"],
            writers=strings["writer"],
            digest=digest,
            about=self.about,
        )
        self._check(split)
        return split

    def _check(self, split: Split):
        where = f"{self.path}: split {split.name!r}"
        if len(split) == 0:
            raise UserError(f"{where} is empty: it needs at least one line")
        if split.pixels.dtype != np.uint8 or split.pixels.ndim != 1:
            raise UserError(f"{where}: pixels must be a flat uint8 array")
        counts = [
            len(split.offsets) - 1,
            *(len(getattr(split, k + "s")) for k in STRINGS),
        ]
        if set(counts) != {len(split)}:
            raise UserError(
                f"{where}: expected {len(split)} entries in every array, as in width, "
                f"found {counts}: prepare the file again"
            )
        expected = np.concatenate(
            [[0], np.cumsum(split.widths.astype(np.int64) * split.height)]
        )
        if split.widths.min() < 1 or not np.array_equal(expected, split.offsets):
            raise UserError(
                f"{where}: the offsets do not match the widths: prepare the file again"
            )
        if expected[-1] != len(split.pixels):
            raise UserError(
                f"{where}: expected {expected[-1]} pixels by the offsets, found "
                f"{len(split.pixels)}: prepare the file again"
            )
        if unknown := self.charset.unknown(split.transcripts):
            raise UserError(
                f"{where}: transcripts have characters outside the charset: "
                f"'{shown(unknown)}'"
            )


def _refuse_more_than_the_file_holds(group: h5py.Group, path: Path):
    """Raise ValueError for a damaged size, before memory is taken for it."""
    size = path.stat().st_size
    for key in ("offsets", "width", *STRINGS):
        if group[key].nbytes > size:
            raise ValueError(f"{key} claims {group[key].nbytes:,} bytes")


def open_checked(path: Path, expected: str, version: int) -> h5py.File:
    """Open an HDF5 file of a format. Raises UserError if it is none."""
    file = _open(path)
    try:
        found = file.attrs.get("format"), file.attrs.get("version")
        is_known = bool(found == (expected, version))
    except BROKEN as error:
        raise UserError(f"{path} is damaged: {one_line(error)}") from None
    if not is_known:
        raise UserError(
            f"{path}: expected format {expected!r} version {version}, found "
            f"{found[0]!r} version {found[1]}: make it with ocr_jax.prepare"
        )
    return file


def _open(path: Path) -> h5py.File:
    if os.path.isdir(path):
        raise UserError(f"{path} is a directory: a lines file is one HDF5 file")
    try:
        return hdf5_files.open_to_read(path)
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist: make it with python -m ocr_jax.prepare"
        ) from None
    except PermissionError as error:
        raise UserError(f"{path}: {reason(error, path)}") from None
    except OSError as error:
        torn = "truncated" in str(error)
        what = "is a truncated HDF5 file" if torn else "is not a readable HDF5 file"
        raise UserError(
            f"{path} {what}: prepare it again ({one_line(error)})"
        ) from None
