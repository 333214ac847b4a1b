"""Greedy (best-path) decoding, and the reading that any path spells.

Everything works under jit. `beam.py` has the search with a language model.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from ocr_jax.charset import BLANK


class Decoded(NamedTuple):
    """The readings of a batch; per-character arrays are valid below `lengths`."""

    labels: Int[Array, "b t"]  # label ids, packed to the left and zero padded
    lengths: Int[Array, " b"]  # number of characters read
    confidences: Float[Array, "b t"]  # highest probability among a character's frames
    starts: Int[Array, "b t"]  # first frame of the character
    ends: Int[Array, "b t"]  # last frame of the character
    line_confidences: Float[Array, " b"]  # expected share of the line that is right
    path: Int[Array, "b t"]  # class of each frame


def greedy_path(
    logits: Float[ArrayLike, "b t c"], logit_lengths: Int[ArrayLike, " b"]
) -> tuple[Int[Array, "b t"], Float[ArrayLike, "b t c"]]:
    """Return the best class of each frame (Graves et al., 2006).

    Every decoder returns a path and the logits that give its confidences. Here these
    are the logits of the network.
    """
    best = jnp.argmax(logits, axis=-1).astype(jnp.int32)
    is_real = jnp.arange(best.shape[1]) < logit_lengths[:, None]
    return jnp.where(is_real, best, BLANK), logits


GREEDY = jax.tree_util.Partial(greedy_path)


def greedy_decode(
    logits: Float[ArrayLike, "b t c"], logit_lengths: Int[ArrayLike, " b"]
) -> Decoded:
    """Decode the greedy path: collapse repeats and remove blanks."""
    return read_path(*greedy_path(logits, logit_lengths), logit_lengths)


def read_path(
    path: Int[ArrayLike, "b t"],
    logits: Float[ArrayLike, "b t c"],
    logit_lengths: Int[ArrayLike, " b"],
    temperature: Float[ArrayLike, ""] = 1.0,
) -> Decoded:
    """Return the reading that a path spells, its confidences from logits / temperature.

    The path has the class of each frame, and BLANK from the line's length on.
    """
    log_probs = jax.nn.log_softmax(logits / temperature)
    probability = jnp.exp(jnp.take_along_axis(log_probs, path[..., None], 2)[..., 0])
    frames = jnp.arange(path.shape[1], dtype=jnp.int32)
    previous = jnp.pad(path, ((0, 0), (1, 0)), constant_values=BLANK)[:, :-1]
    first = (path != BLANK) & (path != previous)
    # Which frames (the last axis) are whose of at most T characters. A scatter for each
    # of the four would take as long to compile as all of the network.
    character = jnp.where(path != BLANK, jnp.cumsum(first, axis=1) - 1, -1)
    mine = character[:, None] == frames[:, None]
    labels = jnp.where(mine, path[:, None], 0).max(axis=2)
    confidences = jnp.where(mine, probability[:, None], 0).max(axis=2)
    starts = jnp.where(mine, frames, path.shape[1]).min(axis=2)
    ends = jnp.where(mine, frames, 0).max(axis=2)
    lengths = first.sum(axis=1, dtype=jnp.int32)
    is_blank = (path == BLANK) & (frames < logit_lengths[:, None])
    other = jnp.where(is_blank, 1.0 - probability, 0.0)
    line_confidences = _line_confidence(confidences, lengths, other)
    return Decoded(labels, lengths, confidences, starts, ends, line_confidences, path)


def likeliest(
    logits: Float[ArrayLike, "b t c"], count: int = 3
) -> Int[Array, "b count"]:
    """Return the ids of the likeliest characters of each first frame, best first.

    Meant for recognisers of single characters, which have one frame only. Returns fewer
    than `count` if there are fewer characters.
    """
    count = min(count, logits.shape[2] - 1)
    return jax.lax.top_k(logits[:, 0, BLANK + 1 :], count)[1] + BLANK + 1


def _line_confidence(confidences, lengths, other):
    """Estimate the share of each line's true characters that are read correctly.

    The true characters are those read plus those missed. In frames read as blank,
    `other` (B, T) is the probability of any other class; its rises add up to the number
    of missed characters. These confidences (B,) rank lines better than the geometric
    mean of the characters' confidences, which ignores missed characters: their rank
    correlation with the correct share is 0.74 instead of 0.62 (means of seven
    networks). An empty reading has the confidence of its least certain frame.
    """
    missed = jnp.maximum(jnp.diff(other, axis=1, prepend=0.0), 0.0).sum(axis=1)
    share = confidences.sum(axis=1) / jnp.maximum(lengths + missed, 1e-9)
    return jnp.where(lengths > 0, share, 1.0 - other.max(axis=1, initial=0.0))
