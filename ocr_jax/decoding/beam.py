"""CTC prefix beam search with a language model: batched, pure, works under jit.

The search follows the W likeliest prefixes of each line, frame by frame. It adds up the
probabilities of all paths that spell the same prefix, which greedy decoding cannot do.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, UInt32

from ocr_jax.charset import BLANK
from ocr_jax.decoding import language_model

WIDTH = 32
# Each frame tries at most this many of its likeliest characters …
MOST_TRIED = 12
# … and none that is less likely than this.
LEAST_PROBABILITY = 1e-4
# Frames with a likelier blank are skipped: they only keep repeats apart.
CERTAIN_BLANK = 0.999
# A finite log 0, so that differences are not NaN.
IMPOSSIBLE = -1e30


class Guide(NamedTuple):
    """A language model and its weights, which guide a search beside the logits."""

    model: language_model.LanguageModel
    alpha: jax.typing.ArrayLike  # weight of the model's log-probabilities
    beta: jax.typing.ArrayLike  # added to the score of a reading per character


class _Frames(NamedTuple):
    """Frames that are not skipped, packed to the left; the first axes are (B, T)."""

    log_probs: jax.Array  # (…, C)
    tried: jax.Array  # (…, K) the characters that may lengthen a prefix
    gains: jax.Array  # (…, K) their log-probabilities
    after_blanks: jax.Array  # whether frames were skipped just before


class _Beams(NamedTuple):
    """The prefixes (W,) of each line; unused ones are IMPOSSIBLE."""

    blank: jax.Array  # log-probability of the paths that end in a blank
    label: jax.Array  # log-probability of the paths that end in the last character
    bonus: jax.Array  # alpha log p(prefix) + beta length
    state: jax.Array  # state of the language model
    last: jax.Array  # last character; the blank in an empty prefix
    hash: jax.Array  # uint32, distinguishes prefixes

    @property
    def total(self):
        return jnp.logaddexp(self.blank, self.label)


def beam_search(
    guide: Guide,
    logits: Float[ArrayLike, "b t c"],
    logit_lengths: Int[ArrayLike, " b"],
    *,
    width: int = WIDTH,
) -> tuple[Int[Array, "b t"], Int[Array, " b"]]:
    """Search for the labels that maximise log p_ctc + alpha log p_lm + beta length.

    Args:
      guide: the character language model with its weights alpha and beta.
      logits: raw class scores (b, t, c); class 0 is the blank.
      logit_lengths: the number of frames of each line (b,).
      width: the number of prefixes that are kept per line.

    Returns:
      A tuple (labels, lengths): label ids (b, t), packed to the left and zero padded,
      and the number of characters of each line (b,).

    References:
      Hannun et al., "First-pass large vocabulary continuous speech recognition using
      bi-directional recurrent DNNs", 2014.
    """
    frames, kept = _frames(jax.nn.log_softmax(logits), logit_lengths)
    batch, size, _ = logits.shape
    extend = jax.vmap(functools.partial(_extend, guide))

    def step(t, carry):
        beams, parents, labels = carry
        frame = jax.tree.map(lambda x: x[:, t], frames)
        arcs = language_model.look_up(
            guide.model, beams.state[..., None], frame.tried[:, None]
        )
        beams, parent, label = extend(beams, frame, *arcs)
        return beams, parents.at[t].set(parent), labels.at[t].set(label)

    nothing = jnp.zeros((size, batch, width), jnp.int32)
    longest = jnp.max(kept)
    beams, parents, labels = jax.lax.fori_loop(
        0, longest, step, (_start(guide, (batch, width)), nothing, nothing)
    )
    ends, _ = language_model.look_up(guide.model, beams.state, language_model.BOUNDARY)
    best = jnp.argmax(beams.total + beams.bonus + guide.alpha * ends, axis=1)
    return _trace(best, parents, labels, longest)


def _frames(log_probs, logit_lengths) -> tuple[_Frames, jax.Array]:
    """Return the frames (B, T, …) that are not skipped, and their numbers (B,)."""
    real = jnp.arange(log_probs.shape[1]) < logit_lengths[:, None]
    kept = real & (log_probs[..., BLANK] < jnp.log(CERTAIN_BLANK))
    after_blanks = ~jnp.pad(kept, ((0, 0), (1, 0)))[:, :-1]
    # A certain blank changes nothing: it fills up the frames of shorter lines.
    no_news = jnp.full(log_probs.shape[2], IMPOSSIBLE).at[BLANK].set(0.0)
    log_probs = jnp.where(kept[..., None], log_probs, no_news)
    order = jnp.argsort(~kept, axis=1, stable=True)
    log_probs = jnp.take_along_axis(log_probs, order[..., None], axis=1)
    gains, tried = likeliest(log_probs)
    frames = _Frames(
        log_probs=log_probs,
        tried=tried,
        gains=jnp.where(gains < jnp.log(LEAST_PROBABILITY), IMPOSSIBLE, gains),
        after_blanks=jnp.take_along_axis(after_blanks, order, axis=1),
    )
    return frames, kept.sum(axis=1)


def likeliest(scores: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the scores of the characters that a frame may try, and the characters."""
    characters = scores[..., BLANK + 1 :]
    best, places = jax.lax.top_k(characters, min(MOST_TRIED, characters.shape[-1]))
    return best, places + BLANK + 1


