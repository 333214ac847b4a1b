"""The bar that a terminal shows while images or pages are read."""

import contextlib
import sys
from collections.abc import Callable, Iterator

import rich.console
import rich.progress


@contextlib.contextmanager
def shown(total: int, out: object) -> Iterator[Callable[[], None]]:
    """Yield what to call after each of them; the bar is on stderr.

    out: where the readings go. There is no bar where they come on the same terminal.
    """
    if not sys.stderr.isatty() or (not out and sys.stdout.isatty()):
        yield lambda: None
        return
    console = rich.console.Console(stderr=True)
    with rich.progress.Progress(console=console, redirect_stdout=False) as bar:
        task = bar.add_task("Reading", total=total)
        yield lambda: bar.advance(task)
