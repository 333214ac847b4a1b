"""The live view of many trainings: a table that follows them, or plain lines."""

import collections
import math
import time
from collections.abc import Sequence

import rich.box
import rich.live
import rich.table
from rich.text import Text

from launching import job_status, jobs, local_executor
from ocr_jax import workdirs
from ocr_jax.tracking import console

SECONDS_BETWEEN_PLAIN_LINES = 60.0
# The first of these that a training logs is its score.
SCORES = ("CER", "F1", "accuracy")
STYLES = {"running": "cyan", "finished": "green", "failed": "red", "stopped": "yellow"}
INTERRUPTED = {
    1: "No more jobs are started; running ones finish. Ctrl-C again stops them.",
    2: "Stopping the running jobs, with a checkpoint. Ctrl-C again kills them.",
    3: "Killing the running jobs.",
}


class View(local_executor.Watcher):
    """Shows how jobs do, while entered: live on a terminal, else a line a change.

    expected: all jobs there will be, as far as that is known.
    """

    def __init__(self, expected: Sequence[jobs.Job] = (), stream=None):
        self._total = len(expected)
        self._console = console.open_console(stream)
        self._rows: dict[str, tuple[jobs.Job, job_status.Status]] = {}
        self._live = None
        self._last_line = time.monotonic()

    def __enter__(self) -> "View":
        if self._console.is_terminal:
            # Redrawn by tick: a thread would be in the way of fork.
            self._live = rich.live.Live(console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(self, *_):
        if self._live:
            self.tick()
            self._live.stop()
        self._say(self.summary())

    def changed(self, job: jobs.Job, status: job_status.Status):
        """Take up a job's new state, and say it."""
        self._rows[job.name] = job, status
        if not self._live:
            parts = [f"{status.state:<9}", job.name, *_details(status)]
            self._say(time.strftime("%H:%M:%S ") + "  ".join(parts))
        elif status.state == "failed":
            log = job.workdir / job_status.LOG
            where = f" ({log})" if log.exists() else ""
            self._say(f"{job.name} failed: {status.reason}{where}")

    def interrupted(self, count: int):
        """Say what that Ctrl-C does."""
        if count in INTERRUPTED:
            self._say(INTERRUPTED[count])

    def tick(self):
        """Draw the table anew; away from a terminal, a summary once a minute."""
        if self._live:
            self._live.update(self._table(), refresh=True)
        elif time.monotonic() - self._last_line > SECONDS_BETWEEN_PLAIN_LINES:
            self._last_line = time.monotonic()
            is_running = any(s.state == "running" for _, s in self._rows.values())
            waits = "" if is_running else "; waiting for a slot that others leave free"
            self._say(f"{self.summary()}{waits}")

    def summary(self) -> str:
        """How many jobs are in which state."""
        counts = collections.Counter(s.state for _, s in self._rows.values())
        counts["queued"] += max(0, self._total - len(self._rows))
        known = [f"{n} {state}" for state, n in counts.items() if n]
        return ", ".join(known) or "no job was started"

    def _table(self) -> rich.table.Table:
        table = rich.table.Table(box=rich.box.SIMPLE, highlight=False)
        for title in ("job", "slot", "epoch", "score", "speed", "ETA", "state"):
            right = title in ("epoch", "score", "speed", "ETA")
            table.add_column(title, justify="right" if right else "left")
        rows = sorted(self._rows.values(), key=lambda row: row[1].state != "running")
        # The summary and the frame take six lines.
        for job, status in rows[: max(1, self._console.height - 6)]:
            style = STYLES.get(status.state, "")
            table.add_row(*map(Text, _cells(job, status)), style=style)
        table.caption, table.caption_justify = self.summary(), "left"
        return table

    def _say(self, text: str):
        self._console.print(Text(text), soft_wrap=True)


def _cells(job: jobs.Job, status: job_status.Status) -> tuple[str, ...]:
    """A job's row: name, slot, epoch, score, speed, ETA, state."""
    running = status.state == "running"
    metrics = job_status.last_metrics(job.workdir) if running else status.metrics
    num_epochs = _num_epochs(job)
    unit, key, form = console.columns(metrics)[-1]
    return (
        job.name,
        status.slot,
        f"{metrics.get('epoch', 0)}/{num_epochs or console.ABSENT}",
        _score(metrics),
        f"{form} {unit}".format(metrics[key]) if key in metrics else console.ABSENT,
        console.duration(_remaining(num_epochs, metrics)) if running else "",
        status.state,
    )


def _score(metrics: dict) -> str:
    """What the last epoch reached, as CER 12.50% or F1 0.937; a dash at first."""
    for title, key, form in console.columns(metrics):
        if title in SCORES and metrics.get(key) is not None:
            return f"{title} {console.shown(metrics[key], form)}"
    return console.ABSENT


def _num_epochs(job: jobs.Job) -> int:
    """The epochs of a job, also where its lines decide; 0 if it is not known."""
    if job.num_epochs or not (job.workdir / "config.json").exists():
        return job.num_epochs or 0
    return workdirs.num_epochs(job.workdir)


def _details(status: job_status.Status) -> list[str]:
    """What a plain line says beyond name and state."""
    if status.state == "running":
        return [f"on {status.slot}"]
    score = _score(status.metrics)
    details = [score] if score != console.ABSENT else []
    if status.started and status.ended:
        details.append(console.duration(status.ended - status.started))
    return [*details, status.reason] if status.reason else details


def _remaining(num_epochs: int, metrics: dict) -> float:
    """The seconds that a job has left at the pace of its last epoch, NaN at first."""
    if not metrics or not num_epochs:
        return math.nan
    seconds = metrics.get("train/seconds", 0) + metrics.get("validation/seconds", 0)
    left = seconds * (num_epochs - metrics["epoch"])
    return max(0.0, left - (time.time() - metrics["time"]))
