"""Does a GPU compute what a CPU computes? Steps, gradients, decoding and batches."""

import contextlib
import itertools

import ctc as ctc_benchmark
import jax
import jax.numpy as jnp
import lstm as lstm_benchmark
import numpy as np
import optax
import step
import timing
from gpu_learning import draw_lines_file
from gpu_report import Report
from jax.sharding import Mesh
from rapidfuzz.distance import Levenshtein

from ocr_jax import inference, steps
from ocr_jax.data import dataset, plan, resident, tf_data
from ocr_jax.decoding import beam, greedy, language_model
from ocr_jax.models import recurrent
from ocr_jax.runtime import devices

# The greatest difference in float32, the greatest value of an array being 1.
BOUND = 1e-3
# Edits a character between two readings of the same weights: rounding may tip a frame.
EDITS = 0.01
LINES = 8
# Compared once, in float32: the programs of the other steps compile without it.
NOT_AUGMENTED = {"augment": {"probability": 0.0}}


def checks(report: Report, args):
    """One row a check: how far off, and what is allowed."""
    del args
    with jax.default_matmul_precision("highest"):
        for name, check in CHECKS.items():
            report.attempt(name, check, name)


def _say(report: Report, work: str, off: float, bound: float):
    # Written so that NaN is off, too.
    result = "right" if off <= bound else "OFF"
    report.row(work=work, off=float(off), bound=float(bound), result=result)


def _devices() -> dict[str, jax.Device]:
    """The CPU, and the device that JAX computes on."""
    return {"cpu": jax.devices("cpu")[0], "device": jax.devices()[0]}


def _worst(pairs) -> float:
    return max(timing.difference(*map(np.float64, pair)) for pair in pairs)


def _on_each(function, *arguments) -> list:
    """What a function returns on the CPU and on the device, as NumPy arrays."""
    return [
        jax.device_get(function(*jax.device_put(arguments, device)))
        for device in _devices().values()
    ]


def _compare(report: Report, name: str, function, *arguments):
    one, other = map(jax.tree.leaves, _on_each(jax.jit(function), *arguments))
    _say(report, name, _worst(zip(one, other, strict=True)), BOUND)


def _step_work(report: Report, **changes):
    """(config, batch) of a step whose first momentum is its gradient."""
    config, batch = step.make_work("lines", LINES, quick=report.quick)
    config = step.without_dropout(config)
    config.update({"optimizer": "sgd", "grad_clip": 0.0, "ema_decay": 0.0, **changes})
    if report.quick:  # other checks are of the LSTM
        config.update({"lstm_layers": 0, "shortcut_weight": 0.0})
    return config, batch


def _gradients(config, batch, state, device) -> tuple[float, list[np.ndarray]]:
    """(mean loss, gradient) of a step on a device from a given state."""
    model, tx = step.make_network(config)
    mesh = Mesh(np.array([device]), (devices.DATA,))
    train_step = steps.make_train_step(model, tx, config, mesh)
    placed = devices.replicate(state, mesh), devices.shard(batch, mesh)
    state, metrics = jax.device_get(train_step(*placed))
    trace = optax.tree.get(state.opt_state, "trace")
    return metrics["loss"] / metrics["lines"], jax.tree.leaves(trace)


def _training_step(report: Report, name: str, **changes):
    config, batch = _step_work(report, **changes)
    state = step.make_state(config, batch["image"].shape[1])[2]
    places = _devices()
    other, others = _gradients(config, batch, state, places["device"])
    config.lstm_implementation = "scan"
    loss, grads = _gradients(config, batch, state, places["cpu"])
    _say(report, f"{name}: loss", abs(loss - other) / abs(loss), BOUND)
    _say(report, f"{name}: gradient", _worst(zip(grads, others, strict=True)), BOUND)


def _low_precision(report: Report, name: str):
    """bfloat16 may be twice as far from float32 as a CPU's bfloat16 is."""
    config, batch = _step_work(report, **NOT_AUGMENTED)
    state = step.make_state(config, batch["image"].shape[1])[2]
    places = _devices()
    _, exact = _gradients(config, batch, state, places["cpu"])
    config.dtype = "bfloat16"
    cpus, ours = (
        _relative(exact, _gradients(config, batch, state, device)[1])
        for device in places.values()
    )
    _say(report, name, ours, 2 * cpus)


def _relative(exact, found) -> float:
    """The norm of the difference of two gradients beside that of the exact one."""
    squares = sum(
        np.array([np.sum((a - b) ** 2), np.sum(a**2)], np.float64)
        for a, b in zip(exact, found, strict=True)
    )
    return float(np.sqrt(squares[0] / squares[1]))


