"""Connectionist temporal classification: the loss, and which labels are feasible.

Prefix probabilities get as small as e^-1000, which a float cannot represent. Logarithms
can, but they lose digits and cost an exp and a log per sum. The recursions use
(mantissa, exponent) pairs instead: mantissa * 2^exponent with a float32 in [1, 2) and
an int32. A sum takes a few integer operations and keeps all digits.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from ocr_jax.charset import BLANK

# NOTHING is the exponent of zero. A frame's probability is at least 2^LEAST, so that
# the product over thousands of frames stays above zero.
NOTHING = -(1 << 29)
LEAST = -(1 << 15)


def required_frames(
    labels: Int[ArrayLike, "b l"], label_lengths: Int[ArrayLike, " b"]
) -> Int[ArrayLike, " b"]:
    """Return the fewest frames that spell each label: its length plus its repeats.

    Two equal neighbours need a blank between them. Labels are zero padded. Works on
    NumPy arrays, without a device, and under jit.
    """
    inside = np.arange(1, labels.shape[1]) < label_lengths[:, None]
    repeats = (labels[:, 1:] == labels[:, :-1]) & inside
    return label_lengths + repeats.sum(axis=1)


def is_feasible(
    logit_lengths: Int[ArrayLike, " b"],
    labels: Int[ArrayLike, "b l"],
    label_lengths: Int[ArrayLike, " b"],
) -> Bool[ArrayLike, " b"]:
    """Return whether each label fits its frames; False for a line without frames."""
    required = required_frames(labels, label_lengths)
    return (required <= logit_lengths) & (logit_lengths > 0)


def optax_loss(
    logits: Float[ArrayLike, "b t c"],
    logit_lengths: Int[ArrayLike, " b"],
    labels: Int[ArrayLike, "b l"],
    label_lengths: Int[ArrayLike, " b"],
) -> Float[Array, " b"]:
    """Compute `ctc_loss` with optax, in log space: the same values, slower."""
    # Importing it takes 0.1 s, and reading lines doesn't need it.
    import optax

    feasible = is_feasible(logit_lengths, labels, label_lengths)
    # Empty an infeasible label first: the loss of an empty label is always finite.
    label_lengths = jnp.where(feasible, label_lengths, 0)
    losses = optax.ctc_loss(
        logits.astype(jnp.float32),
        _paddings(logit_lengths, logits.shape[1]),
        labels,
        _paddings(label_lengths, labels.shape[1]),
        blank_id=BLANK,
    )
    return jnp.where(feasible, losses, 0.0)


def _paddings(lengths: jax.Array, size: int) -> jax.Array:
    """Return optax's padding mask (B, size), float32: 1 where padded."""
    return (jnp.arange(size) >= lengths[:, None]).astype(jnp.float32)


@jax.custom_vjp
def ctc_loss(
    logits: Float[ArrayLike, "b t c"],
    logit_lengths: Int[ArrayLike, " b"],
    labels: Int[ArrayLike, "b l"],
    label_lengths: Int[ArrayLike, " b"],
) -> Float[Array, " b"]:
    """Compute the CTC loss of each line: -log p(label | line).

    The loss is not divided by the number of frames or characters. Its gradient with
    respect to the logits is computed together with it, by the forward-backward
    recursions.

    Args:
      logits: raw class scores (b, t, c); class 0 is the blank.
      logit_lengths: the number of frames of each line (b,).
      labels: label ids (b, l), zero padded on the right.
      label_lengths: the number of characters of each label (b,).

    Returns:
      The losses (b,), float32, never negative. If a label does not fit its frames, its
      loss and its gradient are exactly zero: count those lines with `is_feasible`.

    References:
      Graves et al., "Connectionist temporal classification: labelling unsegmented
      sequence data with recurrent neural networks", ICML 2006.
    """
    lattice = _Lattice.of(logits, logit_lengths, labels)
    total, _ = _forward(lattice, label_lengths, keep=False)
    feasible = is_feasible(logit_lengths, labels, label_lengths)
    return jnp.where(feasible, _loss(lattice, total), 0.0)


LOSSES = {"fast": ctc_loss, "optax": optax_loss}


