"""The training and evaluation steps: pure functions of (state, batch), under jit."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, PartitionSpec

from ocr_jax import ctc
from ocr_jax.augmentation import augment
from ocr_jax.decoding import greedy
from ocr_jax.inference import to_float
from ocr_jax.runtime import devices
from ocr_jax.train_state import TrainState

# What randomness is for, so that no two purposes share a key.
AUGMENTATION, DROPOUT = 0, 1


def _averaged(state: TrainState, decay: float) -> dict:
    """Update the weight average with the state's weights (Polyak and Juditsky, 1992).

    The decay grows from 2 / 11, so that the first weights are soon forgotten.
    """
    decay = jnp.minimum(decay, (1.0 + state.step) / (10.0 + state.step))
    weights = {kind: getattr(state, kind) for kind in state.average}
    return jax.tree.map(
        # What is equal stays so, to the last bit: an encoder that is frozen.
        lambda old, new: old + (1.0 - decay) * (new - old),
        state.average,
        weights,
    )


def _make_objective(model, config) -> Callable:
    """`objective(params, state, key, images, widths, batch)`, inside shard_map.

    Returns this device's share of the mean loss over all lines of the batch, and the
    sum of its losses, the lines counted on all devices, and the new batch_stats.
    """

    def objective(params, state, key, images, widths, batch):
        params = {
            part: jax.lax.stop_gradient(tree) if part == config.freeze else tree
            for part, tree in params.items()
        }
        (logits, lengths), updates = model.apply(
            {"params": params, "batch_stats": state.batch_stats},
            images,
            widths,
            train=True,
            rngs={"dropout": key},
            mutable=["batch_stats", "shortcut"],
        )
        labels = batch["label"], batch["label_length"]
        counted = batch["mask"] & ctc.is_feasible(lengths, *labels)
        heads = [logits, *jax.tree.leaves(updates.get("shortcut", {}))]
        with jax.named_scope("ctc"):  # of all heads at once, one program to compile
            losses = ctc.LOSSES[config.ctc_implementation](
                jnp.concatenate(heads),
                *(jnp.concatenate([x] * len(heads)) for x in (lengths, *labels)),
            )
        loss, *extra = jnp.sum(losses.reshape(len(heads), -1), axis=1, where=counted)
        lines = jax.lax.psum(jnp.sum(counted), devices.DATA)
        mean = (loss + config.shortcut_weight * sum(extra)) / jnp.maximum(lines, 1)
        return mean, (loss, lines, updates.get("batch_stats", {}))

    return objective


def _make_gradient(objective: Callable, mesh: Mesh) -> Callable:
    """`gradient(state, key, images, widths, batch) → (grads, loss, lines, stats)`."""

    def gradient(state, key, images, widths, batch):
        grads, (loss, lines, batch_stats) = jax.grad(objective, has_aux=True)(
            state.params, state, key, images, widths, batch
        )
        grads, loss = jax.lax.psum((grads, loss), devices.DATA)
        return grads, loss, lines, batch_stats

    everywhere, by_line = PartitionSpec(), PartitionSpec(devices.DATA)
    return jax.shard_map(
        gradient,
        mesh=mesh,
        in_specs=(everywhere, everywhere, by_line, by_line, by_line),
        out_specs=everywhere,
        # Gradients are of the lines here until they are summed, which it can't know.
        check_vma=False,
    )


def _make_update(tx, config) -> Callable:
    """`update(state, grads, batch_stats) → (state, gradient norm)`."""

    def update(state, grads, batch_stats):
        with jax.named_scope("optimizer"):
            changes, opt_state = tx.update(grads, state.opt_state, state.params)
            params = optax.apply_updates(state.params, changes)
        state = state.replace(
            step=state.step + 1,
            params=params,
            batch_stats=batch_stats,
            opt_state=opt_state,
        )
        if config.ema_decay:
            state = state.replace(average=_averaged(state, config.ema_decay))
        return state, optax.tree.norm(grads)

    return update


def make_train_step(model, tx, config, mesh: Mesh) -> Callable:
    """A recogniser's `train_step(state, batch) → (state, metrics)`; see make_step.

    model: built for the axis DATA. Lines count that are real and feasible.
    """

    def augmentation(key, batch):
        images = to_float(batch["image"])
        return augment.augment(key, images, batch["width"], config.augment)

    objective = _make_objective(model, config)
    return make_step(objective, augmentation, tx, config, mesh)


def make_step(
    objective: Callable, augmentation: Callable, tx, config, mesh: Mesh
) -> Callable:
    """`train_step(state, batch) → (state, metrics)`; the old state is donated.

    The batch is sharded over the mesh. Devices communicate only by summing batch-norm
    statistics, losses and gradients.

    augmentation(key, batch) returns images (B, H, W) and widths (B,). objective(params,
    state, key, images, widths, batch), which runs on each device's share of the batch,
    returns its share of the batch's mean loss, and (the sum of its losses, how many
    count on all devices, new batch_stats). metrics: sums over the batch, as device
    scalars: `loss`, `lines` (those that count) and the global `grad_norm` before
    clipping.
    """

    # A CPU gets three programs: the update is compiled once for all widths, and the
    # augmentation's 10 ms became 300 inside another program (jax 0.10).
    in_parts = jax.default_backend() == "cpu" and config.steps_per_dispatch == 1
    jit = devices.jit if in_parts else lambda function, **_: function

    augmentation = jit(augmentation)
    gradient = jit(_make_gradient(objective, mesh))
    update = jit(_make_update(tx, config), donate_argnums=0)

    def settled(arguments):
        # A collective among a CPU's devices may wait for ever, all threads being taken,
        # if its program was queued before its arguments were there.
        if in_parts and mesh.size > 1:
            jax.block_until_ready(arguments)
        return arguments

    def train_step(seed, state, batch):
        keys = _step_keys(seed, state.step)
        state, batch, (augmenting, dropping) = settled((state, batch, keys))
        images, widths = settled(augmentation(augmenting, batch))
        grads, loss, lines, batch_stats = gradient(
            state, dropping, images, widths, batch
        )
        state, norm = update(state, grads, batch_stats)
        return state, {"loss": loss, "lines": lines, "grad_norm": norm}

    if not in_parts:
        train_step = jax.jit(train_step, donate_argnums=1)
    # An argument, no constant: trainings with other seeds need not compile again.
    return functools.partial(train_step, np.int32(config.seed))


def make_train_steps(train_step: Callable) -> Callable:
    """`train_steps(state, batches) → (state, metrics)`: one update a batch.

    Several batches, of one shape, are one program: a GPU that computes a step sooner
    than Python dispatches it need not wait. metrics: scalars of one batch, (n,) of
    several. The old state is donated.
    """

    @functools.partial(jax.jit, donate_argnums=0)
    def in_one_program(state, batches):
        stacked = jax.tree.map(lambda *arrays: jnp.stack(arrays), *batches)
        return jax.lax.scan(train_step, state, stacked)

    def train_steps(state, batches):
        if len(batches) == 1:
            return train_step(state, batches[0])
        if jax.default_backend() == "cpu":  # see `settled`
            jax.block_until_ready((state, batches))
        return in_one_program(state, batches)

    return train_steps


@jax.jit
def _step_keys(seed: jax.Array, step: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Derive a step's random keys, for AUGMENTATION and DROPOUT; none is stored."""
    key = jax.random.fold_in(jax.random.key(seed), step)
    return jax.random.fold_in(key, AUGMENTATION), jax.random.fold_in(key, DROPOUT)


