"""Turns a user's mistake into one line: every command runs inside `exit_code`."""

import argparse
import errno
import gc
import io
import os
import signal
import sys
import threading
import unicodedata
from collections.abc import Callable

# EFBIG: a limit on the size of files, of an account or of an old file system.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class UserError(Exception):
    """A user's mistake. The message says what was found, expected, and what to do."""


class ArgumentParser(argparse.ArgumentParser):
    """An argument parser that raises UserError for mistakes; help keeps its lines."""

    def __init__(self, **options):
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)

    def error(self, message: str):
        raise UserError(f"{message} (see --help)")


def exit_code(command: Callable[[], int | None]) -> int:
    """Run `command`; turn mistakes, full disks and Ctrl-C into one line on stderr.

    Returns 0 (or what `command` returned), 2 for a mistake, 130 for Ctrl-C or SIGTERM.
    """
    if threading.current_thread() is threading.main_thread():
        # Like Ctrl-C, so that what is half written is removed.
        signal.signal(signal.SIGTERM, _terminate)
    if "jax" in sys.modules and not gc.get_freeze_count():
        # What was imported stays. To look for garbage in it, again and again while
        # programs are traced, takes a sixth of the time to read a line.
        gc.freeze()
    for stream in (sys.stdout, sys.stderr):
        # A name of a file may be no text, and a terminal may know few characters.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = command() or 0
        sys.stdout.flush()
        return code
    except UserError as error:
        return _say(str(error), 2)
    except KeyboardInterrupt as error:
        return _say(str(error) or "Interrupted.", 130)
    except BrokenPipeError:
        # The reader of our output went away (`… | head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # orbax reports a full disk as a ValueError
        if is_disk_full(error):
            reason = one_line(error, 80)
            return _say(f"The disk is full ({reason}): free some, run again.", 2)
        raise


def outlive_reader():
    """Have stdout go nowhere once its reader is gone, as `tee` is after Ctrl-C.

    For what takes hours and leaves files: its output is the least of it.
    """
    stream = sys.stdout
    if stream is sys.__stdout__ and isinstance(stream, io.TextIOWrapper):
        sys.stdout = _Outliving(
            stream.buffer,
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
        )


class _Outliving(io.TextIOWrapper):
    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except BrokenPipeError:
            return self._go_nowhere() or len(text)

    def flush(self):
        try:
            super().flush()
        except BrokenPipeError:
            self._go_nowhere()

    def _go_nowhere(self):
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def _terminate(*_):
    raise KeyboardInterrupt("Terminated.")


def is_disk_full(error: BaseException) -> bool:
    """Whether a full disk caused the error, also as HDF5 and Orbax word it."""
    while error is not None:
        if getattr(error, "errno", None) in FULL:
            return True
        if any(os.strerror(number) in str(error) for number in FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def printable(text: str) -> str:
    """Escape control characters, which a terminal would obey."""
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) == "Cc" else c
        for c in text
    )


def one_line(text: object, limit: int = 200) -> str:
    """Fold a message to one line of at most `limit` characters."""
    folded = " ".join(str(text).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def reason(error: BaseException, *named: object) -> str:
    """Say in one line why something failed, without its number at the system.

    named: paths that the message says already.
    """
    if not isinstance(error, OSError) or not error.strerror:
        return one_line(error)
    paths = [error.filename, error.filename2]
    others = [str(p) for p in paths if p is not None and str(p) not in map(str, named)]
    return one_line(": ".join([error.strerror, *others]))


def say(message: str):
    """Print a remark on stderr, in one line: names of files may have line breaks."""
    print("ocr_jax:", printable(" ".join(message.splitlines())), file=sys.stderr)


def _say(message: str, code: int) -> int:
    say(message)
    return code
