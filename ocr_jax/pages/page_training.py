"""What a training of a finder of lines is: its pages, network, step and scores."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ocr_jax import (
    decoders,
    inference,
    models,
    optimizers,
    pretrained,
    run_names,
    steps,
    train_state,
    workdirs,
)
from ocr_jax.data import dataset, pages_file, plan
from ocr_jax.errors import UserError
from ocr_jax.pages import finder, maps, page_scores, tiles
from ocr_jax.progress import Progress, Validated
from ocr_jax.recognizer import Recognizer
from ocr_jax.runtime import devices
from ocr_jax.scoring import page_metrics
from ocr_jax.sources import making
from ocr_jax.tracking.tracker import Tracker

TILES = 8  # of each page in an epoch
# Weights of the losses: where lines run, that as a whole, and how far letters reach.
EDGES, WHOLE, REACH = 3.0, 0.3, 0.5


class PageTraining:
    """The training of a finder of lines on the pages of config.lines_file.

    Raises UserError if they are missing, or changed since the run in `workdir` began.
    """

    unit = "tile"
    shapes = 1

    def __init__(self, config, workdir: Path):
        self.workdir = workdir
        making.make_missing(config)
        self._splits = load(config)
        workdirs.check_dataset(workdir, describe(self._splits))
        self.mesh = devices.make_mesh(config.batch_size)
        self._model = models.build_model(config, maps.KINDS, devices.DATA)
        self._logits_step = devices.jit(
            functools.partial(finder.predict_maps, self._model)
        )
        self._pages = self._splits["train"].pages
        self.size = TILES * len(self._pages)
        self.config = optimizers.with_epochs(config, self.size)

    def plan_epoch(self, epoch: int) -> list[plan.PlanRow]:
        """Return the batches of an epoch: TILES of each page, in a seeded order."""
        order = np.random.default_rng((self.config.seed, epoch)).permutation(self.size)
        size, shape = self.config.batch_size, plan.Bucket(tiles.SIDE, 0)
        starts = range(0, self.size, size)
        return [plan.PlanRow(shape, order[i : i + size]) for i in starts]

    def batches(
        self, rows: Sequence[plan.PlanRow], epoch: int, first: int
    ) -> Iterator[dict[str, jax.Array]]:
        """Yield the batches of an epoch's plan from `first` on."""
        process = jax.process_index(), jax.process_count()
        for share in plan.shares(rows, self.config.batch_size, process=process)[first:]:
            drawn = [self._tile(epoch, index) for index in share.indices]
            batch = {
                "image": np.stack([image for image, _ in drawn]),
                "maps": np.stack([of_image for _, of_image in drawn]),
                "mask": share.indices != plan.FILLER,
            }
            yield devices.shard(batch, self.mesh)

    def _tile(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        page = self._pages[max(index, 0) // TILES]  # a filler is not counted
        seed = (self.config.seed, epoch, max(index, 0))
        return tiles.draw(page, np.random.default_rng(seed))

    def names(self, indices: np.ndarray) -> list[str]:
        """Return the ids of the tiles' pages."""
        return [self._pages[index // TILES].page_id for index in indices]

    def optimizer(self, schedule):
        """Return the config's optimizer."""
        return optimizers.make_optimizer(self.config, schedule)

    def state_shapes(self, tx) -> train_state.TrainState:
        """Return the shapes of the training's state."""
        return train_state.state_shapes(self._model, tx, self.config, tiles.SIDE)

    def first_state(self, tx, shapes) -> train_state.TrainState:
        """Return the state before the first step: that of config.init_from, if any.

        Raises UserError if that is a network of another shape.
        """
        taken = train_state.as_drawn
        if self.config.init_from:
            state = finder.load(self.config.init_from).state
            _check_shapes(self.config, state, shapes)
            weights = {kind: getattr(state, kind) for kind in train_state.WEIGHTS}
            taken = jax.tree_util.Partial(lambda found, _: found, weights)
        side = tiles.SIDE
        return train_state.create_state(self._model, tx, self.config, side, taken)

    def start_of(self, first: train_state.TrainState) -> train_state.TrainState:
        """Return the network of config.init_from, which has all of the weights."""
        return train_state.for_inference(first)

    def train_step(self, tx):
        """Return `train_step(state, batch) → (state, metrics)`."""
        objective = make_objective(self._model)
        return steps.make_step(objective, images, tx, self.config, self.mesh)

    def announce(self, tracker: Tracker, parameters: int, *, is_start: bool):
        """Say what is about to be trained."""
        lines = sum(len(page.lines) for page in self._pages)
        tracker.message(
            f"{parameters:,} parameters, {len(self._pages)} training pages with "
            f"{lines:,} lines, {self.mesh.size} x {jax.devices()[0].platform}"
        )

    def validate(self, reader: train_state.TrainState, tracker: Tracker) -> Validated:
        """Find the lines of the validation pages."""
        scores = page_metrics.summary(self._score(reader, "validation"))
        return Validated(1.0 - scores["f1"], scores, lambda: None)

    def calibrate(self, best: train_state.TrainState):
        """Do nothing: lines have no confidence."""

    def finish(self, best: train_state.TrainState, progress: Progress, num_steps: int):
        """Score the best network on validation and test; print and write the scores."""
        scores = progress.kept() | {"parameters": train_state.count_parameters(best)}
        for name in workdirs.SCORED:
            if name in self._splits and jax.process_index() == 0:
                split, reader = self._splits[name], pretrained.RECOGNIZER
                rows = self._score(best, name, load_recognizer(split))
                print(page_scores.table(name, rows, reader))
                scores[name] = as_json(rows, split, reader)
        if jax.process_index() == 0:
            workdirs.write_json(self.workdir / "scores.json", scores)

    def _score(self, state, name: str, recognizer=None) -> list[page_metrics.PageScore]:
        state = jax.device_put(jax.device_get(state), jax.local_devices()[0])
        found = finder.Finder(self._logits_step, state)
        return page_scores.score(found, self._splits[name].pages, recognizer)


def _check_shapes(
    config, found: train_state.TrainState, wanted: train_state.TrainState
):
    """Raise UserError unless the network of config.init_from has the wanted shapes."""
    theirs, ours = (
        {k: jax.tree.map(lambda x: x.shape, getattr(s, k)) for k in train_state.WEIGHTS}
        for s in (found, wanted)
    )
    if theirs != ours:
        other = workdirs.load_config(run_names.resolve(config.init_from))
        raise UserError(
            f"config.init_from: {config.init_from} has conv_channels "
            f"{tuple(other.conv_channels)}, this run {tuple(config.conv_channels)}: "
            "start from a finder of the same shape, or take its conv_channels"
        )


def load_recognizer(
    split: pages_file.Split,
    name: str = pretrained.RECOGNIZER,
    decoder: str = decoders.GREEDY,
) -> Recognizer | None:
    """Load what reads the pages of a split; None if it has no texts to compare with."""
    if not (name and any(page.texts for page in split.pages)):
        return None
    return Recognizer.load(run_names.resolve(name), decoder)


def as_json(
    rows: list[page_metrics.PageScore],
    split: pages_file.Split,
    reader: str,
    decoder: str = decoders.GREEDY,
) -> dict:
    """Return what scores.json keeps of a split. reader: what read its lines, if any."""
    scores = page_metrics.summary(rows)
    was_read = "cer_whole" in scores
    return {
        "summary": scores,
        "pages": len(rows),
        "lines": scores["lines"],
        "digest": split.digest,
        "recognizer": reader if was_read else None,
        "decoder": decoder if was_read else None,
        "intervals": page_metrics.intervals(rows),
        "by_page": page_metrics.as_json(rows),
    }


def evaluate_workdir(
    workdir: Path | str,
    split: str,
    pages_path: str = "",
    *,
    recognizer: str = pretrained.RECOGNIZER,
    decoder: str = decoders.GREEDY,
) -> dict:
    """Score a run's best network on one split of a pages file; print the scores.

    workdir, recognizer: see run_names; "" reads nothing. pages_path: another file than
    the run's own. decoder: the recogniser's, one of decoders.NAMES. Raises UserError if
    the run's own pages are missing, or have changed since it was trained.
    """
    workdir = run_names.resolve(workdir)
    config = workdirs.load_config(workdir)
    if not pages_path:
        dataset.refuse_exported(workdir, dataset.NAME_ONE)
        making.make_missing(config, dataset.NAME_ONE)
    path = pages_path or config.lines_file
    splits = pages_file.read(path, (split,))
    if split not in splits:
        raise UserError(f"{path} has no {split} pages")
    if not pages_path:
        dataset.refuse_changed(splits, path, workdir, dataset.NAME_IT)
    reader = load_recognizer(splits[split], recognizer, decoder)
    rows = page_scores.score(finder.load(workdir), splits[split].pages, reader)
    print(page_scores.table(split, rows, recognizer, decoder))
    return as_json(rows, splits[split], recognizer, decoder)


def load(config) -> dict[str, pages_file.Split]:
    """Load the splits of config.lines_file, a pages file. Raises UserError."""
    splits = pages_file.read(config.lines_file, ("train", *workdirs.SCORED))
    for name in ("train", "validation"):
        if name not in splits:
            raise UserError(
                f"{config.lines_file} has no {name} pages: prepare it with others, or "
                "give them a share with --split"
            )
    return splits


def describe(splits: dict[str, pages_file.Split]) -> dict:
    """Return what identifies the data, as JSON; a run resumes only on the same."""
    return {"digests": {name: split.digest for name, split in splits.items()}}


def images(key, batch):
    """Return the images as floats, and their widths: tiles are varied as they load."""
    images = inference.to_float(batch["image"])
    return images, jnp.full(images.shape[0], tiles.SIDE)


def make_objective(model):
    """`objective(params, state, key, images, widths, batch)`: see steps.make_step."""

    def objective(params, state, key, images, widths, batch):
        predicted, updates = model.apply(
            {"params": params, "batch_stats": state.batch_stats},
            images,
            widths,
            train=True,
            mutable=["batch_stats"],
        )
        losses = loss(predicted, batch["maps"])
        total = jnp.sum(losses, where=batch["mask"])
        counted = jax.lax.psum(jnp.sum(batch["mask"]), devices.DATA)
        mean = total / jnp.maximum(counted, 1)
        return mean, (total, counted, updates["batch_stats"])

    return objective


def loss(predicted: jax.Array, true: jax.Array) -> jax.Array:
    """Return the losses (B,) of maps (B, h, w, 4): logits and scaled heights.

    Cross-entropy of BASELINE and END, the soft Dice loss of BASELINE (Milletari et al.,
    "V-Net", 3DV 2016), and where lines are, the error of ABOVE and BELOW.
    """
    kinds = np.array([maps.BASELINE, maps.END])
    edges = optax.sigmoid_binary_cross_entropy(predicted[..., kinds], true[..., kinds])
    marked, line = (
        jax.nn.sigmoid(predicted[..., maps.BASELINE]),
        true[..., maps.BASELINE],
    )
    both, either = jnp.sum(marked * line, (1, 2)), jnp.sum(marked + line, (1, 2))
    dice = 1.0 - (2.0 * both + 1.0) / (either + 1.0)
    heights = np.array([maps.ABOVE, maps.BELOW])
    has_height = true[..., maps.ABOVE, None] > 0
    off = jnp.abs(predicted[..., heights] - true[..., heights] / maps.HEIGHT)
    # At least one, or a tile without lines would divide by zero.
    size = jnp.maximum(jnp.sum(has_height, (1, 2, 3)), 1)
    off = jnp.sum(off * has_height, (1, 2, 3)) / size
    return EDGES * edges.mean((1, 2)).sum(-1) + WHOLE * dice + REACH * off
