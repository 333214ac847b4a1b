"""A character n-gram model of lines of text, with modified Kneser-Ney smoothing.

The model is stored as n-gram counts and used as an automaton. Each state is a context;
its arcs give the probability of each character that was seen there, and the state that
follows it. Any other character is looked up in the next shorter context.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import ArrayLike, Float, Int

LabelIds = Sequence[int] | Int[np.ndarray, "_"]

# The edge of a line: its end as a next character, its start in a context.
BOUNDARY = 0
HIGHEST_ORDER = 6
# Discounts of counts of 1, 2 and more, if there are too few n-grams to estimate them.
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
BITS = 32  # of a word of LanguageModel.seen


class NGrams(NamedTuple):
    """N distinct n-grams of label ids, with their counts.

    An n-gram is a number whose digits, in base `num_classes`, are its label ids. The
    start of a line is padded with 0.
    """

    keys: np.ndarray  # (N,) int64, sorted
    counts: np.ndarray  # (N,) int64
    order: int
    num_classes: int


class LanguageModel(NamedTuple):
    """The automaton: S states over C classes, the boundary (class 0) and characters.

    A arcs lead from the states, in the order of their states and then of their classes.
    State 0 is the empty context, which has an arc for every class.
    """

    seen: np.ndarray  # (S, C / BITS, rounded up) uint32: a bit for each class's arc
    first: np.ndarray  # (S,) int32: the first arc
    shorter: np.ndarray  # (S,) int32: the context without its first character
    penalty: np.ndarray  # (S,) float32: log-weight of that shorter context
    log_probs: np.ndarray  # (A,) float32: log-probability of an arc's class
    next_states: np.ndarray  # (A,) int32: the longest known context that follows
    start: np.ndarray  # () int32: the state at the start of a line


def highest_order(num_classes: int) -> int:
    """Return the highest order, up to HIGHEST_ORDER, whose n-grams fit in an int64."""
    return min(HIGHEST_ORDER, int(63 / math.log2(num_classes)))


def count(lines: Iterable[LabelIds], order: int, num_classes: int) -> NGrams:
    """Count the n-grams of lines of label ids, including the end of each line."""
    padding = [BOUNDARY] * (order - 1)
    padded = [[*padding, *ids, BOUNDARY] for ids in lines]
    is_padding = [index < order - 1 for ids in padded for index in range(len(ids))]
    flat = np.array([*itertools.chain(*padded)], np.int64)
    keys = np.zeros(max(0, len(flat) - order + 1), np.int64)
    for first in range(order):
        keys = keys * num_classes + flat[first : first + len(keys)]
    # Drop the n-grams that end in the padding of the next line.
    keys = keys[~np.array(is_padding[order - 1 :], bool)]
    return NGrams(*np.unique(keys, return_counts=True), order, num_classes)


def shorten(ngrams: NGrams, order: int) -> NGrams:
    """Return the n-grams that `count` would give for a lower order."""
    shorter = ngrams.keys % ngrams.num_classes**order
    return _sum(shorter, ngrams.counts, ngrams._replace(order=order))


def add(ngrams: NGrams, others: NGrams) -> NGrams:
    """Return the n-grams that `count` would give for both texts; of one order."""
    keys = np.concatenate([ngrams.keys, others.keys])
    return _sum(keys, np.concatenate([ngrams.counts, others.counts]), ngrams)


def respell(ngrams: NGrams, classes: Int[np.ndarray, " c"], num_classes: int) -> NGrams:
    """Return n-grams in other label ids: classes[id], which is -1 where there is none.

    N-grams with a character that there is none for are left out.
    """
    keys, spelled = np.zeros_like(ngrams.keys), np.ones(len(ngrams.keys), bool)
    for place in range(ngrams.order):
        digits = classes[ngrams.keys // ngrams.num_classes**place % ngrams.num_classes]
        keys += digits.astype(np.int64) * num_classes**place
        spelled &= digits >= 0
    like = ngrams._replace(num_classes=num_classes)
    return _sum(keys[spelled], ngrams.counts[spelled], like)


def _sum(keys: np.ndarray, counts: np.ndarray, like: NGrams) -> NGrams:
    """Return distinct n-grams with the sums of their counts."""
    keys, inverse = np.unique(keys, return_inverse=True)
    total = np.bincount(inverse, counts, len(keys)).astype(np.int64)
    return like._replace(keys=keys, counts=total)


def build(ngrams: NGrams) -> LanguageModel:
    """Build the model by interpolated modified Kneser-Ney smoothing.

    Every character gets a probability above zero in every context. N-grams at the start
    of a line have no preceding character, so they keep their plain counts.

    From Chen and Goodman, "An empirical study of smoothing techniques for language
    modeling" (1998).
    """
    size, levels = ngrams.num_classes, _levels(ngrams)
    # Before the first level all classes are alike, and the empty context follows.
    probs, next_states = np.full(size, 1 / size), np.zeros(size, np.int32)
    built, offset, states = [], 0, 0  # the first states of two levels
    for level, counts in zip(levels, _adjusted_counts(levels), strict=True):
        own = np.arange(states, states + len(level.suffixes), dtype=np.int32)
        next_states[level.extended] = own
        probs, weights = _interpolate(level, counts, probs[level.below])
        next_states = next_states[level.below]
        arcs = own[level.contexts], level.keys % size, probs, next_states
        built.append((*arcs, offset + level.suffixes, weights))
        offset, states = states, states + len(own)
    owners, classes, probs, next_states, shorter, weights = map(
        np.concatenate, zip(*built, strict=True)
    )
    words = -(-size // BITS)
    places = owners.astype(np.int64) * words + classes // BITS
    seen = np.bincount(places, 2.0 ** (classes % BITS), states * words)
    arcs = np.bincount(owners, minlength=states)
    return LanguageModel(
        seen=seen.astype(np.uint32).reshape(states, words),
        first=(np.cumsum(arcs) - arcs).astype(np.int32),
        shorter=shorter.astype(np.int32),
        penalty=np.log(weights).astype(np.float32),
        log_probs=np.log(probs).astype(np.float32),
        next_states=next_states,
        start=np.int32(ngrams.order > 1),
    )


def look_up(
    model: LanguageModel, states: Int[ArrayLike, "..."], classes: Int[ArrayLike, "..."]
) -> tuple[Float[ArrayLike, "..."], Int[ArrayLike, "..."]]:
    """Return the log-probabilities of classes after states, and the states that follow.

    states and classes are broadcast. The model and they are arrays of NumPy or of JAX.
    """
    xp = model.first.__array_namespace__()
    states, classes = xp.broadcast_arrays(states, classes)
    word, bit = classes // BITS, (classes % BITS).astype(np.uint32)

    def lacks_arc(states):
        return (model.seen[states, word] >> bit) % 2 == 0

    def shorten(carry):
        states, weights, lacking = carry
        weights = weights + xp.where(lacking, model.penalty[states], 0.0)
        states = xp.where(lacking, model.shorter[states], states)
        return states, weights, lacks_arc(states)

    carry = states, xp.zeros(states.shape, np.float32), lacks_arc(states)
    loop = _while_loop if xp is np else jax.lax.while_loop
    states, weights, _ = loop(lambda carry: carry[2].any(), shorten, carry)
    # The arcs of a state before that of a class are those of its lower bits.
    words = xp.arange(model.seen.shape[1])
    lower = (xp.ones_like(bit) << bit) - np.uint32(1)
    kept = xp.where(words == word[..., None], lower[..., None], ~np.uint32(0))
    kept = xp.where(words <= word[..., None], kept, np.uint32(0))
    before = xp.bitwise_count(model.seen[states] & kept).sum(axis=-1, dtype=np.int32)
    arcs = model.first[states] + before
    return weights + model.log_probs[arcs], model.next_states[arcs]


def _while_loop(condition, body, carry):
    """`jax.lax.while_loop` for NumPy."""
    while condition(carry):
        carry = body(carry)
    return carry


class _Level(NamedTuple):
    """The m n-grams of one order, and the n contexts that they begin with."""

    keys: np.ndarray  # (m,) sorted
    counts: np.ndarray  # (m,) number of times seen; 0 for some of the first level
    contexts: np.ndarray  # (m,) index of a context of this level
    below: np.ndarray  # (m,) index of the n-gram without its first character
    extended: np.ndarray  # (n,) index of the context among the n-grams one level below
    suffixes: np.ndarray  # (n,) index of the context without its first character
    at_start: np.ndarray  # (n,) whether it begins with the start of a line


def _levels(ngrams: NGrams) -> list[_Level]:
    """Return the levels of contexts of 0 to order - 1 characters."""
    base, orders = ngrams.num_classes, [ngrams]
    for order in range(ngrams.order - 1, 0, -1):
        orders.append(shorten(orders[-1], order))
    lower, shorter, levels = np.arange(base), np.zeros(1, np.int64), []
    for length, (keys, counts, *_) in enumerate(reversed(orders)):
        first = base ** max(length - 1, 0)  # place value of a context's first character
        if length == 0:  # the empty context knows of every class
            keys, counts = np.arange(base), np.bincount(keys, counts, base)
        elif length > 1:  # a line's start has nothing before it
            inside = keys // base % first >= first // base
            keys, counts = keys[inside], counts[inside]
        is_new = np.diff(keys // base, prepend=-1) > 0
        known = keys[is_new] // base
        levels.append(
            _Level(
                keys=keys,
                counts=counts,
                contexts=np.cumsum(is_new) - 1,
                below=np.searchsorted(lower, keys % base ** max(length, 1)),
                extended=np.searchsorted(lower, known),
                suffixes=np.searchsorted(shorter, known % first),
                at_start=(length > 0) & (known < first),
            )
        )
        lower, shorter = keys, known
    return levels


def _adjusted_counts(levels: list[_Level]) -> list[np.ndarray]:
    """Return, per level, the number of distinct characters before each n-gram (m,).

    The last level and n-grams at the start of a line have their plain counts instead.
    """
    adjusted = []
    for level, longer in itertools.pairwise(levels):
        kinds = np.bincount(longer.below, minlength=len(level.keys))
        adjusted.append(np.where(level.at_start[level.contexts], level.counts, kinds))
    return [*adjusted, levels[-1].counts]


def _interpolate(
    level: _Level, counts: np.ndarray, lower: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities (m,) of a level, and its weights (n,) of the one below.

    lower: the probabilities (m,) one level below.
    """
    discounts = _discounts(counts)[np.minimum(counts, 3).astype(np.int64)]
    size = len(level.suffixes)
    totals = np.bincount(level.contexts, counts, size)
    weights = np.bincount(level.contexts, discounts, size) / totals
    seen = (counts - discounts) / totals[level.contexts]
    return weights[level.contexts] * lower + seen, weights


