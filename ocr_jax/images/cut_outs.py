"""Finds where a line is in an image that was cut out along the line's outline.

Around the line such an image is white or black, or transparent, which is read as white.
To a cleaner of scans, that is paper next to much darker paper, or a large blot of ink.
"""

import cv2
import numpy as np

# Gray levels that JPEG leaves of white and of black, and how unlike them paper is.
NEAR, UNLIKE = 4, 12.0
# The surroundings take at least this share of the image's edge.
AROUND = 0.25
# The edge of an outline is blurred over so many pixels, or this share of the height.
BLURRED, BLURRED_SHARE = 1, 1 / 50
# White strokes are thinner than this share of the height, or have no ink within. Ink
# takes more than so many percent of a line.
THIN, LEAST_INK = 1 / 8, 2
# Share of a line's columns that have one run of pixels inside of its outline.
WHOLE = 0.95


def inside(gray: np.ndarray) -> np.ndarray | None:
    """Return where the line is in an image (H, W) uint8, or None if it is no cut-out.

    The mask is (H, W) uint8, 1 inside.
    """
    for level in (255, 0):
        flat = cv2.absdiff(gray, level) <= NEAR
        edge = np.concatenate([flat[[0, -1]].ravel(), flat[:, [0, -1]].ravel()])
        if edge.mean() < AROUND:
            continue
        mask = _without_surroundings(flat)
        if _is_written_on(gray, mask, level) and _is_band(mask):
            return mask
    return None


def _without_surroundings(flat: np.ndarray) -> np.ndarray:
    """Return 1 where no path over flat pixels leads to the image's edge."""
    marked = np.pad(flat.astype(np.uint8), 1, constant_values=1)
    cv2.floodFill(marked, None, (0, 0), 2)
    outside = (marked == 2).astype(np.uint8)[1:-1, 1:-1]
    blurred = max(BLURRED, round(len(flat) * BLURRED_SHARE))
    return 1 - cv2.dilate(outside, np.ones((2 * blurred + 1,) * 2, np.uint8))


def _is_written_on(gray: np.ndarray, mask: np.ndarray, level: int) -> bool:
    """Whether paper unlike its surroundings, with ink on it, is inside of the mask.

    White letters on black have a black edge, but no ink in their middle.
    """
    size = max(3, round(len(gray) * THIN))
    core = gray[cv2.erode(mask, np.ones((size, size), np.uint8)) > 0]
    if not core.size:
        return False
    ink, paper = np.percentile(core, [LEAST_INK, 50])
    return abs(paper - level) > UNLIKE and paper - ink > UNLIKE


def _is_band(mask: np.ndarray) -> bool:
    """Whether it is one piece from left to right, as lines are and words are not."""
    first, last = np.flatnonzero(mask.any(axis=0))[[0, -1]]
    columns = mask[:, first : last + 1]
    runs = (np.diff(columns, axis=0, prepend=0) == 1).sum(axis=0)
    return np.mean(runs == 1) > WHOLE