def _ctc(report: Report, name: str):
    shape = (ctc_benchmark.QUICK if report.quick else ctc_benchmark.SHAPES)[0]
    logits, *rest = ctc_benchmark.random_lines(*shape)

    def both(logits, *rest):
        def total(logits):
            losses = ctc_benchmark.ctc.ctc_loss(logits, *rest)
            return losses.sum(), losses

        grads, losses = jax.grad(total, has_aux=True)(logits)
        return losses, grads

    _compare(report, name, both, logits, *rest)


def _lstm(report: Report, name: str, implementation: str = "scan"):
    shape = (lstm_benchmark.QUICK if report.quick else lstm_benchmark.SHAPES)[0]
    size, frames, features, dim = shape
    generator = np.random.default_rng(0)
    x = generator.normal(size=(size, frames, features)).astype(np.float32)
    lengths = generator.integers(1, frames + 1, size).astype(np.int32)
    stacks = [
        recurrent.LSTMStack(1, dim, True, 0.0, jnp.float32, kind)
        for kind in ("scan", implementation)
    ]
    params = jax.jit(stacks[0].init)(jax.random.key(0), x, lengths)
    inside = np.arange(frames)[:, None] < lengths[:, None, None]

    def work(stack):
        def total(params, x):
            y = jnp.where(inside, stack.apply(params, x, lengths), 0.0)
            return jnp.sum(jnp.sin(y)), y

        return jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))

    one, other = (
        jax.tree.leaves(
            jax.device_get(work(stack)(*jax.device_put((params, x), device)))
        )
        for stack, device in zip(stacks, _devices().values(), strict=True)
    )
    _say(report, name, _worst(zip(one, other, strict=True)), BOUND)


def _logits(report: Report):
    """A network with random weights, and the logits (B, T, C) that a CPU gets of it."""
    config, batch = _step_work(report)
    model, _, state = step.make_state(config, batch["image"].shape[1])

    def read(state, images, widths):
        return inference.predict_logits(model, state, images, widths)

    return jax.jit(read), (state, batch["image"], batch["width"])


def _reading(report: Report, name: str):
    read, arguments = _logits(report)
    (logits, lengths), (others, _) = _on_each(read, *arguments)
    _say(report, f"{name}: logits", timing.difference(logits, others), BOUND)
    texts = [_texts(*greedy.greedy_decode(x, lengths)[:2]) for x in (logits, others)]
    _say(report, f"{name}: edits a character", _edits(*texts), EDITS)


def _beam(report: Report, name: str):
    read, arguments = _logits(report)
    # Bold logits: those of a network that has learnt nothing read as blanks.
    logits, lengths = jax.device_get(read(*arguments))
    logits = np.random.default_rng(1).normal(0, 4, logits.shape).astype(np.float32)
    lines = np.random.default_rng(2).integers(1, step.CLASSES, (50, 20)).tolist()
    ngrams = language_model.count(lines, 4, step.CLASSES)
    guide = beam.Guide(
        jax.tree.map(jnp.asarray, language_model.build(ngrams)), 0.5, 1.0
    )
    found = _on_each(jax.jit(beam.beam_search), guide, logits, lengths)
    texts = [_texts(*labels) for labels in found]
    _say(report, f"{name}: edits a character", _edits(*texts), EDITS)


def _texts(labels, lengths) -> list[list[int]]:
    return [
        row[:length].tolist()
        for row, length in zip(np.asarray(labels), np.asarray(lengths), strict=True)
    ]


def _edits(expected, found) -> float:
    edits = sum(map(Levenshtein.distance, expected, found))
    return edits / max(1, sum(map(len, expected)))


def _batches(report: Report, name: str):
    """The resident loader's batches beside those that the host pads, or tf.data."""
    path = draw_lines_file(report.out, lines=40)
    config, _ = step.make_work("lines", LINES, quick=True)
    config.update({"lines_file": str(path), "batch_size": LINES})
    split = dataset.load(config, ("train",)).splits["train"]
    shares = plan.shares(split.plan(config, 0), LINES)
    mesh = Mesh(np.array(jax.devices()[:1]), (devices.DATA,))
    kind, others = "padded by the host", (tf_data.pad(split, s) for s in shares)
    with contextlib.suppress(ImportError):
        kind, others = "tf.data's", tf_data.batches(split, shares)
    batches = zip(resident.batches(split, shares, mesh), others, strict=True)
    different = sum(
        not np.array_equal(one[key], other[key])
        for one, other in itertools.chain(batches)
        for key in other
    )
    _say(report, f"{name} beside those {kind}: arrays that differ", float(different), 0)


CHECKS = {
    "training step, float32": _training_step,
    "CTC, losses and gradients": _ctc,
    "LSTM, outputs and gradients": _lstm,
    "LSTM by cuDNN": lambda report, name: _lstm(report, name, "cudnn"),
    "training step by cuDNN, float32": lambda report, name: _training_step(
        report, name, lstm_implementation="cudnn", **NOT_AUGMENTED
    ),
    "training step, bfloat16: gradient": _low_precision,
    "reading": _reading,
    "beam search": _beam,
    "resident batches": _batches,
}
