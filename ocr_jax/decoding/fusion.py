"""Beam search as a decoder: a path through the frames, and what it is worth there.

The network and the language model judge together how sure each character is.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from ocr_jax.charset import BLANK
from ocr_jax.decoding import alignment, beam, language_model
from ocr_jax.decoding.beam import Guide


def beam_path(
    guide: Guide,
    logits: Float[ArrayLike, "b t c"],
    logit_lengths: Int[ArrayLike, " b"],
    *,
    width: int = beam.WIDTH,
) -> tuple[Int[Array, "b t"], Float[Array, "b t c"]]:
    """Decode with `beam.beam_search` and align its labels: a decoder like greedy_path.

    Returns the path and the `fused_logits` that give its confidences.
    """
    labels, lengths = beam.beam_search(guide, logits, logit_lengths, width=width)
    path = alignment.align(logits, logit_lengths, labels, lengths)
    return path, fused_logits(guide, logits, path, labels, lengths)


def fused_logits(
    guide: Guide,
    logits: Float[ArrayLike, "b t c"],
    path: Int[ArrayLike, "b t"],
    labels: Int[ArrayLike, "b t"],
    lengths: Int[ArrayLike, " b"],
) -> Float[Array, "b t c"]:
    """Score each reading with another class in one of its frames.

    Scores are exact up to a constant per frame, for the classes that the search tries;
    others are impossible. In the frame of a character, another class replaces it, and
    the blank deletes it. In the frame of a blank, another class is inserted. So the
    network and the surrounding text both judge each character.
    """
    model, (_, tried) = guide.model, beam.likeliest(logits)
    chosen = jnp.stack([jnp.full_like(path, BLANK), path], axis=-1)
    tried = jnp.concatenate([chosen, tried], axis=-1)
    previous = jnp.pad(path, ((0, 0), (1, 0)), constant_values=BLANK)[:, :-1]
    # The number of characters that have begun, which is also the next one's position.
    begun = jnp.cumsum((path != BLANK) & (path != previous), axis=1)
    states = _states(model, labels)
    before = jnp.take_along_axis(states, begun - (path != BLANK), axis=1)[..., None]
    log_probs, state = language_model.look_up(model, before, tried)
    scores = jnp.where(tried == BLANK, 0.0, guide.alpha * log_probs + guide.beta)
    state = jnp.where(tried == BLANK, before, state)
    padded = jnp.pad(labels, ((0, 0), (0, language_model.HIGHEST_ORDER)))

    def follow(place, carry):
        scores, state = carry
        label = jnp.take_along_axis(padded, begun + place, axis=1)[..., None]
        # At the label's length there is a 0, the end of the line.
        inside = (begun + place <= lengths[:, None])[..., None]
        log_probs, state = language_model.look_up(model, state, label)
        return scores + jnp.where(inside, guide.alpha * log_probs, 0.0), state

    # A state depends on no more characters than these.
    most = language_model.HIGHEST_ORDER - 1
    scores, _ = jax.lax.fori_loop(0, most, follow, (scores, state))
    others = jnp.full(logits.shape, beam.IMPOSSIBLE)
    put = functools.partial(jnp.put_along_axis, axis=-1, inplace=False)
    return jax.nn.log_softmax(logits) + put(others, tried, scores)


def _states(model: language_model.LanguageModel, labels: jax.Array) -> jax.Array:
    """Return the states (B, T + 1) before each of the labels (B, T) and at the end."""

    def step(state, label):
        state = language_model.look_up(model, state, label)[1]
        return state, state

    first = jnp.full(len(labels), model.start)
    _, states = jax.lax.scan(step, first, labels.T)
    return jnp.concatenate([first[None], states]).T
