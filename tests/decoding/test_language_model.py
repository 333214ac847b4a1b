"""The n-gram model against the formulas in plain Python, term by term."""

import collections
import math

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_jax.decoding import language_model

CLASSES = 5
lines = st.lists(
    st.lists(st.integers(1, CLASSES - 1), max_size=7), min_size=1, max_size=9
)


class PlainKneserNey:
    """Chen and Goodman's interpolated model, with dicts of tuples."""

    def __init__(self, lines, order):
        self.order = order
        raw = collections.Counter()
        for line in lines:
            text = (0, *line, 0)
            for end in range(2, len(text) + 1):
                sizes = range(1, min(order, end) + 1)
                raw.update(text[end - size : end] for size in sizes)
        kinds = collections.Counter(ngram[1:] for ngram in raw if len(ngram) > 1)
        self.counts = {
            ngram: raw[ngram]
            if len(ngram) == order or (len(ngram) > 1 and ngram[0] == 0)
            else kinds[ngram]
            for ngram in raw
        }

    def discount(self, size, count):
        n = collections.Counter(c for g, c in self.counts.items() if len(g) == size)
        estimates = [0.5, 1.0, 1.5]
        if n[1] and n[2] and n[3] and n[4]:
            y = n[1] / (n[1] + 2 * n[2])
            of = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
            if all(0 < d < k for k, d in enumerate(of, 1)):
                estimates = of
        return estimates[min(count, 3) - 1]

    def probability(self, context, symbol):
        size = len(context) + 1
        lower = self.probability(context[1:], symbol) if context else 1 / CLASSES
        seen = {s: self.counts.get((*context, s), 0) for s in range(CLASSES)}
        total = sum(seen.values())
        if not total:
            return lower
        taken = {s: self.discount(size, c) for s, c in seen.items() if c}
        kept = seen[symbol] - taken.get(symbol, 0.0)
        return (kept + sum(taken.values()) * lower) / total

    def log_probability(self, line):
        text, total = (0, *line, 0), 0.0
        for end in range(1, len(text)):
            context = text[max(0, end - self.order + 1) : end]
            total += math.log(self.probability(context, text[end]))
        return total


def build(corpus, order):
    return language_model.build(language_model.count(corpus, order, CLASSES))


@settings(deadline=None, max_examples=60)
@given(lines, lines, st.integers(1, 6))
def test_perplexity_equals_the_formulas(corpus, others, order):
    plain = PlainKneserNey(corpus, order)
    size = sum(len(line) + 1 for line in others)
    expected = math.exp(-sum(map(plain.log_probability, others)) / size)
    found = language_model.perplexity(build(corpus, order), others)
    assert found == pytest.approx(expected, rel=1e-4)


@settings(deadline=None, max_examples=40)
@given(lines, st.integers(1, 6))
def test_in_every_context_everything_is_possible_and_sums_to_one(corpus, order):
    model = build(corpus, order)
    states = np.arange(len(model.first))[:, None]
    log_probs, _ = language_model.look_up(model, states, np.arange(CLASSES))
    probs = np.exp(log_probs.astype(np.float64))
    assert np.all(probs > 0)
    np.testing.assert_allclose(probs.sum(axis=1), 1.0, rtol=1e-6)


def test_discounts_are_estimated_where_there_is_enough_text():
    corpus = np.random.default_rng(0).choice(4, (400, 8), p=[0.6, 0.2, 0.15, 0.05]) + 1
    plain = PlainKneserNey(corpus.tolist(), 5)
    assert plain.discount(5, 1) not in (0.5, 1.0, 1.5)
    expected = math.exp(-plain.log_probability([1, 2, 3, 4, 1, 1]) / 7)
    found = language_model.perplexity(build(corpus, 5), [[1, 2, 3, 4, 1, 1]])
    assert found == pytest.approx(expected, rel=1e-4)


@given(lines, st.integers(1, 5))
def test_shortened_counts_are_those_of_the_lower_order(corpus, order):
    shortened = language_model.shorten(language_model.count(corpus, 6, CLASSES), order)
    for found, expected in zip(
        shortened, language_model.count(corpus, order, CLASSES), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_added_counts_are_those_of_both_texts():
    first, second = [[1, 2, 3], [2]], [[1, 2], [4, 4]]
    one, other = (language_model.count(lines, 3, CLASSES) for lines in (first, second))
    both = language_model.count(first + second, 3, CLASSES)
    for found, expected in zip(language_model.add(one, other), both, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_respelled_counts_are_those_of_the_text_in_other_ids():
    counted = language_model.count([[1, 2, 3], [3, 1]], 3, CLASSES)
    found = language_model.respell(counted, np.array([0, 7, 2, 5, 1]), 9)
    expected = language_model.count([[7, 2, 5], [5, 7]], 3, 9)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_jax_and_numpy_look_up_the_same_of_more_classes_than_a_word_has():
    generator = np.random.default_rng(0)
    corpus = (generator.zipf(1.4, (60, 9)) % 69 + 1).tolist()
    model = language_model.build(language_model.count(corpus, 4, 70))
    states = np.arange(len(model.first))[:, None]
    found = language_model.look_up(model, states, np.arange(70))
    np.testing.assert_allclose(np.exp(found[0]).sum(axis=1), 1.0, rtol=1e-4)
    on_device = jax.device_put((model, states, np.arange(70)))
    for ours, theirs in zip(
        found, jax.jit(language_model.look_up)(*on_device), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
