"""Writing a lines file: line by line, atomically, through a temporary file."""

import dataclasses
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from concurrent import futures
from pathlib import Path

import h5py
import numpy as np

from ocr_jax import __version__
from ocr_jax.charset import Charset, normalize
from ocr_jax.data import hdf5_files
from ocr_jax.data.lines_file import FORMAT, STRINGS, VERSION, Line
from ocr_jax.errors import UserError, is_disk_full, reason
from ocr_jax.runtime import signals, slots

# Pixels are compressed in chunks of this size; reading a line inflates one or two.
CHUNK_BYTES = 1 << 18
COMPRESSION = 1
# Threads that compress, at most; they are faster than several processes that read.
PACKERS = 4


class LinesWriter:
    """Write a lines file, line by line and atomically.

    Use it as a context manager: a normal exit renames the temporary file into place,
    and an exception, also that of a full disk, removes it. A link stays one: its file
    is new. Memory is bounded by one buffer per split. about: the choices that scores
    on these lines depend on; its keys are lines_file.ABOUT.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        height: int,
        source: str,
        license: str = "",
        about: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ):
        check_output(Path(path), overwrite)
        self.path = Path(os.path.realpath(path))
        self.height = height
        self._texts = set()
        self._splits = {}
        self._partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        self._disk = _create(self._partial)
        self._packers = futures.ThreadPoolExecutor(min(PACKERS, len(slots.cores())))
        self._file = h5py.File(self._disk, "w")
        self._file.attrs.update(
            format=FORMAT,
            version=VERSION,
            height=height,
            source=hdf5_files.text(source),
            license=hdf5_files.text(license),
            created_with=f"ocr_jax {__version__}",
            **(about or {}),
        )

    def __enter__(self) -> "LinesWriter":
        return self

    def add(self, split: str, line: Line):
        """Append one line to a split, with its transcript normalised."""
        if line.image.dtype != np.uint8 or line.image.shape[:1] != (self.height,):
            raise ValueError(
                f"expected ({self.height}, W) uint8, got {line.image.shape}"
            )
        if split not in self._splits:
            group = self._file.create_group(split)
            self._splits[split] = _SplitBuffer(group, self._packers)
        line = dataclasses.replace(line, transcript=normalize(line.transcript))
        self._texts.update(line.transcript)
        self._splits[split].append(line)
        self._disk.check()

    def __exit__(self, error_type, *_):
        with signals.deferred():
            try:
                if error_type is None:
                    self._finish()
            finally:
                self._packers.shutdown()
                self._file.close()
                self._disk.close()
                self._partial.unlink(missing_ok=True)

    def _finish(self):
        for buffer in self._splits.values():
            buffer.finish()
        self._file.attrs["charset"] = json.dumps(Charset.of(self._texts).characters)
        self._file.close()
        self._disk.finish()
        os.replace(self._partial, self.path)


class _SplitBuffer:
    """A buffer of the lines of one split, before they are written to its group."""

    def __init__(self, group: h5py.Group, packers: futures.Executor):
        self.group = group
        self.packers = packers
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
            compression_opts=COMPRESSION,
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

    def flush(self, *, whole_chunks: bool = True):
        """Write the pending pixels, compressed here: HDF5 would use only one core."""
        if not self.pending:
            return
        flat = np.concatenate(self.pending)
        end = len(flat) // CHUNK_BYTES * CHUNK_BYTES if whole_chunks else len(flat)
        self.pending, self.pending_bytes = [flat[end:].copy()], len(flat) - end
        chunks = [
            flat[i : min(i + CHUNK_BYTES, end)] for i in range(0, end, CHUNK_BYTES)
        ]
        start = len(self.pixels)
        with signals.deferred():
            self.pixels.resize((start + end,))
            for packed in self.packers.map(_pack, chunks):
                self.pixels.id.write_direct_chunk((start,), packed)
                start += CHUNK_BYTES

    def finish(self):
        self.flush(whole_chunks=False)
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
    """Write whole splits at once, for tests and examples."""
    with LinesWriter(path, height=height, source=source) as writer:
        for split, lines in splits.items():
            for line in lines:
                writer.add(split, line)


def _pack(chunk: np.ndarray) -> bytes:
    """Compress a chunk as HDF5's gzip filter does, padded to its whole size."""
    padding = np.zeros(CHUNK_BYTES - len(chunk), np.uint8)
    return zlib.compress(np.concatenate([chunk, padding]), COMPRESSION)


def _create(path: Path) -> hdf5_files.UnfailingFile:
    try:
        return hdf5_files.UnfailingFile(path)
    except OSError as error:
        if is_disk_full(error):
            raise
        raise UserError(f"cannot write to {path.parent}: {reason(error)}") from None


def check_output(path: Path, overwrite: bool):
    """Raise UserError if no file can, or may, be written there; make its folder."""
    if path.is_dir():
        raise UserError(f"--out={path} is a directory: name a file, such as lines.h5")
    if path.exists() and not overwrite:
        raise UserError(f"{path} already exists: add --overwrite to replace it")
    folder = Path(os.path.realpath(path)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot create a folder for {path}: {reason(error)}") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"cannot write to {folder}: choose another --out")
