"""What a training of a line recogniser is: its lines, network, step and scores."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from ocr_jax import (
    evaluate,
    inference,
    models,
    optimizers,
    reading_tables,
    steps,
    train_state,
    transfer,
    workdirs,
)
from ocr_jax.data import dataset, pipeline, plan, training_lines
from ocr_jax.progress import Progress, Validated
from ocr_jax.runtime import devices
from ocr_jax.scoring import report
from ocr_jax.sources import making
from ocr_jax.tracking.tracker import Tracker

# How many validation lines are kept with their readings after every epoch.
SHOWN_LINES = 12


class LineTraining:
    """The training of a recogniser on the lines of config.lines_file.

    Raises UserError if they are missing, or changed since the run in `workdir` began.
    """

    unit = "line"

    def __init__(self, config, workdir: Path):
        self.workdir = workdir
        self._known = transfer.known_characters(config, workdir)
        making.make_missing(config)
        self._data = training_lines.load(config, workdir, self._known)
        workdirs.check_dataset(workdir, self._data.describe())
        self.mesh = devices.make_mesh(config.batch_size)
        classes = self._data.charset.num_classes
        self._model = models.build_model(config, classes, devices.DATA)
        self._lines = dataset.leave_out_impossible(self._data, self._model)
        self._logits_step = inference.make_logits_step(self._model)
        self.shapes, self.size = len(self._lines.buckets), len(self._lines)
        self.config = optimizers.with_epochs(config, self.size)
        self._taken_over: list[str] = []

    def plan_epoch(self, epoch: int) -> list[plan.PlanRow]:
        """Return the batches of an epoch."""
        return self._lines.plan(self.config, epoch)

    def batches(
        self, rows: Sequence[plan.PlanRow], epoch: int, first: int
    ) -> Iterator[dict[str, jax.Array]]:
        """Yield the batches of an epoch's plan from `first` on."""
        return pipeline.batches(self._lines, rows, self.config, self.mesh, first=first)

    def names(self, indices: np.ndarray) -> list[str]:
        """Return the ids of lines."""
        return [self._lines.lines.line_ids[index] for index in indices]

    def optimizer(self, schedule):
        """Return the config's optimizer; letters that no line has stay as they are."""
        return transfer.keeping(
            optimizers.make_optimizer(self.config, schedule),
            transfer.kept_classes(self._known, self._data.charset, self._lines),
        )

    def state_shapes(self, tx) -> train_state.TrainState:
        """Return the shapes of the training's state."""
        return train_state.state_shapes(self._model, tx, self.config, self._data.height)

    def first_state(self, tx, shapes) -> train_state.TrainState:
        """Return the state before the first step: that of config.init_from, if any."""
        config, height = self.config, self._data.height
        self._replace, self._taken_over = transfer.taken_over(
            config, shapes, self._data
        )
        return train_state.create_state(self._model, tx, config, height, self._replace)

    def start_of(self, first: train_state.TrainState) -> train_state.TrainState:
        """Return what first_state took from config.init_from, NaN for all else."""
        reader = train_state.for_inference(first)
        weights = {kind: getattr(reader, kind) for kind in train_state.WEIGHTS}
        nothing = jax.tree.map(lambda array: jnp.full_like(array, jnp.nan), weights)
        return reader.replace(**devices.jit(self._replace)(nothing))

    def train_step(self, tx):
        """Return `train_step(state, batch) → (state, metrics)`."""
        return steps.make_train_step(self._model, tx, self.config, self.mesh)

    def announce(self, tracker: Tracker, parameters: int, *, is_start: bool):
        """Say what is about to be trained, and at the start what is odd about it."""
        tracker.message(
            f"{parameters:,} parameters, {len(self._data.charset.characters)} "
            f"characters, {len(self._lines)} training lines of height "
            f"{self._data.height}, {self.mesh.size} x {jax.devices()[0].platform}"
        )
        if is_start:
            remarks = training_lines.remarks(self._data, self._known)
            for remark in (*self._taken_over, *remarks):
                tracker.message(remark)

    def validate(self, reader: train_state.TrainState, tracker: Tracker) -> Validated:
        """Read the validation lines."""
        split, charset = self._data.splits["validation"], self._data.charset
        evaluation = evaluate.evaluate(
            self._logits_step, reader, split, charset, self.config
        )
        scores = evaluation.summary()
        return Validated(
            scores["cer"], scores, lambda: self._show(evaluation, reader, tracker)
        )

    def _show(self, evaluation: report.Evaluation, reader, tracker: Tracker):
        """Keep the readings of a few lines."""
        lines = self._data.splits["validation"].lines
        shown = [
            (lines.line_ids[i], lines.image(i), lines.transcripts[i], reading)
            for i, reading in enumerate(evaluation.readings[:SHOWN_LINES])
        ]
        if jax.process_index() == 0:
            reading_tables.write_readings(self.workdir, shown)
        tracker.readings(int(reader.step), shown)

    def calibrate(self, best: train_state.TrainState):
        """Fit the temperature of the best network's confidences, and keep it."""
        self._temperature = evaluate.calibrate(
            self._logits_step, best, self._data, self.config
        )
        if jax.process_index() == 0:
            workdirs.write_json(self.workdir / "calibration.json", self._temperature)

    def finish(self, best: train_state.TrainState, progress: Progress, num_steps: int):
        """Score the best network on validation and test; print and write the scores.

        progress: of the best network. num_steps: that were trained in all.
        """
        scores = progress.kept() | {"parameters": train_state.count_parameters(best)}
        is_main = jax.process_index() == 0
        if is_main:
            way = f", {progress.share:.0%} of the way to it" * (progress.share < 1)
            print(
                f"\nKept is the network of epoch {progress.epoch}{way}, of the lowest "
                "validation CER (*)"
            )
        by_split = evaluate.score_splits(
            self._logits_step,
            best,
            self._data,
            self.config,
            temperature=self._temperature["temperature"],
            workdir=self.workdir,
        )
        scores |= {name: split.as_json() for name, split in by_split.items()}
        if not is_main:
            return
        workdirs.write_json(self.workdir / "scores.json", scores)
        if by_split["validation"].has_learnt_nothing():
            planned = len(self.plan_epoch(0)) * self.config.num_epochs
            every = self.config.accumulate_steps
            made = num_steps // every  # fewer, where the training stopped early
            warmup = min(optimizers.warmup_steps(self.config, planned // every), made)
            print(
                report.why_nothing_was_learnt(
                    self.config, lines=self.size, updates=made, warmup=warmup
                )
            )
        else:
            print(
                "\nRead an image: python -m ocr_jax.predict "
                f"--workdir={shlex.quote(str(self.workdir))} IMAGE"
            )
