"""Says what an image is if it does not look like one line of writing."""

import cv2
import numpy as np

from ocr_jax.errors import UserError
from ocr_jax.images import cleaning

# A line lies: what is this many times as high as wide is turned, or no line.
TALL = 3.0
# A page has this many rows of writing. Images of a line show parts of its neighbours,
# but are wide: for every row of a page, there is this much height to its width.
PAGE_ROWS, HEIGHT_OF_ROW = 3, 0.06
LEAST_SIDE = 120  # pixels; a page that is smaller can't be read at all
SMALL = 600  # pixels of the longer side, enough to see the rows
STRIPS = 4  # a page may be turned a little: its rows are counted in each


def about(gray: np.ndarray) -> str:
    """Say what a gray image (H, W) looks like if it is no line; "" if it may be one."""
    rows, columns = gray.shape
    count = _count_rows(gray)
    if count >= PAGE_ROWS and rows > count * HEIGHT_OF_ROW * columns:
        return (
            f"looks like a page, with {count} rows of writing or more: predict reads "
            "one line, python -m ocr_jax.transcribe reads pages"
        )
    if rows > TALL * columns and rows > LEAST_SIDE:
        return (
            f"is {columns} x {rows} px: a line of writing is wider than high. Turn it "
            "by 90 degrees, or cut it into lines"
        )
    return ""


def _count_rows(gray: np.ndarray) -> int:
    """Count the rows of writing of a page, in the median of its strips."""
    if min(gray.shape) < LEAST_SIDE:
        return 0
    shrink = min(1.0, SMALL / max(gray.shape))
    size = tuple(max(1, round(side * shrink)) for side in gray.shape[::-1])
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    try:
        ink = cleaning.clean(small, np.ones(small.shape, bool))
    except UserError:
        return 0
    counts = [_count_bands(strip) for strip in np.array_split(ink, STRIPS, axis=1)]
    return int(np.median(counts))


def _count_bands(ink: np.ndarray) -> int:
    """Count the bands of rows with ink (H, W) that rows without it divide."""
    profile = np.convolve(ink.mean(axis=1), np.full(3, 1 / 3), "same")
    if not profile.any():
        return 0
    level = np.percentile(profile[profile > 0], 90)
    bands, inside = 0, False
    for value in profile:
        if not inside and value > 0.4 * level:
            bands, inside = bands + 1, True
        elif inside and value < 0.15 * level:
            inside = False
    return bands
