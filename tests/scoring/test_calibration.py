"""Confidences: what is right, how far they hold, the temperature that mends them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ocr_jax.scoring import calibration
from tests import fixtures

texts = st.text("abc ", max_size=8)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
def test_as_many_characters_are_right_as_the_least_edit_keeps(pairs):
    transcripts, readings = zip(*pairs, strict=True)
    right = calibration.right_characters(transcripts, readings)
    shares = calibration.right_shares(transcripts, readings)
    assert len(right) == sum(map(len, readings))
    at = 0
    for transcript, reading, share in zip(transcripts, readings, shares, strict=True):
        kept = [
            c
            for c, ok in zip(reading, right[at : at + len(reading)], strict=True)
            if ok
        ]
        at += len(reading)
        distance = fixtures.plain_distance(transcript, reading)
        longer = max(len(transcript), len(reading))
        assert share == pytest.approx(1 - distance / max(longer, 1))
        # What is kept stands in the transcript, in the same order.
        rest = iter(transcript)
        assert all(character in rest for character in kept)
        # Of the rest each costs an edit: one that is wrong or one that is missing.
        assert max(len(reading), len(transcript)) - len(kept) <= distance


def test_right_characters_of_a_line_by_hand():
    [*right] = calibration.right_characters(["la mer"], ["ala mr"])
    assert right == [False, True, True, True, True, True]


def test_the_error_of_a_hand_worked_example():
    # In bins of 1/15: 0.95 and 0.97 in the last, one right; 0.5 alone, right.
    confidences, right = np.array([0.95, 0.97, 0.5]), np.array([True, False, True])
    bins = calibration.reliability(confidences, right)
    assert [one.count for one in bins] == [1, 2]
    assert bins[1] == (2, pytest.approx(0.96), 0.5)
    expected = (1 * 0.5 + 2 * 0.46) / 3
    assert calibration.expected_error(bins) == pytest.approx(expected)
    assert calibration.expected_error([]) == 0.0


confidence = st.floats(0, 1, width=32)


@given(st.lists(st.tuples(confidence, st.floats(0, 1)), max_size=30))
def test_the_error_equals_a_plain_loop_over_bins(pairs):
    confidences, right = np.array(pairs).reshape(-1, 2).T
    expected = 0.0
    for i in range(15):
        inside = [
            (c, r)
            for c, r in pairs
            if i / 15 <= c < (i + 1) / 15 or (i == 14 and c == 1)
        ]
        expected += abs(sum(r - c for c, r in inside)) / max(len(pairs), 1)
    bins = calibration.reliability(confidences, right)
    assert calibration.expected_error(bins) == pytest.approx(expected, abs=1e-9)
    assert sum(one.count for one in bins) == len(pairs)


def two_class(logits):
    """The confidence (K, n) of logits (n,) against 0, at each temperature."""
    return 1 / (1 + np.exp(-logits / calibration.TEMPERATURES[:, None]))


@pytest.mark.parametrize("true", [0.5, 1.0, 2.0])
def test_the_temperature_that_made_the_confidences_is_found(true):
    generator = np.random.default_rng(0)
    logits = generator.uniform(0, 6, 20_000)
    right = generator.random(len(logits)) < 1 / (1 + np.exp(-logits / true))
    found = calibration.fit_temperature(two_class(logits), right)
    assert found == pytest.approx(true, rel=0.05)
    place = list(calibration.TEMPERATURES).index(found)
    both = two_class(logits)[[list(calibration.TEMPERATURES).index(1.0), place]]
    scores = calibration.before_and_after(both, right)
    assert scores["after"]["ece"] < 0.01
    if true != 1.0:
        assert scores["before"]["ece"] > 0.03


def test_temperatures_stay_in_bounds_whatever_is_read():
    logits = np.linspace(0.1, 5, 50)
    fit = calibration.fit_temperature
    assert fit(two_class(logits), np.ones(50, bool)) == calibration.TEMPERATURES[0]
    assert fit(two_class(logits), np.zeros(50, bool)) == calibration.TEMPERATURES[-1]
    assert fit(two_class(np.zeros(0)), np.zeros(0, bool)) == 1.0


def test_a_picture_of_both_is_drawn(tmp_path):
    right = np.array([True, False, True])
    both = calibration.before_and_after(np.array([[0.9, 0.8, 0.5]] * 2), right)
    nothing = calibration.before_and_after(np.zeros((2, 0)), np.zeros(0, bool))
    calibration.draw(tmp_path / "r.png", {"characters": both, "lines": nothing})
    with Image.open(tmp_path / "r.png") as picture:
        assert min(picture.size) > 300
