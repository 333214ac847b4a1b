"""How far a training has come: logged as it goes, and saved with every checkpoint."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import jax
import ml_collections
import numpy as np
import optax
from jax.sharding import Mesh

from ocr_jax.data import plan
from ocr_jax.errors import UserError
from ocr_jax.tracking.tracker import Tracker
from ocr_jax.train_state import TrainState


class Progress(NamedTuple):
    """Training progress outside the TrainState; saved with every checkpoint."""

    epoch: int = 0  # epochs finished
    batch: int = 0  # batches finished in the current epoch, and sums over them:
    loss: float = 0.0
    lines: int = 0
    seconds: float = 0.0
    best_error: float | None = None  # of validation: the CER, or 1 - F1 of baselines
    stale_epochs: int = 0  # since the best
    share: float = 1.0  # of the way from config.init_from that is kept: see between.py

    def kept(self) -> dict:
        """Return which network is kept: its epoch, its share of the way to that."""
        return {"epoch": self.epoch, "share": self.share}

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


class Task(Protocol):
    """What is trained: what the loop of train.py asks a kind of training for.

    LineTraining and PageTraining are the two kinds.
    """

    config: ml_collections.ConfigDict  # with a number of epochs
    mesh: Mesh
    unit: str  # what a batch has: a line, a tile
    size: int  # units in an epoch
    shapes: int  # of batches, each of which is compiled once

    def plan_epoch(self, epoch: int) -> list[plan.PlanRow]:
        """Return the batches of an epoch."""

    def batches(
        self, rows: Sequence[plan.PlanRow], epoch: int, first: int
    ) -> Iterator[dict[str, jax.Array]]:
        """Yield the batches of an epoch's plan from `first` on."""

    def names(self, indices: np.ndarray) -> list[str]:
        """Return what people call the units of a batch."""

    def optimizer(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """Return what updates the weights."""

    def state_shapes(self, tx: optax.GradientTransformation) -> TrainState:
        """Return the shapes of the training's state."""

    def first_state(
        self, tx: optax.GradientTransformation, shapes: TrainState
    ) -> TrainState:
        """Return the state before the first step."""

    def start_of(self, first: TrainState) -> TrainState:
        """Return what first_state took from config.init_from, NaN for all else."""

    def train_step(self, tx: optax.GradientTransformation) -> Callable:
        """Return `train_step(state, batch) → (state, metrics)`."""

    def announce(self, tracker: Tracker, parameters: int, *, is_start: bool):
        """Say what is about to be trained. is_start: and not gone on with."""

    def validate(self, reader: TrainState, tracker: Tracker) -> Validated:
        """Score a state after an epoch. reader: what is used of it."""

    def calibrate(self, best: TrainState):
        """Keep what the best state's confidences need, before W&B has the model."""

    def finish(self, best: TrainState, progress: Progress, num_steps: int):
        """Score the best state on all splits; write scores.json.

        progress: of the best state. num_steps: that were trained in all.
        """


class Run(NamedTuple):
    """What stays fixed during a training."""

    config: ml_collections.ConfigDict
    task: Task
    batches_per_epoch: int
    schedule: optax.Schedule
    train_steps: Callable
    tracker: Tracker


def log_steps(
    run: Run, state, progress: Progress, pending, *, metrics, since: float
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
