"""Connectionist temporal classification: the loss, and which labels it can spell."""

import jax
import jax.numpy as jnp
import optax

from ocr_jax.data.charset import BLANK


def required_frames(labels: jax.Array, label_lengths: jax.Array) -> jax.Array:
    """The fewest frames that spell each label: its length plus adjacent repeats.

    Between two equal characters a blank must stand. labels (B, L) zero padded,
    label_lengths (B,) → (B,); works on NumPy arrays and under jit.
    """
    inside = jnp.arange(1, labels.shape[1]) < label_lengths[:, None]
    repeats = (labels[:, 1:] == labels[:, :-1]) & inside
    return label_lengths + repeats.sum(axis=1)


def is_feasible(
    logit_lengths: jax.Array, labels: jax.Array, label_lengths: jax.Array
) -> jax.Array:
    """Whether each label fits its frames, (B,) bool; never in a line without frames."""
    required = required_frames(labels, label_lengths)
    return (required <= logit_lengths) & (logit_lengths > 0)


def ctc_loss(
    logits: jax.Array,
    logit_lengths: jax.Array,
    labels: jax.Array,
    label_lengths: jax.Array,
) -> jax.Array:
    """-log p(label | line) of each line, summed over its frames (Graves et al., 2006).

    logits (B, T, C) raw, class 0 the blank; labels (B, L) zero padded on the right.
    Returns (B,) float32. Where a label is impossible (see `is_feasible`) both the loss
    and its gradient are exactly zero: count those lines with `is_feasible`.
    """
    feasible = is_feasible(logit_lengths, labels, label_lengths)
    # An impossible label is emptied first: the loss of an empty one is always finite.
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
    """optax's convention, (B, size) float32: 1 where padded."""
    return (jnp.arange(size) >= lengths[:, None]).astype(jnp.float32)
