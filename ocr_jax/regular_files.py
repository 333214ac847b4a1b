"""Refuses what looks like a file and never ends: pipes, sockets and devices."""

import errno
import os
import stat
from pathlib import Path


def checked(path: str | os.PathLike) -> Path:
    """Return the path. Raises OSError if it exists and is no regular file."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "a pipe or a device, not a file", str(path))
    return Path(path)
