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
# A page is a table if its lines have this many others in their row, and the usual one
# is no wider than this share of the page. Columns of text are wider.
TABLE_ROWMATES, TABLE_WIDTH = 1.3, 0.15


def order(
    lines: Sequence[Line], page_width: int, right_to_left: bool = False
) -> list[int]:
    """Return the indices of lines in reading order.

    A table is read by rows. Elsewhere a line comes before those below it that it
    overlaps from side to side, and before those to its right, unless a line that
    overlaps both is between them. In a script that runs from right to left, columns
    and rows do so, too.
    """
    if not lines:
        return []
    left, right, top = _boxes(lines)
    if right_to_left:  # the page as in a mirror
        left, right = -right, -left
    width = right - left
    rows = _in_one_row(lines, top)
    is_table = rows.sum(axis=1).mean() > TABLE_ROWMATES
    if is_table and np.median(width) < TABLE_WIDTH * page_width:
        return _by_rows(rows, top, left)
    shared = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    overlap = shared > OVERLAP * np.minimum(width[:, None], width)
    is_above = top[:, None] < top
    is_left = (left + right)[:, None] < left + right
    before = overlap & is_above
    # Of floats, whose product is fast: a line below the one, above the other.
    between = before.astype(np.float32) @ before > 0
    beside = ~overlap & is_left & ~between & ~between.T
    return _sorted(before | beside, top, left)


def _boxes(lines: Sequence[Line]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the left and right ends of lines, and how far down they are."""
    xs = [line.baseline[:, 0] for line in lines]
    left, right = np.array([(x.min(), x.max()) for x in xs]).T
    top = np.array([line.baseline[:, 1].mean() for line in lines])
    return left, right, top


def _in_one_row(lines: Sequence[Line], top: np.ndarray) -> np.ndarray:
    """Return which lines stand in the row of which other (n, n)."""
    height = np.array([line.above + line.below for line in lines])
    lower = np.minimum(height[:, None], height)
    rows = np.abs(top[:, None] - top) < ROW * lower
    np.fill_diagonal(rows, False)
    return rows


def _by_rows(rows: np.ndarray, top: np.ndarray, left: np.ndarray) -> list[int]:
    """Return the lines row by row, each from left to right."""
    rest, ordered = sorted(range(len(top)), key=lambda index: top[index]), []
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
