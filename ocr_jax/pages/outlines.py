"""Outlines of lines: bands along their baselines that leave out the lines beside."""

from collections.abc import Sequence

import numpy as np

from ocr_jax.data import polylines
from ocr_jax.data.pages_file import Line

STEP = 8.0  # pixels between the points of an outline
# What letters reach beyond the usual, as a share of it, and beyond a baseline's ends.
MORE, ENDS = 0.15, 0.3
# An outline ends at this share of the way to the baseline above or below.
FARTHEST = 0.9


def outline(line: Line, others: Sequence[Line], size: tuple[int, int]) -> np.ndarray:
    """Return the outline (n, 2) of a line on a page of size (H, W), inside of it."""
    points = _extended(line)
    above = np.full(len(points), line.above * (1 + MORE))
    below = np.full(len(points), line.below * (1 + MORE))
    for other in others:
        ordered = other.baseline[np.argsort(other.baseline[:, 0])]
        there = (points[:, 0] >= ordered[0, 0]) & (points[:, 0] <= ordered[-1, 0])
        down = np.interp(points[:, 0], *ordered.T) - points[:, 1]
        higher, lower = there & (down < 0), there & (down > 0)
        above[higher] = np.minimum(above, -FARTHEST * down)[higher]
        below[lower] = np.minimum(below, FARTHEST * down)[lower]
    normal = _normals(points)
    upper, under = points - normal * above[:, None], points + normal * below[:, None]
    around = np.concatenate([upper, under[::-1]])
    return np.clip(around, 0, np.array(size)[::-1] - 1)


def _extended(line: Line) -> np.ndarray:
    """Return points (n, 2) along a baseline and a little beyond its ends.

    They run to the right: above is on their left.
    """
    baseline = polylines.rightwards(np.asarray(line.baseline, float))
    first, last = baseline[0] - baseline[1], baseline[-1] - baseline[-2]
    beyond = ENDS * line.above
    first, last = (v / max(np.hypot(*v), 1e-9) * beyond for v in (first, last))
    whole = np.concatenate([[baseline[0] + first], baseline, [baseline[-1] + last]])
    return polylines.resample(whole, STEP)


def _normals(points: np.ndarray) -> np.ndarray:
    """Return unit vectors (n, 2) across a line, down where it runs to the right."""
    # Smoothed, or a bend would fold the outline over itself.
    ahead = np.roll(points, -4, axis=0), np.roll(points, 4, axis=0)
    along = ahead[0] - ahead[1]
    along[:4], along[-4:] = points[-1] - points[0], points[-1] - points[0]
    along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    return np.stack([-along[:, 1], along[:, 0]], axis=1)