class _Float(NamedTuple):
    """mantissa * 2^exponent, elementwise; the mantissa is in or near [1, 2)."""

    mantissa: jax.Array
    exponent: jax.Array

    @classmethod
    def of(cls, log2: jax.Array) -> "_Float":
        log2 = jnp.maximum(log2, LEAST)
        exponent = jnp.floor(log2)
        return cls(jnp.exp2(log2 - exponent), exponent.astype(jnp.int32))

    @classmethod
    def one_where(cls, condition: jax.Array) -> "_Float":
        """Return 1 where the condition holds, 0 elsewhere."""
        exponent = jnp.where(condition, 0, NOTHING).astype(jnp.int32)
        return cls(jnp.ones(condition.shape, jnp.float32), exponent)

    def value(self) -> jax.Array:
        return self.mantissa * _power_of_two(self.exponent)

    def __add__(self, other: "_Float") -> "_Float":
        exponent = jnp.maximum(self.exponent, other.exponent)
        one, two = (
            x.mantissa * _power_of_two(x.exponent - exponent) for x in (self, other)
        )
        return _Float(one + two, exponent)

    def __mul__(self, other: "_Float") -> "_Float":
        return _Float(self.mantissa * other.mantissa, self.exponent + other.exponent)

    def __truediv__(self, other: "_Float") -> "_Float":
        return _Float(self.mantissa / other.mantissa, self.exponent - other.exponent)

    def normalised(self) -> "_Float":
        """Return the same number with its mantissa in [1, 2)."""
        bits = lax.bitcast_convert_type(self.mantissa, jnp.int32)
        mantissa = lax.bitcast_convert_type(bits & 0x7FFFFF | 0x3F800000, jnp.float32)
        return _Float(mantissa, self.exponent + (bits >> 23) - 127)

    def shifted(self, by: int) -> "_Float":
        """Shift along the labels by 1 or -1, filling with zeros."""
        return _Float(
            _shifted(self.mantissa, by, 1.0), _shifted(self.exponent, by, NOTHING)
        )

    def at(self, row: jax.Array) -> "_Float":
        """Take row `row[b]` of each column b of (S, B): (B,)."""
        return _Float(*(jnp.take_along_axis(x, row[None], axis=0)[0] for x in self))


def _where(condition: jax.Array, new, old):
    """Apply `jnp.where` to arrays, or to tuples of arrays."""
    return jax.tree.map(functools.partial(jnp.where, condition), new, old)


def _power_of_two(exponent: jax.Array) -> jax.Array:
    """Return 2^exponent as a float32, for exponents up to 127; 0 below -126."""
    return lax.bitcast_convert_type(
        (jnp.maximum(exponent, -127) + 127) << 23, jnp.float32
    )


def _shifted(x: jax.Array, by: int, fill) -> jax.Array:
    edge = jnp.full((1, x.shape[1]), fill, x.dtype)
    return jnp.concatenate([edge, x[:-1]] if by > 0 else [x[1:], edge])


class _Lattice(NamedTuple):
    """The inputs of the recursions: S = L + 1 characters, the last of them a dummy.

    Lines are the last axis, so that neighbours along the labels are neighbouring rows.
    """

    log2_labels: jax.Array  # (T, S, B) log2 p of each line's characters
    log2_blank: jax.Array  # (T, 1, B)
    inside: jax.Array  # (T, 1, B) bool: within the line
    skips: jax.Array  # (S, B) bool: may follow the previous character without a blank

    @classmethod
    def of(cls, logits, logit_lengths, labels) -> "_Lattice":
        frames = jnp.arange(logits.shape[1])
        log2 = jax.nn.log_softmax(logits.astype(jnp.float32)) * jnp.log2(jnp.e)
        ids = _with_dummy(labels)
        index = jnp.broadcast_to(ids[:, None], (*log2.shape[:2], ids.shape[1]))
        return cls(
            jnp.take_along_axis(log2, index, axis=2).transpose(1, 2, 0),
            log2[:, :, BLANK].T[:, None],
            (frames[:, None] < logit_lengths)[:, None],
            jnp.not_equal(ids.T, _shifted(ids.T, 1, BLANK)),
        )


