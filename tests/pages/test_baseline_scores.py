"""Baselines: found ones against true ones, as cBAD scores them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax.data import polylines
from ocr_jax.pages import baseline_scores


def level(y, left=0.0, right=500.0):
    return np.array([[left, y], [right, y]])


PAGE = [level(y) for y in (100.0, 150.0, 200.0)]


def test_what_is_found_where_it_is_scores_one():
    scores = baseline_scores.score(PAGE, PAGE)
    assert scores == (1.0, 1.0, 0, 0, 0) and scores.f1 == 1.0


def test_within_the_tolerance_nothing_is_lost():
    shifted = [line + np.array([0.0, 12.0]) for line in PAGE]  # a quarter of 50 is 12.5
    assert baseline_scores.score(shifted, PAGE)[:2] == (1.0, 1.0)


def test_a_line_in_two_parts_costs_precision_alone():
    parts = [level(100, 0, 250), level(100, 255, 500), *PAGE[1:]]
    scores = baseline_scores.score(parts, PAGE)
    assert scores.recall == pytest.approx(1.0, abs=0.01)
    assert scores.precision == pytest.approx(0.75, abs=0.01)
    assert (scores.missed, scores.split, scores.merged) == (0, 1, 0)


def test_two_lines_in_one_are_merged():
    true = [level(100, 0, 240), level(100, 260, 500), *PAGE[1:]]
    scores = baseline_scores.score(PAGE, true)
    assert (scores.missed, scores.split, scores.merged) == (0, 0, 1)


def test_a_line_too_many_and_one_missed():
    scores = baseline_scores.score([PAGE[0], PAGE[1], level(600)], PAGE)
    assert scores.recall == pytest.approx(2 / 3)
    assert scores.precision == pytest.approx(2 / 3)
    assert (scores.missed, scores.split, scores.merged) == (1, 0, 0)


def test_empty_pages():
    assert baseline_scores.score([], []) == (1.0, 1.0, 0, 0, 0)
    assert baseline_scores.score(PAGE, [])[:2] == (0.0, 1.0)
    assert baseline_scores.score([], PAGE) == (1.0, 0.0, 3, 0, 0)


def by_definition(points, others, tolerance):
    total = 0.0
    for x, y in points:
        distance = min(math.hypot(x - a, y - b) for a, b in others)
        if distance <= tolerance:
            total += 1.0
        elif distance < 3 * tolerance:
            total += (3 * tolerance - distance) / (2 * tolerance)
    return total / len(points)


NUMBERS = st.floats(0, 300, allow_nan=False, width=32)
LINES = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=5)


@given(LINES, LINES, st.floats(1, 50))
def test_coverage_is_what_the_definition_says(line, other, tolerance):
    one, two = (polylines.resample(x, baseline_scores.SPACING) for x in (line, other))
    expected = by_definition(one.tolist(), two.tolist(), tolerance)
    assert baseline_scores.coverage(one, two, tolerance) == pytest.approx(expected)


@given(LINES)
def test_resampled_points_are_evenly_spaced_and_keep_the_ends(line):
    line = np.array(line)
    points = polylines.resample(line, baseline_scores.SPACING)
    np.testing.assert_allclose(points[[0, -1]], line[[0, -1]], atol=1e-6)
    steps = np.hypot(*np.diff(points, axis=0).T)
    assert steps.max(initial=0) <= 1.5 * baseline_scores.SPACING
