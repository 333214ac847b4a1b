"""HDF5 files on the disks that people have: full ones, and ones without locks."""

import os
from pathlib import Path

import h5py

from ocr_jax import regular_files


def open_to_read(path: str | os.PathLike) -> h5py.File:
    """Open a file to read, without HDF5's lock, which some disks do not have.

    A lines file is never changed, only replaced, so there is nothing to lock out.
    Raises OSError for anything but a regular HDF5 file.
    """
    return h5py.File(regular_files.checked(path), "r", locking=False)


def text(value: str) -> str:
    """Return a string that HDF5 keeps: what is not UTF-8, as in a path, is escaped."""
    return value.encode(errors="backslashreplace").decode()


class UnfailingFile:
    """A new file for HDF5 to write, on which no operation seems to fail.

    HDF5 crashes the process if it cannot write, at closing, what it still holds. Here
    the first failure is kept for `check` to raise, and all that HDF5 writes from then
    on stays in memory.
    """

    def __init__(self, path: Path):
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
        self._file = os.open(path, flags, 0o666)
        self._position = self._size = 0
        self._error = None
        self._unwritten = []  # (position, bytes)

    def check(self):
        """Raise the first failure, if there was one."""
        if self._error is not None:
            raise self._error

    def finish(self):
        """Close the file once all of it is on the disk; raise what failed."""
        self.check()
        # Some network disks report only here that they are full.
        os.fsync(self._file)
        self.close()

    def close(self):
        """Close the file, whatever has failed."""
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def flush(self):
        """Do nothing: every write goes to the system at once."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        self._position = base[whence] + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def read(self, size: int) -> bytes:
        """Read `size` bytes at the position; h5py knows a file by this method."""
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def readinto(self, buffer) -> int:
        """Read what was written at the position, zeros where nothing was."""
        view = memoryview(buffer).cast("B")
        start, end = self._position, self._position + len(view)
        content = os.pread(self._file, len(view), start).ljust(len(view), b"\0")
        view[:] = content
        for position, written in self._unwritten:
            first, last = max(start, position), min(end, position + len(written))
            if first < last:
                view[first - start : last - start] = written[
                    first - position : last - position
                ]
        self._position = end
        return len(view)

    def write(self, content) -> int:
        """Write all of it at the position; if that fails, keep it."""
        content = bytes(content)
        if self._error is None:
            try:
                done = 0
                while done < len(content):
                    rest = memoryview(content)[done:]
                    done += os.pwrite(self._file, rest, self._position + done)
            except OSError as error:
                self._error = error
        if self._error is not None:
            self._unwritten.append((self._position, content))
        self._position += len(content)
        self._size = max(self._size, self._position)
        return len(content)

    def truncate(self, size: int | None = None) -> int:
        """Set the file's size, if nothing has failed."""
        self._size = self._position if size is None else size
        if self._error is None:
            try:
                os.ftruncate(self._file, self._size)
            except OSError as error:
                self._error = error
        return self._size
