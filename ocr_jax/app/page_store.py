"""The XML file of a page that is open: written whole, unless another has written it."""

import contextlib
import fcntl
from pathlib import Path

from ocr_jax import locks, workdirs
from ocr_jax.errors import UserError, reason


class Conflict(UserError):
    """The file is not the one that was opened: somebody else has written it."""


class Unwritten(UserError):
    """The file can't be written, as where the disk is full; it may be later."""


class PageStore:
    """A file that is read once, and written after every change."""

    def __init__(self, path: Path):
        self.path = path

    def read(self) -> bytes:
        """Return what is in the file. Raises UserError."""
        self._stamp = _stamp(self.path)  # before it is read: later changes are noticed
        try:
            return self.path.read_bytes()
        except OSError as error:
            why = reason(error, self.path.name)
            raise UserError(f"{self.path.name}: {why}") from None

    def write(self, content: bytes):
        """Replace the file. Raises Conflict or Unwritten, and leaves it as it is."""
        try:
            with only_writer(self.path.parent):
                if _stamp(self.path) != self._stamp:
                    raise Conflict(
                        f"{self.path.name} was changed in another window or program: "
                        "load the page again"
                    )
                workdirs.write_bytes(self.path, content)
                self._stamp = _stamp(self.path)
        except OSError as error:  # the whole folder may be gone
            raise Unwritten(f"{self.path.name}: {reason(error)}") from None


def only_writer(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the folder's lock, which ends with the process."""
    lost = "two windows that write the same page at once would not be told"
    return locks.folder(folder, fcntl.LOCK_EX, lost)


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what tells a file from a later version of it."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0, 0
    return status.st_mtime_ns, status.st_size, status.st_ino
