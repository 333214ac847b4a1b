"""A page's lines as maps that a network can predict, and lines out of such maps.

A map has one value for each STRIDE x STRIDE pixels of the page. BASELINE marks where a
baseline runs, END where one begins or ends, which keeps neighbours in a row apart.
ABOVE and BELOW say along a baseline how far its letters reach, in pixels of the map.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from ocr_jax.data.pages_file import Line
from ocr_jax.models.page import STRIDE

BASELINE, END, ABOVE, BELOW = range(4)
KINDS = 4
HEIGHT = 8.0  # what networks predict heights in, in pixels of the map
# Fixed-point bits of the coordinates that OpenCV draws.
SHIFT = 4
# OpenCV's thickness of a drawn baseline, which gives 3 pixels of the map; the radius
# of its ends.
THICKNESS, RADIUS = 2, 2
# A ridge of BASELINE counts from the first of these on, and is a line if on average it
# has the second.
LEAST, SURE = 0.25, 0.45
APART = 5  # pixels of the map: less than the distance of two lines, and odd
GAP = 2  # pixels of the map: a ridge may be interrupted by so many
SHORTEST = 4  # points along a line, in pixels of the map
EXACT = 0.6  # how far points of a simplified line may be off, in pixels of the map


def draw(lines: Sequence[Line], size: tuple[int, int]) -> np.ndarray:
    """Return the maps (h, w, 4) float32 of lines on a page of size (H, W)."""
    shape = tuple(-(-side // STRIDE) for side in size)
    maps = np.zeros((4, *shape), np.float32)
    for line in lines:
        # Pixel (x, y) of the page is the middle of a square of the map.
        points = (np.asarray(line.baseline, float) + 0.5) / STRIDE - 0.5
        fixed = np.round(points * 2**SHIFT).astype(np.int32)
        for kind, value in ((ABOVE, line.above), (BELOW, line.below)):
            _polyline(maps[kind], fixed, value / STRIDE, THICKNESS + 1)
        _polyline(maps[BASELINE], fixed, 1.0, THICKNESS)
        for end in (fixed[0], fixed[-1]):
            cv2.circle(maps[END], end, RADIUS << SHIFT, 1.0, -1, shift=SHIFT)
    return np.moveaxis(maps, 0, -1)


def find(maps: np.ndarray) -> list[Line]:
    """Return the lines in maps (h, w, 4), from top to bottom.

    BASELINE and END are probabilities. Lines run along the ridges of BASELINE, from top
    to bottom its local maxima: lines so close that they touch have their own.
    """
    smooth = cv2.GaussianBlur(maps[..., BASELINE], (3, 3), 0.8)
    highest = cv2.dilate(smooth, np.ones((APART, 1), np.uint8))
    ridge = (smooth >= highest) & (smooth > LEAST) & (maps[..., END] < 0.5)
    ridge = ridge.astype(np.uint8)
    joined = cv2.dilate(ridge, np.ones((1, 2 * GAP + 1), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    labels *= ridge
    lines = []
    for number in range(1, count):
        left, top, width, height, _ = stats[number]
        window = np.s_[top : top + height, left : left + width]
        rows, columns = np.nonzero(labels[window] == number)
        weights = smooth[window][rows, columns]
        if weights.mean() < SURE:
            continue
        points = np.stack([columns + left, rows + top], axis=1).astype(float)
        if (line := _follow(points, weights)) is None:
            continue
        above, below = (
            float(np.median(maps[window][rows, columns, kind])) * STRIDE
            for kind in (ABOVE, BELOW)
        )
        lines.append(Line((line + 0.5) * STRIDE - 0.5, above, below))
    return sorted(lines, key=lambda line: line.baseline[:, 1].mean())


def from_network(predicted: np.ndarray) -> np.ndarray:
    """Return the maps (h, w, 4) of what a network predicts: logits, scaled heights."""
    marks = 1.0 / (1.0 + np.exp(-predicted[..., :ABOVE]))
    return np.concatenate([marks, predicted[..., ABOVE:] * HEIGHT], axis=-1)


def _polyline(map_, fixed: np.ndarray, value: float, thickness: int):
    cv2.polylines(map_, [fixed], False, value, thickness, shift=SHIFT)


def _follow(points: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    """Return a polyline (n, 2) through points (m, 2); None if it would be too short.

    The points are averaged across the direction in which they extend most.
    """
    middle = points.mean(axis=0)
    _, axes = np.linalg.eigh((points - middle).T @ (points - middle))
    across, along = (axes * np.sign(axes[0] + 1e-9)).T  # from left to right
    steps = np.round((points - middle) @ along).astype(int)
    if np.ptp(steps) + 1 < SHORTEST:
        return None
    steps -= steps.min()
    total = np.bincount(steps, weights)
    there = total > 0
    offsets = np.bincount(steps, weights * ((points - middle) @ across))[there]
    offsets = offsets / total[there]
    first = ((points - middle) @ along).min()
    line = middle + np.outer(np.flatnonzero(there) + first, along)
    line += np.outer(offsets, across)
    simple = cv2.approxPolyDP(line.astype(np.float32)[:, None], EXACT, False)
    return simple[:, 0].astype(float)