def _start(guide: Guide, shape: tuple[int, int]) -> _Beams:
    """Start with one empty prefix per line."""
    is_first = jnp.arange(shape[1]) == 0
    return _Beams(
        blank=jnp.broadcast_to(jnp.where(is_first, 0.0, IMPOSSIBLE), shape),
        label=jnp.full(shape, IMPOSSIBLE),
        bonus=jnp.zeros(shape),
        state=jnp.full(shape, guide.model.start),
        last=jnp.full(shape, BLANK),
        hash=jnp.zeros(shape, jnp.uint32),
    )


def _extend(guide: Guide, beams: _Beams, frame: _Frames, log_probs, next_states):
    """Advance the beams of one line by one frame.

    log_probs and next_states (W, K): the language model's, for each character tried.
    Returns the best new beams, the beam (W,) that each comes from, and the character
    (W,) that it gained.
    """
    beams = beams._replace(
        blank=jnp.where(frame.after_blanks, beams.total, beams.blank),
        label=jnp.where(frame.after_blanks, IMPOSSIBLE, beams.label),
    )
    longer = _lengthened(beams, frame)
    same, longer = _stay(beams, frame, longer)
    bonus = beams.bonus[:, None] + guide.alpha * log_probs + guide.beta
    scores = jnp.concatenate(
        [(same.total + same.bonus)[:, None], longer + bonus], axis=1
    )
    best = jax.lax.top_k(scores.ravel(), len(beams.last))[1]
    parents, choices = jnp.divmod(best, scores.shape[1])
    stays, choices = choices == 0, choices - 1
    labels = frame.tried[choices]
    lengthened = _Beams(
        blank=jnp.full(best.shape, IMPOSSIBLE),
        label=longer[parents, choices],
        bonus=bonus[parents, choices],
        state=next_states[parents, choices],
        last=labels,
        hash=_hash(beams.hash[parents], labels),
    )
    chosen = jax.tree.map(
        lambda old, new: jnp.where(stays, old[parents], new), same, lengthened
    )
    return chosen, parents, jnp.where(stays, BLANK, labels)


def _lengthened(beams: _Beams, frame: _Frames) -> jax.Array:
    """Return the log-probability of each prefix followed by each character, (W, K)."""
    repeats = beams.last[:, None] == frame.tried
    # A repeated character counts as a new one only after a blank.
    before = jnp.where(repeats, beams.blank[:, None], beams.total[:, None])
    return before + frame.gains


def _stay(beams: _Beams, frame: _Frames, longer: jax.Array) -> tuple[_Beams, jax.Array]:
    """Keep the same prefixes for one more frame.

    If a prefix equals another one lengthened, it takes over that probability, and
    `longer` is returned without it.
    """
    repeated = jnp.where(beams.last == BLANK, IMPOSSIBLE, frame.log_probs[beams.last])
    in_use = beams.total > IMPOSSIBLE / 2
    # (parent, child)
    is_parent = _hash(beams.hash[:, None], beams.last) == beams.hash
    is_parent &= in_use[:, None] & in_use
    is_tried = frame.tried[:, None] == beams.last
    merges = is_parent.any(axis=0) & is_tried.any(axis=0)
    parent = jnp.where(merges, jnp.argmax(is_parent, axis=0), len(merges))
    choice = jnp.argmax(is_tried, axis=0)
    gained = longer.at[parent, choice].get(mode="fill", fill_value=IMPOSSIBLE)
    same = beams._replace(
        blank=beams.total + frame.log_probs[BLANK],
        label=jnp.logaddexp(beams.label + repeated, gained),
    )
    return same, longer.at[parent, choice].set(IMPOSSIBLE, mode="drop")


def _hash(prefix: UInt32[ArrayLike, "..."], label: Int[ArrayLike, "..."]):
    """Hash a prefix with one more character, as murmur3 does."""
    mixed = (prefix ^ label.astype(np.uint32)) * np.uint32(0xCC9E2D51)
    return (mixed ^ (mixed >> 15)) * np.uint32(0x1B873593) + np.uint32(1)


def _trace(best, parents, labels, longest) -> tuple[jax.Array, jax.Array]:
    """Trace back the best beams (B,): labels (B, T), packed to the left, and lengths.

    parents and labels (T, B, W) are the outputs of `_extend` for each frame.
    """
    size, batch, _ = labels.shape
    rows = jnp.arange(batch)

    def back(i, carry):
        beam, path = carry
        t = longest - 1 - i
        path = path.at[:, t].set(labels[t, rows, beam])
        return parents[t, rows, beam], path

    nothing = jnp.zeros((batch, size), jnp.int32)
    _, path = jax.lax.fori_loop(0, longest, back, (best, nothing))
    order = jnp.argsort(path == BLANK, axis=1, stable=True)
    lengths = jnp.sum(path != BLANK, axis=1)
    return jnp.take_along_axis(path, order, axis=1), lengths
