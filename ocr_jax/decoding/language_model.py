"""A character n-gram model of lines of text, with modified Kneser-Ney smoothing.

The model is stored as n-gram counts and used as an automaton. Each state is a context:
it gives the probability of each next character and the state that follows it.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

LabelIds = Sequence[int] | Int[np.ndarray, "_"]

# The edge of a line: its end as a next character, its start in a context.
BOUNDARY = 0
HIGHEST_ORDER = 6
# Discounts of counts of 1, 2 and more, if there are too few n-grams to estimate them.
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)


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
    """The automaton: S states over C classes, the boundary (class 0) and characters."""

    log_probs: np.ndarray  # (S, C) float32: log-probability of each next class
    next_states: np.ndarray  # (S, C) int32: the longest known context that follows
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
    keys, inverse = np.unique(shorter, return_inverse=True)
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, inverse, ngrams.counts)
    return NGrams(keys, counts, order, ngrams.num_classes)


def build(ngrams: NGrams) -> LanguageModel:
    """Build the model by interpolated modified Kneser-Ney smoothing.

    Every character gets a probability above zero in every context. N-grams at the start
    of a line have no preceding character, so they keep their plain counts.

    From Chen and Goodman, "An empirical study of smoothing techniques for language
    modeling" (1998).
    """
    size, levels = ngrams.num_classes, _levels(ngrams)
    probs = [np.full((1, size), 1 / size)]
    next_states, states = [np.zeros((1, size), np.int32)], 0
    for level, counts in zip(levels, _adjusted_counts(levels, size), strict=True):
        probs.append(_interpolate(level, counts, probs[-1]))
        new = np.arange(states, states + len(level.suffixes))
        next_states[-1][level.parents, level.symbols] = new
        next_states.append(next_states[-1][level.suffixes])
        states += len(new)
    return LanguageModel(
        np.log(np.concatenate(probs[1:])).astype(np.float32),
        np.concatenate(next_states[1:]),
        np.int32(ngrams.order > 1),
    )


class _Level(NamedTuple):
    """The n contexts of one length and the m characters seen in them."""

    suffixes: np.ndarray  # (n,) index of the shorter context that it ends in
    parents: np.ndarray  # (n,) index of the shorter context that it begins with
    symbols: np.ndarray  # (n,) its last character
    at_start: np.ndarray  # (n,) whether it begins with the start of a line
    contexts: np.ndarray  # (m,) index of a context of this level
    following: np.ndarray  # (m,) character seen after it
    counts: np.ndarray  # (m,) number of times it was seen


def _levels(ngrams: NGrams) -> list[_Level]:
    """Return the levels of contexts of 0 to order - 1 characters."""
    keys, counts, base = ngrams.keys, ngrams.counts, ngrams.num_classes
    shorter, levels = np.zeros(1, np.int64), []
    for length in range(ngrams.order):
        first = base ** max(length - 1, 0)  # place value of the first character
        contexts = keys // base % (base * first if length else 1)
        if length > 1:  # a line's start has nothing before it
            inside = contexts % first >= first // base
            keys, counts, contexts = keys[inside], counts[inside], contexts[inside]
        known, numbers = np.unique(contexts, return_inverse=True)
        pairs, inverse = np.unique(numbers * base + keys % base, return_inverse=True)
        levels.append(
            _Level(
                suffixes=np.searchsorted(shorter, known % first),
                parents=np.searchsorted(shorter, known // base),
                symbols=known % base,
                at_start=(length > 0) & (known < first),
                contexts=pairs // base,
                following=pairs % base,
                counts=np.bincount(inverse, counts, len(pairs)),
            )
        )
        shorter = known
    return levels


def _adjusted_counts(levels: list[_Level], num_classes: int) -> list[np.ndarray]:
    """Return, per level, the number of distinct characters before each n-gram (m,).

    The last level and n-grams at the start of a line have their plain counts instead.
    """
    adjusted = []
    for level, longer in itertools.pairwise(levels):
        pairs = level.contexts * num_classes + level.following
        suffixes = longer.suffixes[longer.contexts] * num_classes + longer.following
        kinds = np.bincount(np.searchsorted(pairs, suffixes), minlength=len(pairs))
        adjusted.append(np.where(level.at_start[level.contexts], level.counts, kinds))
    return [*adjusted, levels[-1].counts]


def _interpolate(level: _Level, counts: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Return the probabilities (n, C) of a level, interpolated with those below it."""
    discounts = _discounts(counts)[np.minimum(counts, 3).astype(np.int64)]
    size = len(level.suffixes)
    totals = np.bincount(level.contexts, counts, size)
    backed_off = np.bincount(level.contexts, discounts, size) / totals
    probs = backed_off[:, None] * lower[level.suffixes]
    seen = (counts - discounts) / totals[level.contexts]
    probs[level.contexts, level.following] += seen
    return probs


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
    total, size = 0.0, 0
    for ids in lines:
        state = model.start
        for symbol in (*ids, BOUNDARY):
            total -= model.log_probs[state, symbol]
            state = model.next_states[state, symbol]
        size += len(ids) + 1
    return float(np.exp(total / size))
