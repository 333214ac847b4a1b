"""Which way up a page is whose image has a tag that turns it.

A camera stores the pixels as they come and tags how to turn them (EXIF). Some programs
measure lines on the turned image, as people see it, others on the stored pixels. The
size that the XML names tells them apart, or else where the ink is.
"""

import math

import cv2
import numpy as np

from ocr_jax.errors import UserError
from ocr_jax.images import opening

SAME_SHAPE = 0.01  # largest difference in aspect of a page and its copy
BEYOND = 1.02  # coordinates reach this far at most, in sizes of the page
# Lines are where there is this many times as much ink as the other way up.
CLEARLY = 1.3
SMALL = 800  # pixels of the longer side, enough to see where the ink is


def upright(page, picture: opening.Picture):
    """Return the gray image (H, W) that a page's lines are cut from, and the page.

    page: a line_cutting.Page; its lines and size fit the returned image. Raises
    UserError if the image is turned and it can't be told which way was measured.
    """
    gray, tag = picture
    if tag == 1:
        if page.size and page.unit == "pixel" and _is_turned(page, gray):
            raise UserError(
                f"the XML measures {_size(page.size)}, but the image is "
                f"{_size(gray.shape[::-1])}: it has been turned since"
            )
        return gray, page
    stored = opening.stored(picture)
    if _is_of_stored(page, gray, stored):
        if _lies_level(page, tag):
            return stored, page
        return gray, _turned(page, tag, stored)
    return gray, page


def _is_of_stored(page, gray: np.ndarray, stored: np.ndarray) -> bool:
    """Return whether the lines were measured on the stored pixels."""
    images = gray, stored
    if page.size:
        fits = [_has_shape(page.size, image) for image in images]
        if not any(fits):
            raise UserError(
                f"the XML measures {_size(page.size)}, but the image is "
                f"{_size(gray.shape[::-1])} as its tag turns it, and "
                f"{_size(stored.shape[::-1])} as it is stored"
            )
    else:
        fits = [_is_within(page, image) for image in images]
    if page.is_ours and fits[0]:
        return False
    if fits.count(True) == 1:
        return fits[1]
    inks = [_ink_in_lines(page, image) for image in images]
    if max(inks) < CLEARLY * min(inks) or max(inks) == 0:
        raise UserError(
            "a tag turns the image, and its lines may have been measured before or "
            "after: save the image without the tag"
        )
    return inks[1] > inks[0]


def _has_shape(size: tuple[float, float], image: np.ndarray) -> bool:
    rows, columns = image.shape
    return abs(size[0] * rows / (size[1] * columns) - 1) < SAME_SHAPE


def _is_turned(page, image: np.ndarray) -> bool:
    """Return whether an image without a tag lies on its side for the page's lines."""
    if _has_shape(page.size, image) or not _has_shape(page.size[::-1], image):
        return False
    if not _is_within(page, image):
        return True
    # Some programs swap width and height of the page: then the lines are right.
    measured = page._replace(size=None)
    other = max(_ink_in_lines(measured, np.rot90(image, k)) for k in (1, -1))
    return other > CLEARLY * _ink_in_lines(measured, image)


def _size(size) -> str:
    return " x ".join(f"{round(float(side)):,}" for side in size) + " px"


def _outlines(page) -> list[np.ndarray]:
    """Return the outlines (n, 2) of the lines, or the baselines of those without."""
    shapes = [
        line.outline if len(line.outline) > 2 else line.baseline for line in page.lines
    ]
    return [shape for shape in shapes if len(shape) > 1]


def _is_within(page, image: np.ndarray) -> bool:
    """Return whether the lines, in pixels, are on the image."""
    limit = BEYOND * np.array(image.shape[::-1])
    return all(np.all(outline.max(axis=0) <= limit) for outline in _outlines(page))


def _ink_in_lines(page, image: np.ndarray) -> float:
    """Return the mean darkness of the lines, if they are where this image has them."""
    rows, columns = image.shape
    shrink = min(1.0, SMALL / max(rows, columns))
    size = max(1, round(columns * shrink)), max(1, round(rows * shrink))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    scale = np.divide(size, page.size or (columns, rows))
    mask = np.zeros(small.shape, np.uint8)
    for outline in _outlines(page):
        points = np.clip(outline * scale, -1e4, 1e4).round().astype(np.int32)
        if len(points) > 2:
            cv2.fillPoly(mask, [points], 1)
        else:
            cv2.polylines(mask, [points], False, 1)
    paper = float(np.median(small))
    ink = np.abs(small.astype(np.float32) - paper)
    ink[ink < 0.3 * ink.max()] = 0.0
    return float(ink[mask > 0].mean()) if mask.any() else 0.0


def _lies_level(page, tag: int) -> bool:
    """Return whether the writing is upright in the stored pixels, whatever the tag."""
    boxes = [np.ptp(outline, axis=0) for outline in _outlines(page)]
    if tag >= 5:  # a quarter turn
        return bool(boxes) and sum(w > h for w, h in boxes) * 2 >= len(boxes)
    below = [
        line.baseline[:, 1].mean() - line.outline[:, 1].mean()
        for line in page.lines
        if len(line.baseline) and len(line.outline) > 2
    ]
    # Mirrored writing is upright as the tag turns it; baselines are below letters.
    return tag == 3 and bool(below) and math.fsum(np.sign(below)) > 0


def turn(points: np.ndarray, tag: int, size: tuple[float, float]) -> np.ndarray:
    """Return points (n, 2) of a page of this (width, height) as a tag turns them."""
    x, y = points.reshape(-1, 2).T
    right, down = size[0] - x, size[1] - y
    ways = {1: (x, y), 2: (right, y), 3: (right, down), 4: (x, down), 5: (y, x)}
    ways |= {6: (down, x), 7: (down, right), 8: (y, right)}
    return np.stack(ways[tag], axis=1)


def opposite(tag: int) -> int:
    """Return the tag that turns back what this one has turned."""
    return {6: 8, 8: 6}.get(tag, tag)


def _turned(page, tag: int, stored: np.ndarray):
    """Return the page with its lines turned as the tag turns the stored pixels."""
    size = page.size or stored.shape[::-1]
    lines = [
        line._replace(
            outline=turn(line.outline, tag, size),
            baseline=turn(line.baseline, tag, size),
        )
        for line in page.lines
    ]
    size = page.size and (page.size[::-1] if tag >= 5 else page.size)
    return page._replace(lines=lines, size=size)
