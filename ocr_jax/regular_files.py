"""Files read and replaced whole; pipes, sockets and devices are refused."""

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from ocr_jax.errors import UserError, reason


def checked(path: str | os.PathLike) -> Path:
    """Return the path. Raises OSError if it exists and is no regular file.

    What else looks like a file may never end, or isn't to be replaced by one.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "a pipe or a device, not a file", str(path))
    return Path(path)


def read_text(path: str | os.PathLike, named: str = "") -> str:
    """Return a UTF-8 text, without a byte order mark.

    named: what a message calls it, as in --text=FILE. Raises UserError if it can't be
    read.
    """
    named = named or str(path)
    try:
        return checked(path).read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{named} is not UTF-8 text: save it as UTF-8") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in its name
        raise UserError(f"{named} can't be read: {reason(error, path)}") from None


@contextlib.contextmanager
def replaced(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a path to write to, of a file that replaces `path` if nothing fails.

    A link stays one: its file is new. Raises OSError if `path` is a pipe or a device.
    """
    path = Path(os.path.realpath(path))
    if path.exists():
        checked(path)
    # Two threads may write the same file.
    writer = f"{os.getpid()}-{threading.get_ident():x}"
    partial = path.with_name(f".{path.stem[:100]}.{writer}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):  # which would hide why it failed
            partial.unlink()
        raise
