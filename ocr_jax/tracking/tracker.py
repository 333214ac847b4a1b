"""Reports a training's progress to the console, metrics.jsonl and W&B."""

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ocr_jax.tracking import console, metrics_file, wandb_run


class Tracker:
    """A context manager that reports metrics to the console, the workdir and W&B.

    resume_step: the step of the checkpoint that a resumed run continues from. Rows
    logged after it are dropped, since they will be logged again. In a run of several
    processes, only the one with is_main prints and writes.
    """

    def __init__(self, workdir: Path, config, resume_step: int = 0, *, is_main=True):
        self._workdir = Path(workdir)
        self._config = config
        self._resume_step = resume_step
        self._is_main = is_main
        self._compiled: set[int] = set()

    def __enter__(self) -> "Tracker":
        if self._is_main:
            self._display = console.Display(self._config.num_epochs)
            metrics_file.forget_after(
                self._workdir / metrics_file.NAME, self._resume_step
            )
            self._file = open(self._workdir / metrics_file.NAME, "a", encoding="utf-8")
            self._wandb = wandb_run.WandbRun(
                self._workdir, self._config, self._display.message
            )
        return self

    def __exit__(self, error_type, *_):
        if self._is_main:
            self._display.close()
            self._file.close()
            self._wandb.finish(exit_code=0 if error_type is None else 1)

    def log(self, step: int, values: dict[str, float]):
        """Log the metrics of the last few steps."""
        if self._is_main:
            self._write({"step": step} | values)
            self._wandb.log(step, values)

    def progress(self, epochs_done: float, values: dict[str, float]):
        """Show progress and metrics; 2.5 epochs are half of the third epoch."""
        if self._is_main:
            self._display.progress(epochs_done, values)

    def compiling(self, width: int, task):
        """Say that the step is compiled, the first time that a batch has this width.

        task: what is trained, with the number of its `shapes`.
        """
        if self._is_main and width not in self._compiled:
            self._compiled.add(width)
            self._display.waiting(
                f"compiling the step for {task.unit}s up to {width} px wide "
                f"({len(self._compiled)} of {task.shapes})"
            )

    def epoch(self, step: int, epoch: int, values: dict[str, float], *, best: bool):
        """Log the metrics of an epoch; `best` if no earlier epoch was as good."""
        if self._is_main:
            self._write({"step": step, "epoch": epoch, "best": best} | values)
            self._display.epoch(epoch, values, best)
            # The mean over an epoch does not belong in W&B's curve of the same name.
            scores = {k: v for k, v in values.items() if not k.startswith("train/")}
            self._wandb.log(step, scores | {"epoch": epoch})

    def readings(self, step: int, shown: Sequence[tuple[str, np.ndarray, str, str]]):
        """Log (line_id, image (H, W) uint8, transcript, reading) of lines to W&B."""
        if self._is_main:
            self._wandb.readings(step, shown)

    def model(self, checkpoint: Path, name: str, metadata: dict):
        """Log the best checkpoint, a folder in the workdir, to W&B."""
        if self._is_main:
            self._wandb.model(checkpoint, name, metadata)

    def message(self, text: str):
        """Print a line on the console without breaking the progress bar."""
        if self._is_main:
            self._display.message(text)

    def _write(self, row: dict):
        row = {key: _plain(value) for key, value in row.items()}
        row["time"] = round(time.time(), 3)
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()


def _plain(value):
    """Convert a number for JSON; None if it is not finite."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
