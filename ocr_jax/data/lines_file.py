"""The lines file: one HDF5 file a dataset, one group a split, images end to end.

Each split holds `pixels` uint8 (sum of height * width,), `offsets` int64 (n + 1,),
`width` int32 (n,) and the UTF-8 strings `transcript`, `line_id`, `writer` (n,). Ink is
bright on a zero background, so that zero padding is blank paper.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np

from ocr_jax import __version__
from ocr_jax.data.charset import Charset, normalize
from ocr_jax.errors import UserError, one_line

FORMAT = "ocr_jax.lines"
VERSION = 1
SPLITS = ("train", "validation", "test")
# Pixels are compressed in pieces this large: reading a line inflates one or two.
CHUNK_BYTES = 1 << 18
# A split up to this size is read whole; a larger one stays on disk, line by line.
IN_MEMORY_BYTES = 4 << 30
STRINGS = ("transcript", "line_id", "writer")


@dataclasses.dataclass(frozen=True)
class Line:
    """One line image (H, W) uint8, ink bright on zero, with what is known of it."""

    image: np.ndarray
    transcript: str
    line_id: str
    writer: str = ""


@dataclasses.dataclass(frozen=True)
class Split:
    """One split of a lines file; arrays over its n lines."""

    name: str
    height: int
    pixels: np.ndarray | h5py.Dataset
    offsets: np.ndarray
    widths: np.ndarray
    transcripts: tuple[str, ...]
    line_ids: tuple[str, ...]
    writers: tuple[str, ...]
    digest: str

    def __len__(self) -> int:
        return len(self.widths)

    def image(self, index: int) -> np.ndarray:
        """The line image (H, W) uint8."""
        flat = self.pixels[self.offsets[index] : self.offsets[index + 1]]
        return flat.reshape(self.height, self.widths[index])


class LinesFile:
    """A lines file open for reading; every check is made before anything is read.

    Raises UserError, with what is wrong and what to do, for a file that is missing,
    torn, of another format or version, or whose arrays do not fit together.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._file = _open(self.path)
        attributes = self._file.attrs
        found = attributes.get("format"), attributes.get("version")
        if found != (FORMAT, VERSION):
            raise UserError(
                f"{path}: expected format {FORMAT!r} version {VERSION}, found "
                f"{found[0]!r} version {found[1]}: make it with ocr_jax.prepare"
            )
        try:
            self.height = int(attributes["height"])
            self.charset = Charset(tuple(json.loads(attributes["charset"])))
            self.attributes = {
                key: attributes[key] for key in ("source", "license", "created_with")
            }
        except (KeyError, ValueError, TypeError) as error:
            raise UserError(f"{path}: attribute missing or broken: {error}") from None
        self.splits = [name for name in self._file if name != "attributes"]
        self.splits.sort(key=lambda name: (name not in SPLITS, name))

    def __enter__(self) -> "LinesFile":
        return self

    def __exit__(self, *_):
        self._file.close()

    def split(self, name: str) -> Split:
        """Read one split; UserError when it is missing, empty or inconsistent."""
        if name not in self._file:
            raise UserError(
                f"{self.path} has no split {name!r}, only {', '.join(self.splits)}"
            )
        group = self._file[name]
        try:
            arrays = {key: group[key][()] for key in ("offsets", "width")}
            strings = {key: tuple(group[key].asstr()[()]) for key in STRINGS}
            pixels = group["pixels"]
            if pixels.nbytes <= IN_MEMORY_BYTES:
                pixels = pixels[()]
        except (KeyError, OSError, TypeError, ValueError) as error:
            message = f"{self.path}: split {name!r} can't be read: {one_line(error)}"
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
            digest=str(group.attrs.get("digest", "")),
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
            raise UserError(f"{where}: {len(split)} widths, but {counts} of the others")
        expected = np.concatenate(
            [[0], np.cumsum(split.widths.astype(np.int64) * split.height)]
        )
        if split.widths.min() < 1 or not np.array_equal(expected, split.offsets):
            raise UserError(
                f"{where}: the offsets don't fit the widths: prepare it again"
            )
        if expected[-1] != len(split.pixels):
            raise UserError(
                f"{where}: {len(split.pixels)} pixels, the offsets need {expected[-1]}"
            )
        if unknown := self.charset.unknown(split.transcripts):
            raise UserError(
                f"{where}: transcripts hold characters outside the charset: {unknown!r}"
            )