class EvalOutputs(NamedTuple):
    """Outputs of `eval_step` for a batch of B lines, T frames long."""

    losses: jax.Array  # (B,)
    feasible: jax.Array  # (B,) whether the label fits into the frames
    decoded: greedy.Decoded
    likeliest: jax.Array  # (B, 3) ids: see greedy.likeliest
    # (of characters (B, T), of lines (B,)) at each temperature
    confidences: list[tuple[jax.Array, jax.Array]]


def make_eval_step(
    logits_step, mesh: Mesh, temperatures=(1.0,), read=greedy.GREEDY
) -> Callable:
    """`eval_step(state, batch) → EvalOutputs`.

    read: that of a decoders.Decoder, a pytree, since its tables are too large for
    constants.
    """

    def eval_step(state, batch):
        # Programs of their own: each is compiled once, however lines are scored.
        logits, lengths = logits_step(state, batch)
        outputs, fused = _score(read, logits, lengths, batch, mesh)
        path = outputs.decoded.path
        confidences = [
            _confidences(path, fused, lengths, np.float32(temperature))
            for temperature in temperatures
        ]
        return outputs._replace(confidences=confidences)

    return eval_step


@functools.partial(jax.jit, static_argnames="mesh")
def _score(read, logits, lengths, batch, mesh: Mesh):
    def score(read, logits, lengths, batch):
        labels = batch["label"], batch["label_length"]
        losses = ctc.ctc_loss(logits, lengths, *labels)
        feasible = ctc.is_feasible(lengths, *labels)
        path, fused = read(logits, lengths)
        decoded = greedy.read_path(path, fused, lengths)
        likeliest = greedy.likeliest(logits)
        return EvalOutputs(losses, feasible, decoded, likeliest, []), fused

    by_line = PartitionSpec(devices.DATA)
    # Left to itself, XLA would have each device know the others' lines.
    score = jax.shard_map(
        score,
        mesh=mesh,
        in_specs=(PartitionSpec(), by_line, by_line, by_line),
        out_specs=by_line,
        check_vma=False,
    )
    return score(read, logits, lengths, batch)


@jax.jit
def _confidences(path, fused, lengths, temperature):
    decoded = greedy.read_path(path, fused, lengths, temperature)
    return decoded.confidences, decoded.line_confidences
