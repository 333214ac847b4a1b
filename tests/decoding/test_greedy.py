"""Decoding under jit against plain Python and every path there is."""

import itertools

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_jax.decoding import alignment, greedy
from tests import ctc_reference

greedy_decode = jax.jit(greedy.greedy_decode)


def plain_greedy(probabilities):
    """[(label, confidence, first frame, last frame)] of one line (T, C)."""
    frames = enumerate(zip(probabilities.argmax(1), probabilities.max(1), strict=True))
    runs = []
    for label, run in itertools.groupby(frames, key=lambda frame: frame[1][0]):
        run = list(run)
        if label != 0:
            confidence = max(probability for _, (_, probability) in run)
            runs.append((label, confidence, run[0][0], run[-1][0]))
    return runs


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 12))
def test_greedy_under_jit_equals_plain_python(seed, length):
    logits = np.random.default_rng(seed).normal(size=(2, 12, 4)).astype(np.float32) * 2
    decoded = jax.device_get(greedy_decode(logits, np.array([length, 12])))
    for row, frames in enumerate([length, 12]):
        real = np.exp(logits[row, :frames])
        expected = plain_greedy(real / real.sum(1, keepdims=True)) if frames else []
        count = decoded.lengths[row]
        assert count == len(expected)
        assert not decoded.labels[row, count:].any()
        for i, (label, confidence, start, end) in enumerate(expected):
            assert decoded.labels[row, i] == label
            assert (decoded.starts[row, i], decoded.ends[row, i]) == (start, end)
            np.testing.assert_allclose(
                decoded.confidences[row, i], confidence, rtol=1e-5
            )


def test_line_confidence_is_a_share_of_what_is_read_and_passed_over():
    of_a = [0.9, 0.2, 0.6, 0.1, 0.4, 0.3, 0.9]
    logits = np.log([[[1 - p, p] for p in of_a]]).astype(np.float32)
    # Both are read. Between them 0.2 is passed over; after them first 0.1, then 0.4;
    # the last frame is padding.
    decoded = greedy_decode(logits, np.array([6]))
    expected = (0.9 + 0.6) / (2 + 0.2 + 0.1 + 0.3)
    np.testing.assert_allclose(decoded.line_confidences[0], expected, rtol=1e-5)


def test_an_empty_reading_is_as_sure_as_its_least_sure_blank():
    logits = np.log(np.array([[[0.9, 0.1], [0.7, 0.3], [0.1, 0.9]]], np.float32))
    decoded = greedy_decode(logits, np.array([2]))
    assert decoded.lengths[0] == 0
    np.testing.assert_allclose(decoded.line_confidences[0], 0.7, rtol=1e-5)


def test_a_temperature_changes_how_sure_a_reading_is_and_not_what_it_is():
    logits = np.random.default_rng(0).normal(0, 3, (2, 9, 4)).astype(np.float32)
    lengths = np.array([9, 6])
    plain = greedy_decode(logits, lengths)
    hot = jax.device_get(jax.jit(greedy.read_path)(plain.path, logits, lengths, 2.5))
    for name in ("labels", "lengths", "starts", "ends"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(hot, name))
    odds = np.exp(logits / 2.5)
    probabilities = odds / odds.sum(axis=2, keepdims=True)
    for line in range(2):
        for i in range(int(hot.lengths[line])):
            frames = slice(hot.starts[line, i], hot.ends[line, i] + 1)
            expected = probabilities[line, frames, hot.labels[line, i]].max()
            assert np.isclose(hot.confidences[line, i], expected, rtol=1e-5)


def test_a_label_is_placed_where_its_likeliest_path_has_it():
    labels = [(), (1,), (1, 2), (2, 2), (1, 2, 1), (3, 1, 3, 1)]
    lengths = np.array([3, 5, 4, 5, 3, 5])
    logits = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    logits[3, :, 2] += 3  # two of them without a blank would be likelier
    padded = np.array([[*label, *[0] * (5 - len(label))] for label in labels])
    sizes = np.array([len(label) for label in labels])
    found = jax.device_get(jax.jit(alignment.align)(logits, lengths, padded, sizes))
    log_probs = np.asarray(jax.nn.log_softmax(logits))
    for line, path, label, frames in zip(
        log_probs, found, labels, lengths, strict=True
    ):
        every = ctc_reference.every_path(line[:frames])
        spelling = (
            scored for scored in every if ctc_reference.collapse(scored[0]) == label
        )
        best, _ = max(spelling, key=lambda scored: scored[1])
        assert tuple(path[:frames]) == best
        assert not path[frames:].any()
