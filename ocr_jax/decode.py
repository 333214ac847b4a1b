"""From logits to labels: greedy (best-path) decoding under jit."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ocr_jax.data.charset import BLANK


class Decoded(NamedTuple):
    """Readings of a batch; per-character arrays are (B, T), valid below `lengths`."""

    labels: jax.Array  # int32 ids, packed to the left, 0 behind
    lengths: jax.Array  # (B,) int32 characters read
    confidences: jax.Array  # highest probability among the character's frames
    starts: jax.Array  # int32 first frame of the character
    ends: jax.Array  # int32 last frame of the character
    line_confidences: jax.Array  # (B,) geometric mean over characters


def greedy_decode(logits: jax.Array, logit_lengths: jax.Array) -> Decoded:
    """Best class a frame, repeats collapsed, blanks removed (Graves et al., 2006).

    logits (B, T, C), logit_lengths (B,). A line read as empty has the confidence of its
    least certain frame.
    """
    best = jnp.argmax(logits, axis=-1).astype(jnp.int32)
    probability = jnp.exp(jnp.max(jax.nn.log_softmax(logits), axis=-1))
    frames = jnp.arange(best.shape[1], dtype=jnp.int32)
    best = jnp.where(frames < logit_lengths[:, None], best, BLANK)
    previous = jnp.pad(best, ((0, 0), (1, 0)), constant_values=BLANK)[:, :-1]
    first = (best != BLANK) & (best != previous)
    # A frame of a character goes to that character's slot; blanks go past the end,
    # where a scatter drops them.
    slots = jnp.where(best != BLANK, jnp.cumsum(first, axis=1) - 1, best.shape[1])
    labels, confidences, starts, ends = jax.vmap(_gather_runs, (0, 0, 0, None))(
        slots, best, probability, frames
    )
    lengths = first.sum(axis=1, dtype=jnp.int32)
    line_confidences = _line_confidence(
        confidences, lengths, probability, logit_lengths
    )
    return Decoded(labels, lengths, confidences, starts, ends, line_confidences)


def likeliest(logits: jax.Array, count: int = 3) -> jax.Array:
    """The likeliest characters of each line's first frame, best first: (B, count) ids.

    For recognisers of single characters, which have that one frame.
    """
    count = min(count, logits.shape[2] - 1)
    return jax.lax.top_k(logits[:, 0, BLANK + 1 :], count)[1] + BLANK + 1


def _gather_runs(slots, best, probability, frames):
    """One line's frames (T,) gathered by character: label, confidence, start, end."""
    size = len(frames)

    def gather(values, method, initial):
        target = jnp.full((size,), initial, values.dtype).at[slots]
        return getattr(target, method)(values, mode="drop")

    return (
        gather(best, "max", 0),
        gather(probability, "max", 0.0),
        gather(frames, "min", size),
        gather(frames, "max", 0),
    )


def _line_confidence(confidences, lengths, probability, logit_lengths):
    frames = jnp.arange(confidences.shape[1])
    inside = frames < lengths[:, None]
    logs = jnp.where(inside, jnp.log(jnp.where(inside, confidences, 1.0)), 0.0)
    mean = jnp.exp(logs.sum(axis=1) / jnp.maximum(lengths, 1))
    real = frames < logit_lengths[:, None]
    return jnp.where(
        lengths > 0, mean, jnp.min(jnp.where(real, probability, 1.0), axis=1)
    )
