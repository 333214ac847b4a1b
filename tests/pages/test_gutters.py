"""Gutters: lines of two columns that run into one are parted where others end."""

import numpy as np
import pytest

from ocr_jax.data.pages_file import Line
from ocr_jax.models.page import STRIDE
from ocr_jax.pages import gutters

SIZE = (600, 1000)
ROWS = range(100, 420, 40)


def line(left, right, y, slope=0.0):
    xs = np.linspace(left, right, 9)
    return Line(np.stack([xs, y + slope * (xs - left)], axis=1), 20.0, 6.0)


def ends_at(*places, value=0.4):
    """A map in which a network sees weak ends at these places (x, y)."""
    end = np.zeros([side // STRIDE for side in SIZE], np.float32)
    for x, y in places:
        end[y // STRIDE, x // STRIDE] = value
    return end


def columns(but=(), slope=0.0):
    """Two columns, from 100 to 460 and from 520 to 900, but for these rows."""
    return [
        one
        for y in ROWS
        if y not in but
        for one in (line(100, 460, y, slope), line(520, 900, y + 420 * slope, slope))
    ]


@pytest.mark.parametrize("row", [ROWS[0], ROWS[4], ROWS[-1]])
@pytest.mark.parametrize("slope", [0.0, 0.04, -0.04])
def test_a_line_over_a_gutter_is_parted_where_its_neighbours_are(row, slope):
    lines = [*columns(but=[row], slope=slope), line(100, 900, row, slope)]
    middle = round(row + 390 * slope)
    *_, left, right = gutters.part(lines, ends_at((490, middle)))
    assert left.baseline[[0, -1], 0] == pytest.approx([100, 490], abs=4)
    assert right.baseline[[0, -1], 0] == pytest.approx([490, 900], abs=4)
    assert right.baseline[0, 1] == pytest.approx(row + 390 * slope, abs=1)
    assert (left.above, left.below) == (20.0, 6.0)


def test_a_long_entry_is_parted_where_its_own_end_is_seen_and_loses_nothing():
    entries = [line(100, 300 + y // 8, y) for y in ROWS[1:]]
    amounts = [line(800, 900, y) for y in ROWS[1:]]
    lines = [line(100, 900, 100), *entries, *amounts]
    left, right, *_ = gutters.part(lines, ends_at((700, 100), (780, 100)))
    assert left.baseline[-1, 0] == right.baseline[0, 0] == pytest.approx(740, abs=4)


def test_a_line_over_two_gutters_is_parted_twice():
    cells = [line(x, x + 200, y) for y in ROWS[1:] for x in (100, 340, 580)]
    long = line(100, 780, ROWS[0])
    parted = gutters.part([long, *cells], ends_at((320, ROWS[0]), (560, ROWS[0])))
    first = np.concatenate([one.baseline[[0, -1], 0] for one in parted[:3]])
    assert first == pytest.approx([100, 320, 320, 560, 560, 780], abs=4)


ALL = np.ones_like(ends_at())


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        ([line(100, 900, 50), *columns()], ends_at()),  # a headline
        ([*columns(but=[220]), line(260, 740, 220)], ALL),  # one in the middle
        ([line(100, 900, y) for y in ROWS], ALL),
        ([*columns(but=ROWS[2:]), *(line(100, 900, y) for y in ROWS[2:])], ALL),
        ([*columns(but=[100]), line(100, 510, 100)], ALL),  # one column's, too long
        ([*columns(), line(490, 491, 120, slope=300.0)], ALL),  # upright
        ([*columns()[:4], line(100, 900, 200)], ALL),  # too few show a gutter
        ([], ALL),
    ],
)
def test_other_lines_stay_whole(lines, end):
    assert gutters.part(lines, end) == lines
