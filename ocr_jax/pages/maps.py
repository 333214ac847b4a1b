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
# Lines count as slanted from 27 to 63 degrees: LEVEL is the cosine of twice the angle.
# Their direction shows within AROUND pixels of the map, if it is CLEAR: a share.
LEVEL, AROUND, CLEAR = 0.6, 2.5, 0.5
UPWARDS = 0.17  # lines steeper than 80 degrees run upwards, as notes in margins do
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

    BASELINE and END are probabilities. Lines run along the ridges of BASELINE, its
    local maxima across the line: lines so close that they touch have their own.
    """
    smooth = cv2.GaussianBlur(maps[..., BASELINE], (3, 3), 0.8)
    there = (smooth > LEAST) & (maps[..., END] < 0.5)
    ridge, joined = np.zeros((2, *smooth.shape), np.uint8)
    for runs_so, along, across in _directions(smooth, maps[..., END]):
        highest = cv2.dilate(smooth, _kernel(across, APART))
        part = (runs_so & there & (smooth >= highest)).astype(np.uint8)
        ridge |= part
        longer = cv2.dilate(part, _kernel(along, 2 * GAP + 1))
        joined |= longer if along == "level" else part | (longer & runs_so)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    labels *= ridge
    lines = []
    for number in range(1, count):
        left, top, width, height, _ = stats[number]
        window = np.s_[top : top + height, left : left + width]
        rows, columns = np.nonzero(labels[window] == number)
        weights = smooth[window][rows, columns]
        if weights.sum() <= SURE * len(weights):
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


def _directions(
    smooth: np.ndarray, end: np.ndarray
) -> list[tuple[np.ndarray, str, str]]:
    """Return where (h, w) lines run along each of four directions, and across which.

    The direction of a line is that in which BASELINE changes least around, beside its
    ends. Where it changes alike in all directions, lines count as level.
    """
    inner = cv2.dilate(end, np.ones((APART, APART), np.uint8)) < LEAST
    slopes = [inner * cv2.Sobel(smooth, cv2.CV_32F, *by) for by in ((1, 0), (0, 1))]
    products = slopes[0] ** 2, slopes[1] ** 2, slopes[0] * slopes[1]
    across, down, both = (cv2.GaussianBlur(p, (0, 0), AROUND) for p in products)
    # Twice the angle of a line: 1, 0 is level, -1, 0 upright, 0, 1 falls to the right.
    cos, sin = down - across, -2 * both
    clear = np.hypot(cos, sin) > CLEAR * (across + down)
    upright = clear & (cos < -LEVEL * np.hypot(cos, sin))
    slanted = clear & (np.abs(cos) <= LEVEL * np.hypot(cos, sin))
    falling, rising = slanted & (sin > 0), slanted & (sin <= 0)
    level = ~(upright | slanted)
    return [
        (level, "level", "upright"),
        (upright, "upright", "level"),
        (falling, "falling", "rising"),
        (rising, "rising", "falling"),
    ]


def _kernel(direction: str, length: int) -> np.ndarray:
    """Return a line of so many pixels, for OpenCV's morphology."""
    if direction in ("level", "upright"):
        shape = (1, length) if direction == "level" else (length, 1)
        return np.ones(shape, np.uint8)
    falling = np.eye(length, dtype=np.uint8)
    return falling if direction == "falling" else np.ascontiguousarray(falling[::-1])


def _polyline(map_, fixed: np.ndarray, value: float, thickness: int):
    cv2.polylines(map_, [fixed], False, value, thickness, shift=SHIFT)


def _follow(points: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    """Return a polyline (n, 2) through points (m, 2); None if it would be too short.

    The points are averaged across the direction in which they extend most.
    """
    middle = points.mean(axis=0)
    _, axes = np.linalg.eigh((points - middle).T @ (points - middle))
    across, along = (axes * np.sign(axes[0] + 1e-9)).T  # from left to right
    if abs(along[0]) < UPWARDS and along[1] > 0:
        along = -along
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
