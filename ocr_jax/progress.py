"""How far a training has come: logged as it goes, and saved with every checkpoint."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
import optax

from ocr_jax.errors import UserError
from ocr_jax.tracking.tracker import Tracker


class Progress(NamedTuple):
    """Training progress outside the TrainState; saved with every checkpoint."""

    epoch: int = 0  # epochs finished
    batch: int = 0  # batches finished in the current epoch, and sums over them:
    loss: float = 0.0
    lines: int = 0
    seconds: float = 0.0
    best_error: float | None = None  # of validation: the CER, or 1 - F1 of baselines
    stale_epochs: int = 0  # since the best

    @classmethod
    def saved(cls, values: dict) -> "Progress":
        """Return the progress of a checkpoint, which may be an old one."""
        values = dict(values)
        if "best_cer" in values:
            values["best_error"] = values.pop("best_cer")
        return cls(**values)


class Validated(NamedTuple):
    """How well the state after an epoch does on validation."""

    error: float  # the lower the better: decides which state is kept
    scores: dict[str, float]  # what is logged
    show: Callable  # keeps examples, once the state is saved


class Run(NamedTuple):
    """What stays fixed during a training."""

    config: ml_collections.ConfigDict
    task: Any  # line_training.LineTraining, or page_training.PageTraining
    batches_per_epoch: int
    schedule: optax.Schedule
    train_steps: Callable
    tracker: Tracker


def log_steps(
    run: Run, state, progress: Progress, pending, metrics, since: float
) -> Progress:
    """Fetch and log the metrics of the last few steps; add them to the epoch's sums.

    pending: the plan rows of these steps; metrics: what `run.train_steps` returned.
    Raises UserError, naming step and lines, if a loss is not finite.
    """
    fetched = jax.device_get(metrics)
    seconds = time.monotonic() - since
    values = {key: np.hstack([v[key] for v in fetched]) for key in fetched[0]}
    last_step = int(state.step)
    for offset, (row, loss) in enumerate(zip(pending, values["loss"], strict=True)):
        if not np.isfinite(loss):
            step = last_step - len(pending) + 1 + offset
            names = ", ".join(run.task.names(row.indices))
            raise UserError(
                f"the loss is {loss} at step {step}, on the {run.task.unit}s {names}: "
                "look at them, or lower config.learning_rate"
            )
    sums = {key: float(array.sum(dtype=np.float64)) for key, array in values.items()}
    progress = progress._replace(
        batch=progress.batch + len(pending),
        loss=progress.loss + sums["loss"],
        lines=progress.lines + sums["lines"],
        seconds=progress.seconds + seconds,
    )
    read = sum(len(row.indices) for row in pending)
    values = {
        "train/loss": sums["loss"] / max(sums["lines"], 1),
        "train/grad_norm": sums["grad_norm"] / len(pending),
        "train/learning_rate": float(
            run.schedule((last_step - 1) // run.config.accumulate_steps)
        ),
        f"train/{run.task.unit}s_per_second": read / seconds,
        # Augmentation can make a line too narrow for its label: it is left out then.
        "train/impossible_lines": read - sums["lines"],
    }
    run.tracker.log(last_step, values)
    done = progress.epoch + progress.batch / run.batches_per_epoch
    run.tracker.progress(done, values)
    return progress
