"""Forced alignment: the frames in which each character of a known label is read."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from ocr_jax.charset import BLANK


def align(
    logits: Float[ArrayLike, "b t c"],
    logit_lengths: Int[ArrayLike, " b"],
    labels: Int[ArrayLike, "b l"],
    lengths: Int[ArrayLike, " b"],
) -> Int[Array, "b t"]:
    """Return the likeliest path that spells each label (Viterbi). Works under jit.

    Labels are zero padded to any width l. Each must fit its frames: see
    `ctc.is_feasible`.
    """
    log_probs = jax.nn.log_softmax(logits)
    batch, size = labels.shape
    # Each character stands between two blanks: state 2 i + 1 reads character i.
    states = jnp.zeros((batch, 2 * size + 1), jnp.int32).at[:, 1::2].set(labels)
    may_skip = (states != BLANK) & (states != jnp.roll(states, 2, axis=1))
    emitted = jnp.take_along_axis(log_probs, states[:, None], axis=2)

    def forward(scores, frame):
        emitted, is_real = frame
        before = [jnp.roll(scores, n, axis=1).at[:, :n].set(-jnp.inf) for n in (1, 2)]
        before[1] = jnp.where(may_skip, before[1], -jnp.inf)
        options = jnp.stack([scores, *before])
        moves = jnp.where(is_real[:, None], jnp.argmax(options, axis=0), 0)
        moved = jnp.max(options, axis=0) + emitted
        return jnp.where(is_real[:, None], moved, scores), moves.astype(jnp.int8)

    def backward(state, moves):
        move = jnp.take_along_axis(moves, state[:, None], axis=1)[:, 0]
        return state - move.astype(state.dtype), state

    is_real = jnp.arange(logits.shape[1]) < logit_lengths[:, None]
    first = jnp.full(states.shape, -jnp.inf).at[:, 0].set(0.0)
    scores, moves = jax.lax.scan(forward, first, (emitted.swapaxes(0, 1), is_real.T))
    ends = jnp.stack([2 * lengths, jnp.maximum(2 * lengths - 1, 0)], axis=1)
    last = jnp.argmax(jnp.take_along_axis(scores, ends, axis=1), axis=1)
    last = jnp.take_along_axis(ends, last[:, None], axis=1)[:, 0]
    _, path = jax.lax.scan(backward, last, moves, reverse=True)
    return jnp.where(is_real, jnp.take_along_axis(states, path.T, axis=1), BLANK)