def _with_dummy(labels: jax.Array) -> jax.Array:
    """Append one more character, a blank, to labels (B, L): (B, S)."""
    return jnp.pad(labels, ((0, 0), (0, 1)), constant_values=BLANK)


def _forward(lattice: _Lattice, label_lengths, *, keep: bool):
    """Return p(label) (B,) and the probabilities of prefixes, by last character.

    The latter (T, S, B) are None unless `keep`.
    """

    def step(prefixes, frame):
        label, blank = prefixes
        log2_labels, log2_blank, inside, _ = frame
        either = blank + label.shifted(1)
        arrived = label + _where(lattice.skips, either, blank)
        new = (
            (arrived * _Float.of(log2_labels)).normalised(),
            (either * _Float.of(log2_blank)).normalised(),
        )
        prefixes = _where(inside, new, prefixes)
        return prefixes, prefixes[0] if keep else None

    first = jnp.arange(len(lattice.skips))[:, None] == jnp.zeros_like(label_lengths)
    start = _Float.one_where(first & False), _Float.one_where(first)
    frames = lattice._replace(skips=None)
    (label, blank), kept = lax.scan(step, start, frames)
    return (blank + label.shifted(1)).at(label_lengths), kept


def _occupancies(lattice: _Lattice, label_lengths, total: _Float, prefixes: _Float):
    """Return p(frame shows character | label) as (T, S, B)."""
    skips = _shifted(lattice.skips, -1, False)

    def step(suffixes, frame):
        label, blank = suffixes
        (log2_labels, log2_blank, inside, _), prefix = frame
        occupancy = jnp.where(inside, (prefix * label / total).value(), 0.0)
        label_here = (label * _Float.of(log2_labels)).normalised()
        blank_here = (blank * _Float.of(log2_blank)).normalised()
        either = blank_here + label_here
        following = _where(skips, either.shifted(-1), blank_here.shifted(-1))
        new = (label_here + following).normalised(), either.normalised()
        return _where(inside, new, suffixes), occupancy

    position = jnp.arange(len(lattice.skips))[:, None]
    start = (
        _Float.one_where(position == label_lengths - 1),
        _Float.one_where(position == label_lengths),
    )
    frames = lattice._replace(skips=None), prefixes
    return lax.scan(step, start, frames, reverse=True)[1]


def _loss(lattice: _Lattice, total: _Float) -> jax.Array:
    log2 = jnp.log2(total.mantissa) + total.exponent
    losses = jnp.maximum(-log2 * jnp.log(2.0), 0.0)
    # (mantissa, exponent) pairs cannot represent NaN, so it is restored here.
    broken = jnp.isnan(lattice.log2_blank) & lattice.inside
    return jnp.where(broken.any(axis=(0, 1)), jnp.nan, losses)


def _ctc_forward(logits, logit_lengths, labels, label_lengths):
    """Compute the loss together with its gradient, which costs little more here."""
    lattice = _Lattice.of(logits, logit_lengths, labels)
    total, prefixes = _forward(lattice, label_lengths, keep=True)
    occupancies = _occupancies(lattice, label_lengths, total, prefixes)
    # The rest of each frame's probability is the blank's, the class of the dummy.
    blank = 1.0 - occupancies[:, :-1].sum(axis=1, keepdims=True)
    occupancies = jnp.concatenate([occupancies[:, :-1], blank], axis=1)
    classes = jax.nn.one_hot(_with_dummy(labels), logits.shape[2])
    expected = jnp.einsum("tsb,bsc->btc", occupancies, classes)
    grads = jax.nn.softmax(logits.astype(jnp.float32)) - expected
    feasible = is_feasible(logit_lengths, labels, label_lengths)
    contributes = feasible[:, None, None] & jnp.moveaxis(lattice.inside, 2, 0)
    grads = jnp.where(contributes, grads, 0.0).astype(logits.dtype)
    return jnp.where(feasible, _loss(lattice, total), 0.0), grads


def _ctc_backward(grads, loss_grads):
    return (grads * loss_grads[:, None, None]).astype(grads.dtype), None, None, None


ctc_loss.defvjp(_ctc_forward, _ctc_backward)