class LinesWriter:
    """Write a lines file, line by line, under a temporary name; whole or not at all.

    As a context manager: leaving it normally renames the file into place, an exception
    removes it. Memory stays bounded by one buffer a split.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        height: int,
        source: str,
        license: str = "",
        overwrite: bool = False,
    ):
        self.path = Path(path)
        self.height = height
        self._texts = set()
        self._splits = {}
        _check_output(self.path, overwrite)
        self._partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        self._file = h5py.File(self._partial, "w")
        self._file.attrs.update(
            format=FORMAT,
            version=VERSION,
            height=height,
            source=source,
            license=license,
            created_with=f"ocr_jax {__version__}",
        )

    def __enter__(self) -> "LinesWriter":
        return self

    def add(self, split: str, line: Line):
        """Append one line to a split; its transcript is normalised here."""
        if line.image.dtype != np.uint8 or line.image.shape[:1] != (self.height,):
            raise ValueError(
                f"expected ({self.height}, W) uint8, got {line.image.shape}"
            )
        if split not in self._splits:
            self._splits[split] = _SplitBuffer(self._file.create_group(split))
        line = dataclasses.replace(line, transcript=normalize(line.transcript))
        self._texts.update(line.transcript)
        self._splits[split].append(line)

    def __exit__(self, error_type, *_):
        try:
            if error_type is None:
                self._finish()
        finally:
            if self._partial.exists():
                # HDF5 can't close a file on a full disk, and then crashes: make room.
                os.truncate(self._partial, 0)
                self._file.close()
                self._partial.unlink()

    def _finish(self):
        for buffer in self._splits.values():
            buffer.finish()
        self._file.attrs["charset"] = json.dumps(Charset.of(self._texts).characters)
        self._file.close()
        os.replace(self._partial, self.path)


class _SplitBuffer:
    """The lines of one split on their way to its group."""

    def __init__(self, group: h5py.Group):
        self.group = group
        self.pending = []
        self.pending_bytes = 0
        self.widths = []
        self.strings = {key: [] for key in STRINGS}
        self.digest = hashlib.sha256()
        self.pixels = group.create_dataset(
            "pixels",
            (0,),
            np.uint8,
            maxshape=(None,),
            chunks=(CHUNK_BYTES,),
            compression="gzip",
            compression_opts=1,
        )

    def append(self, line: Line):
        self.pending.append(np.ascontiguousarray(line.image).reshape(-1))
        self.pending_bytes += self.pending[-1].size
        self.widths.append(line.image.shape[1])
        for key in STRINGS:
            self.strings[key].append(getattr(line, key))
        self.digest.update(repr((line.transcript, line.line_id, line.writer)).encode())
        self.digest.update(self.pending[-1])
        if self.pending_bytes >= 16 * CHUNK_BYTES:
            self.flush()

    def flush(self):
        if self.pending:
            start = len(self.pixels)
            self.pixels.resize((start + self.pending_bytes,))
            self.pixels[start:] = np.concatenate(self.pending)
        self.pending, self.pending_bytes = [], 0

    def finish(self):
        self.flush()
        widths = np.array(self.widths, np.int32)
        sizes = widths.astype(np.int64) * self.group.file.attrs["height"]
        self.group["width"] = widths
        self.group["offsets"] = np.concatenate([[0], np.cumsum(sizes)])
        for key, values in self.strings.items():
            self.group.create_dataset(key, data=values, dtype=h5py.string_dtype())
        self.group.attrs["digest"] = self.digest.hexdigest()


def write_lines(
    path: str | os.PathLike,
    splits: dict[str, Iterable[Line]],
    *,
    height: int,
    source: str,
):
    """Write whole splits at once: what tests and examples need."""
    with LinesWriter(path, height=height, source=source) as writer:
        for split, lines in splits.items():
            for line in lines:
                writer.add(split, line)


def _open(path: Path) -> h5py.File:
    if not path.exists():
        raise UserError(
            f"{path} does not exist: make it with python -m ocr_jax.prepare"
        )
    if path.is_dir():
        raise UserError(f"{path} is a directory: a lines file is one HDF5 file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        torn = "truncated" in str(error)
        what = "is a truncated HDF5 file" if torn else "can't be read as HDF5"
        raise UserError(
            f"{path} {what}: prepare it again ({one_line(error)})"
        ) from None


def _check_output(path: Path, overwrite: bool):
    if path.is_dir():
        raise UserError(f"--out={path} is a directory: name a file, such as lines.h5")
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists already: add --overwrite to replace it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"can't make the folder {path.parent}: {error}") from None
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"can't write in {path.parent}: choose another --out")
