"""Reading order: columns one after the other, tables by rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax.data.pages_file import Line
from ocr_jax.pages import reading_order

WIDTH = 1000


def line(left, right, y, drop=0.0):
    return Line(np.array([[left, y], [right, y + drop]], float), 20.0, 6.0)


HEADING = line(100, 900, 50)
LEFT = [line(100, 450, y) for y in (120, 160, 200)]
RIGHT = [line(550, 900, y) for y in (120, 160, 200)]
FOOT = line(100, 900, 260)
CELLS = [line(x, x + 90, y) for y in (100, 140, 180) for x in (100, 300, 500, 700)]
ROWS = (100, 140, 180, 220)
# A register over two facing pages: names and dates, on each page.
REGISTER = [line(x, x + w, y) for y in ROWS for x, w in ((50, 200), (330, 90))]
FACING = [line(x, x + w, y) for y in ROWS for x, w in ((550, 210), (830, 90))]
NAMED = [
    line(x, x + (160, 60)[x > 50], y) for y in ROWS for x in (50, *range(300, 950, 90))
]
# The date of a letter, its salutation, and text.
LETTER = [
    *(line(600, 900, 50), line(700, 740, 90), line(100, 300, 140)),
    *(line(100, 900, y) for y in (180, 220)),
]
TEXT = [line(x, x + 120, y) for x in (50, 200, 550, 700) for y in ROWS]


@pytest.mark.parametrize(
    "lines",
    [
        [line(100, 900, y) for y in (50, 90, 130)],
        [HEADING, *LEFT, *RIGHT, FOOT],
        [*LEFT, *RIGHT],
        [line(100, 450, y, drop=30) for y in (100, 140)],
        [line(80, 200, 100), line(220, 900, 100), line(100, 900, 140)],  # in two parts
        CELLS,
        REGISTER + FACING,
        REGISTER + FACING[:4],  # the page after the last entry is empty
        NAMED,
        TEXT,
        LETTER,
        [*LEFT[1:], *RIGHT],  # the first column begins lower
        [line(100, 700, y) for y in (90, 130)] + [line(850, 870, 50)],  # a page number
        [],
    ],
)
def test_lines_are_read_in_this_order(lines):
    shuffled = np.random.default_rng(0).permutation(len(lines))
    ordered = reading_order.order([lines[i] for i in shuffled], WIDTH)
    assert [shuffled[i] for i in ordered] == list(range(len(lines)))


@pytest.mark.parametrize(
    "lines",
    [
        [HEADING, *RIGHT, *LEFT, FOOT],
        [line(220, 900, 100), line(80, 200, 100), line(100, 900, 140)],
        [CELLS[i] for row in (3, 7, 11) for i in range(row, row - 4, -1)],
        [page[i] for page in (FACING, REGISTER) for i in (1, 0, 3, 2, 5, 4, 7, 6)],
        [],
    ],
)
def test_columns_of_some_scripts_run_from_right_to_left(lines):
    shuffled = np.random.default_rng(0).permutation(len(lines))
    mixed = [lines[i] for i in shuffled]
    ordered = reading_order.order(mixed, WIDTH, right_to_left=True)
    assert [shuffled[i] for i in ordered] == list(range(len(lines)))


NUMBERS = st.integers(0, 1000)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=12))
def test_every_line_is_read_once(places):
    lines = [line(x, x + width + 1, y) for x, width, y in places]
    assert sorted(reading_order.order(lines, WIDTH)) == list(range(len(lines)))