def _discounts(counts: np.ndarray) -> np.ndarray:
    """Return the discounts of counts 0, 1, 2 and 3+ (Chen and Goodman, eq. 26)."""
    ones, twos, threes, fours = (np.sum(counts == n) for n in (1, 2, 3, 4))
    if min(ones, twos, threes, fours) == 0:
        return np.array([0.0, *FALLBACK_DISCOUNTS])
    share = ones / (ones + 2 * twos)
    d = [
        1 - 2 * share * twos / ones,
        2 - 3 * share * threes / twos,
        3 - 4 * share * fours / threes,
    ]
    if not all(0 < x < n for n, x in enumerate(d, 1)):
        d = FALLBACK_DISCOUNTS
    return np.array([0.0, *d])


def perplexity(model: LanguageModel, lines: Iterable[LabelIds]) -> float:
    """Return exp of the mean -log probability of all characters and line ends."""
    texts = [[*ids, BOUNDARY] for ids in lines]
    columns = np.array([*itertools.zip_longest(*texts, fillvalue=-1)], np.int64)
    states, total = np.full(len(texts), model.start), 0.0
    for column in columns:
        real = column >= 0
        log_probs, states[real] = look_up(model, states[real], column[real])
        total -= log_probs.sum(dtype=np.float64)
    return float(np.exp(total / sum(map(len, texts))))
