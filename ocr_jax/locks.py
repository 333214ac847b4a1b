"""File locks that end with the process, also on disks that know only some kinds.

NFS, Lustre and some containers have no `flock`. A POSIX lock takes its place where it
can; where no lock works, one line says what is lost, and work goes on.
"""

import contextlib
import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# What systems answer that have no such lock. NFS refuses one on a file open to read.
LACKING = {
    errno.ENOLCK,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EBADF,
}
_said = set()


def take(file, kind: int, lost: str, *, inherited: bool = False):
    """Lock an open file as `fcntl.flock` does. Raises BlockingIOError if it is taken.

    lost: what to say, once, where no lock works. inherited: other processes hold the
    file, too. A POSIX lock would not be theirs, so none takes the place of flock.
    """
    kinds = (fcntl.flock,) if inherited else (fcntl.flock, fcntl.lockf)
    for lock in kinds:
        try:
            lock(file, kind)
            return
        except OSError as error:
            if error.errno == errno.EACCES:  # some systems' word for a taken lock
                raise BlockingIOError(error.errno, str(error)) from None
            if error.errno not in LACKING:
                raise
    if lost not in _said:
        _said.add(lost)
        print(f"ocr_jax: this disk has no file locks: {lost}", file=sys.stderr)


@contextlib.contextmanager
def folder(path: Path, kind: int, lost: str) -> Iterator[None]:
    """Hold a folder's lock as `take` does: against other processes.

    `flock` keeps out this one's other threads, too. No other kind does, and NFS knows
    none for a folder, which can't be open to write: threads need a lock of their own.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        take(handle, kind, lost)
        yield
    finally:
        os.close(handle)
