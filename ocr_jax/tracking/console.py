"""Shows a training on the console: a progress bar, and one row per epoch.

If the output is not a terminal, everything is plain text without escape codes: one line
per epoch, and a line of progress every half minute.
"""

import math
import os
import sys
import time

import rich.console
import rich.progress
from rich.text import Text

SECONDS_BETWEEN_PLAIN_LINES = 30.0
ABSENT = "–"
# title, metric, format
COLUMNS = (
    ("loss", "train/loss", "{:.3f}"),
    ("val loss", "validation/loss", "{:.3f}"),
    ("CER", "validation/cer", "{:.2%}"),
    ("WER", "validation/wer", "{:.2%}"),
    ("accuracy", "validation/character_accuracy", "{:.2%}"),
    ("exact", "validation/exact", "{:.2%}"),
    ("lines/s", "train/lines_per_second", "{:.1f}"),
)
OF_CHARACTERS = (
    ("loss", "train/loss", "{:.3f}"),
    ("val loss", "validation/loss", "{:.3f}"),
    ("accuracy", "validation/exact", "{:.2%}"),
    ("top 3", "validation/top3", "{:.2%}"),
    ("lines/s", "train/lines_per_second", "{:.1f}"),
)
OF_PAGES = (
    ("loss", "train/loss", "{:.3f}"),
    ("F1", "validation/f1", "{:.3f}"),
    ("precision", "validation/precision", "{:.3f}"),
    ("recall", "validation/recall", "{:.3f}"),
    ("tiles/s", "train/tiles_per_second", "{:.1f}"),
)


class Display:
    """The progress of one training, on standard output unless a stream is given."""

    def __init__(self, num_epochs: int, stream=None):
        self._num_epochs = num_epochs
        self._console = open_console(stream)
        self._bar = None
        self._has_header = False
        self._started = None  # (time, epochs done) at the first sign of progress
        self._last_line = time.monotonic()

    def close(self):
        """Remove the bar; printed lines stay."""
        if self._bar:
            self._bar.stop()

    def message(self, text: str, style: str = ""):
        """Print one line, above the bar."""
        self._console.print(Text(text, style), soft_wrap=True)

    def progress(self, epochs_done: float, values: dict[str, float]):
        """Show progress. epochs_done counts from the start of the run, such as 2.5."""
        remaining = self._remaining(epochs_done)
        text = progress_text(epochs_done, self._num_epochs, values, remaining)
        if self._console.is_terminal:
            self._move_bar(epochs_done, text)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_PLAIN_LINES:
            self._last_line = time.monotonic()
            self.message(text)

    def waiting(self, text: str):
        """Say what takes its time before there is progress to show."""
        if self._console.is_terminal:
            self._move_bar(0.0, text)
        else:
            self.message(text)

    def epoch(self, epoch: int, values: dict[str, float], best: bool):
        """Print the row of an epoch, and the table's header before the first."""
        if not self._has_header:
            self._has_header = True
            self.message(header(columns(values)), "bold")
        self._last_line = time.monotonic()
        self.message(epoch_row(epoch, values, best), "green" if best else "")

    def _remaining(self, epochs_done: float) -> float:
        """Return the seconds left at the current pace; NaN before the first step."""
        self._started = self._started or (time.monotonic(), epochs_done)
        seconds = time.monotonic() - self._started[0]
        covered = epochs_done - self._started[1]
        left = self._num_epochs - epochs_done
        return seconds / covered * left if covered > 0 else math.nan

    def _move_bar(self, epochs_done: float, text: str):
        if self._bar is None:
            # Redraw only on updates: a refresh thread would slow the training.
            self._bar = rich.progress.Progress(
                rich.progress.BarColumn(20),
                rich.progress.TextColumn("{task.description}", markup=False),
                console=self._console,
                auto_refresh=False,
                transient=True,
            )
            self._bar.add_task("", total=self._num_epochs)
            self._bar.start()
        task = self._bar.task_ids[0]
        self._bar.update(task, completed=epochs_done, description=text, refresh=True)


def columns(values: dict[str, float]) -> tuple[tuple[str, str, str], ...]:
    """Return the columns of the table: those of characters, pages or lines."""
    if "validation/f1" in values:
        return OF_PAGES
    return OF_CHARACTERS if "validation/top3" in values else COLUMNS


def header(shown_columns=COLUMNS) -> str:
    """Return the header of the table of epochs."""
    titles = "".join(f"{title:>10}" for title, _, _ in shown_columns)
    return f"epoch{titles}      time"


def epoch_row(epoch: int, values: dict[str, float], best: bool) -> str:
    """Return one row of the table of epochs; the best so far ends in *."""
    cells = [shown(values.get(key), form) for _, key, form in columns(values)]
    seconds = [values.get(f"{part}/seconds", 0.0) for part in ("train", "validation")]
    cells.append(duration(sum(seconds)))
    return f"{epoch:>5}" + "".join(f"{cell:>10}" for cell in cells) + " *" * best


def progress_text(
    epochs_done: float, num_epochs: int, values: dict, remaining: float
) -> str:
    """Return `epoch 3/50 (40 %)`, loss, speed and time left, in one line."""
    epoch = max(math.ceil(epochs_done), 1)
    unit = "tiles" if "train/tiles_per_second" in values else "lines"
    speed = shown(values.get(f"train/{unit}_per_second"), "{:.1f}")
    return (
        f"epoch {epoch}/{num_epochs} ({epochs_done - epoch + 1:.0%})  "
        f"loss {shown(values.get('train/loss'), '{:.3f}')}  "
        f"{speed} {unit}/s  "
        f"ETA {duration(remaining)}"
    )


def shown(value: float | None, form: str) -> str:
    """Format a value, such as with "{:.2%}"; a dash for None, NaN and infinity."""
    return ABSENT if value is None or not math.isfinite(value) else form.format(value)


def duration(seconds: float) -> str:
    """Format a duration as `12s`, `4m05s` or `3h20m`."""
    if not math.isfinite(seconds):
        return ABSENT
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"


def open_console(stream=None) -> rich.console.Console:
    """Open a console with colours only on a terminal, whatever FORCE_COLOR says."""
    stream = stream or sys.stdout
    is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    return rich.console.Console(
        file=stream,
        force_terminal=is_terminal,
        color_system="auto" if is_terminal else None,
        width=None if is_terminal else 100,
        highlight=False,
    )
