"""How far a training has come: logged as it goes, and saved with every checkpoint."""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import ml_collections
import numpy as np
import optax

from ocr_jax.data import dataset
from ocr_jax.errors import UserError
from ocr_jax.tracking.tracker import Tracker


class Progress(NamedTuple):
    """Training progress outside the TrainState; saved with every checkpoint."""

    epoch: int = 0  # epochs finished
    batch: int = 0  # batches finished in the current epoch, and sums over them:
    loss: float = 0.0
    lines: int = 0
    seconds: float = 0.0
    best_cer: float | None = None
    stale_epochs: int = 0  # since the best CER


class Run(NamedTuple):
    """What stays fixed during a training."""

    config: ml_collections.ConfigDict
    data: dataset.Dataset
    lines: dataset.LabelledSplit  # what is trained on
    batches_per_epoch: int
    mesh: jax.sharding.Mesh
    schedule: optax.Schedule
    train_steps: Callable
    logits_step: Callable
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
            line_ids = [run.lines.lines.line_ids[index] for index in row.indices]
            raise UserError(
                f"the loss is {loss} at step {step}, on the lines "
                f"{', '.join(line_ids)}: look at them, or lower config.learning_rate"
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
        "train/lines_per_second": read / seconds,
        # Augmentation can make a line too narrow for its label: it is left out then.
        "train/impossible_lines": read - sums["lines"],
    }
    run.tracker.log(last_step, values)
    done = progress.epoch + progress.batch / run.batches_per_epoch
    run.tracker.progress(done, values)
    return progress
