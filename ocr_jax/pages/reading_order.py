"""The order in which the lines of a page are read: by columns, tables by rows.

Reference: Breuel, "High performance document layout analysis", Symposium on Document
Image Understanding Technology, 2003.
"""

from collections.abc import Sequence

import numpy as np

from ocr_jax.data.pages_file import Line

# Lines overlap if they share this much of the shorter one.
OVERLAP = 0.1
# Lines stand in one row if their baselines differ by less than this much of a height.
ROW = 0.3
# One line is under another if their baselines differ by more than this much of both
# heights. Words are wider than so many heights; a page number is not.
UNDER, WORDS = 0.25, 2
# A page is a table if its lines have this many others in their row, and the usual one
# is no wider than this share of the page,
ROWMATES, NARROW = 1.3, 0.1
# or if rowmates, times the share by which one is narrower than another, are more than
# this. Columns of text are wide and alike.
UNLIKE = 0.7
# Tables face each other if they cover their parts of the page's width alike: their
# profiles, at so many places, have more than this correlation.
PLACES, ALIKE = 200, 0.9
# No more than this share of lines runs from the one into the other, and in both, cells
# of a row differ in width by this share: columns that are alike are those of one table.
CROSSING, DIFFERENT = 0.03, 0.25


def order(
    lines: Sequence[Line], page_width: int, right_to_left: bool = False
) -> list[int]:
    """Return the indices of lines in reading order.

    A table is read by rows, one of two that face each other after the other. Elsewhere
    a line comes before those below it that it overlaps from side to side, and before
    those to its right, unless a line that overlaps both is between them, or that on the
    right is at the head of the page. In a script that runs from right to left, columns
    and rows do so, too.
    """
    if not lines:
        return []
    left, right, top = _boxes(lines)
    height = np.array([line.above + line.below for line in lines])
    if right_to_left:  # the page as in a mirror
        left, right = -right, -left
    width = right - left
    rows = _in_one_row(height, top)
    if _is_table(rows, width, page_width):
        return _by_rows(rows, _is_on_second(rows, left, right), top, left)
    shared = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    overlap = shared > OVERLAP * np.minimum(width[:, None], width)
    is_above = top[:, None] < top
    is_left = (left + right)[:, None] < left + right
    before = overlap & is_above
    # Of floats, whose product is fast: a line below the one, above the other.
    between = before.astype(np.float32) @ before > 0
    beside = ~overlap & is_left & ~between & ~between.T
    under = top[:, None] - top > UNDER * (height[:, None] + height)
    heads = _heads(beside, under, overlap, width > WORDS * height)
    return _sorted(before | heads.T | beside & ~heads, top, left)


def _boxes(lines: Sequence[Line]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the left and right ends of lines, and how far down they are."""
    xs = [line.baseline[:, 0] for line in lines]
    left, right = np.array([(x.min(), x.max()) for x in xs]).T
    top = np.array([line.baseline[:, 1].mean() for line in lines])
    return left, right, top


def _in_one_row(height: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Return which lines stand in the row of which other (n, n)."""
    lower = np.minimum(height[:, None], height)
    rows = np.abs(top[:, None] - top) < ROW * lower
    np.fill_diagonal(rows, False)
    return rows


def _heads(
    beside: np.ndarray, under: np.ndarray, overlap: np.ndarray, is_words: np.ndarray
) -> np.ndarray:
    """Return where (n, n) the second line comes first, though it stands to the right.

    It stands above all to its left, as the date of a letter does, and its column ends
    above the first line.
    """
    level = beside & ~under
    above_all = ~level.any(axis=0) & (overlap & is_words).any(axis=1)
    goes_on = level.astype(np.float32) @ overlap > 0
    return beside & under & above_all & ~goes_on


def _is_table(rows: np.ndarray, width: np.ndarray, page_width: int) -> bool:
    """Return whether the lines are cells: narrow, or of unlike widths in one row."""
    rowmates = rows.sum(axis=1).mean()
    is_narrow = np.median(width) < NARROW * page_width
    unlike = rowmates * _narrower(rows, width) > UNLIKE
    return unlike or (rowmates > ROWMATES and is_narrow)


def _narrower(rows: np.ndarray, width: np.ndarray) -> float:
    """Return the share by which a line is usually narrower than another in its row."""
    ratio = width[:, None] / np.maximum(width, 1)
    ratio = ratio[rows & (ratio <= 1)]
    return 1 - np.median(ratio) if ratio.size else 0.0


def _is_on_second(rows: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return which lines are on the second of two tables that face each other (n,).

    Its columns repeat those of the first. Where no such table is, none are on it.
    """
    places = np.linspace(left.min(), right.max(), PLACES)
    covers = (left[:, None] <= places) & (places < right[:, None])
    best, second = ALIKE, np.zeros(len(left), bool)
    for index in range(PLACES // 3, 2 * PLACES // 3):
        after = left + right > 2 * places[index]
        if after.all() or not after.any() or covers[:, index].mean() > CROSSING:
            continue
        alike = _correlation(covers[~after].mean(axis=0), covers[after].mean(axis=0))
        if alike > best and all(
            _narrower(rows[np.ix_(side, side)], (right - left)[side]) > DIFFERENT
            for side in (after, ~after)
        ):
            best, second = alike, after
    return second


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of two profiles where one is shifted to suit the other."""
    a, b = a - a.mean(), b - b.mean()
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    return np.correlate(np.tile(b, 2), a, "valid").max() / max(scale, 1e-9)


def _by_rows(
    rows: np.ndarray, second: np.ndarray, top: np.ndarray, left: np.ndarray
) -> list[int]:
    """Return the lines row by row, each from left to right, those of `second` last."""
    rows = rows & (second[:, None] == second)
    rest = sorted(range(len(top)), key=lambda index: (second[index], top[index]))
    ordered = []
    while rest:
        row = [index for index in rest if index == rest[0] or rows[rest[0], index]]
        ordered += sorted(row, key=lambda index: left[index])
        rest = [index for index in rest if index not in row]
    return ordered


def _sorted(before: np.ndarray, top: np.ndarray, left: np.ndarray) -> list[int]:
    """Sort by `before` (n, n); where that is a circle, the topmost line comes first."""
    waiting = before.copy()
    np.fill_diagonal(waiting, False)
    blocked, rest = waiting.sum(axis=0), np.ones(len(top), bool)
    ordered = []
    while rest.any():
        free = np.flatnonzero(rest & (blocked == blocked[rest].min()))
        # Depth first: go on below the last line, as long as that is possible.
        if ordered and (after := free[waiting[ordered[-1], free]]).size:
            free = after
        chosen = int(min(free, key=lambda i: (top[i], left[i])))
        ordered.append(chosen)
        rest[chosen] = False
        blocked -= waiting[chosen]
    return ordered
