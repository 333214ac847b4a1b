"""Parts lines that run on across the gutter between two columns.

Neighbours show the gutter: lines that end where others in their row begin. The line
must begin where they do, which a centred heading does not, and the network must see an
end in the gutter, if weakly. The line is parted there, and nothing of it is lost.
"""

from collections.abc import Sequence

import numpy as np

from ocr_jax.data.pages_file import Line
from ocr_jax.models.page import STRIDE

# Heights of a line: how far up and down its neighbours are asked, and how far it goes
# on beyond a gap at both sides.
NEAR, BEYOND = 6, 2
# Lines follow one another in a row if they meet within this share of a height.
ROW = 0.5
# Parted neighbours that make a gutter, and how many there are to each that crosses it.
LEAST, SHARE = 3, 2
SLACK = 4  # pixels: a gutter may lean so much from one row to the next
# A line begins with its column within this share of the column's width.
BEGIN = 0.33
END = 0.2  # how probable an end in a gutter is at least: 2 % of places within lines are


def part(lines: Sequence[Line], end: np.ndarray) -> list[Line]:
    """Return lines, of a page of about 1,280 px, parted at the gutters they cross.

    end: a map (h, w) of where lines begin or end, as probabilities.
    """
    lines = list(lines)
    while lines:
        gaps, ends = _gaps(lines), _ends(lines)
        gutters = [_gutter(index, ends, gaps) for index in range(len(lines))]
        parted = [
            piece
            for line, gutter in zip(lines, gutters, strict=True)
            for piece in _pieces(line, gutter, end)
        ]
        if len(parted) == len(lines):
            break
        lines = parted
    return lines


def _ends(lines: Sequence[Line]) -> np.ndarray:
    """Return where lines begin and end, and their heights: columns x, y, x, y, h."""
    rows = [
        (*line.baseline[0], *line.baseline[-1], line.above + line.below)
        for line in lines
    ]
    return np.array(rows).reshape(-1, 5).T


def _gaps(lines: Sequence[Line]) -> np.ndarray:
    """Return the gaps in rows of lines: their left, right, y; the column's left."""
    left, top, right, end, height = _ends(lines)
    level = np.abs(end[:, None] - top) < ROW * np.minimum(height[:, None], height)
    follows = level & (left > right[:, None] - ROW * height[:, None])
    np.fill_diagonal(follows, False)
    before = np.flatnonzero(follows.any(axis=1))
    after = np.where(follows, left, np.inf).argmin(axis=1)[before]
    xs = np.sort([right[before], left[after]], axis=0)
    return np.stack([*xs, (end[before] + top[after]) / 2, left[before]])


def _gutter(index: int, ends: np.ndarray, gaps: np.ndarray) -> tuple | None:
    """Return the left and right side of the gutter that a line crosses, if it does."""
    left, top, right, end, height = ends
    if right[index] - left[index] < abs(end[index] - top[index]):
        return None  # it runs up or down, as notes in margins do
    beyond = BEYOND * height[index]
    reach = NEAR * max(height[index], np.median(height))
    inside = (gaps[0] > left[index] + beyond) & (gaps[1] < right[index] - beyond)
    x = gaps[:2].mean(axis=0)
    near = np.abs(gaps[2] - _height_at(x, ends[:, index])) < reach
    gaps, x = gaps[:, inside & near], x[inside & near]
    if x.size < LEAST:
        return None
    shows = (gaps[0, :, None] <= x + SLACK) & (x <= gaps[1, :, None] + SLACK)
    margin = BEYOND / 2 * height[:, None]
    crosses = (left[:, None] + margin < x) & (x < right[:, None] - margin)
    away = _height_at(x, ends[..., None]) - _height_at(x, ends[:, index])
    crosses &= np.abs(away) < reach
    crosses[index] = False
    parted, whole = shows.sum(axis=0), crosses.sum(axis=0)
    is_gutter = (parted >= LEAST) & (parted > SHARE * whole)
    if not is_gutter.any():
        return None
    best = np.where(is_gutter, parted - whole, -np.inf).argmax()
    sides, column = gaps[:2, shows[:, best]], np.median(gaps[3, shows[:, best]])
    first, last = np.median(sides, axis=1)
    if left[index] > column + BEGIN * (first - column):
        return None
    return min(first, x[best]), max(last, x[best])


def _height_at(x: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return y of straight lines with these ends where they are at x."""
    left, top, right, end, _ = ends
    return top + (end - top) * (x - left) / np.maximum(right - left, 1e-9)


def _pieces(line: Line, gutter: tuple | None, end: np.ndarray) -> list[Line]:
    """Return the parts of a line beside the gutter that it crosses, else the line."""
    x = _seen_end(line, gutter, end) if gutter else None
    if x is None:
        return [line]
    points, place = line.baseline, [[x, np.interp(x, *line.baseline.T)]]
    first = np.vstack([points[points[:, 0] < x], place])
    second = np.vstack([place, points[points[:, 0] > x]])
    return [line._replace(baseline=first), line._replace(baseline=second)]


def _seen_end(line: Line, gutter: tuple[float, float], end: np.ndarray) -> float | None:
    """Return x amid the ends that are seen around a line in this gutter, or beside."""
    height = line.above + line.below
    y = np.interp(np.mean(gutter), *line.baseline.T)
    corners = [
        [y - height / 2, gutter[0] - height],
        [y + height / 2, gutter[1] + height],
    ]
    first, last = np.maximum(np.array(corners) / STRIDE, 0).astype(int)
    around = end[first[0] : last[0] + 1, first[1] : last[1] + 1].max(axis=0)
    likely = np.where(around > END, around, 0.0)
    xs = (first[1] + np.arange(likely.size) + 0.5) * STRIDE
    return float(np.average(xs, weights=likely)) if likely.any() else None
