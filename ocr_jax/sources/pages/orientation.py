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

# Largest difference in aspect of a page and its copy, and of images of about one size.
COPY_SHAPE, SAME_SHAPE = 0.005, 0.01
SAME_SIZE = 0.02  # largest difference of a side, as a share of it
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
        if page.size and not same_shape(page.size, gray.shape[::-1]):
            _refuse_other_shape(page, gray)
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
        fits = [same_shape(page.size, image.shape[::-1]) for image in images]
        if not any(fits):
            raise UserError(
                f"{_measured(page)}, but the image is "
                f"{_size(gray.shape[::-1])} as its tag turns it, and "
                f"{_size(stored.shape[::-1])} as it is stored"
            )
    else:
        fits = [_is_within(page, image.shape[::-1]) for image in images]
    has_places = any(len(line.outline) for line in page.lines)
    if fits[0] and (page.is_ours or not has_places):
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


def same_shape(measured: tuple[float, float], size: tuple[int, int]) -> bool:
    """Return whether an image (width, height) may be the one that was measured."""
    scale = np.divide(size, measured)
    is_copy = np.abs(scale - 1).max() > SAME_SIZE
    return abs(scale[0] / scale[1] - 1) < (COPY_SHAPE if is_copy else SAME_SHAPE)


def _refuse_other_shape(page, image: np.ndarray):
    """Raise UserError unless the size is a mistake, and the lines fit the image.

    Some programs swap width and height of the page, or name too small a size.
    """
    size = image.shape[::-1]
    is_turned = same_shape(page.size[::-1], size)
    if page.unit == "pixel" and _is_within(page, size):
        if is_turned and not _lies_on_its_side(page, image):
            return
        if not is_turned and not _is_within(page, page.size):
            return
    why = "turned since" if is_turned else "cropped since, or is another page's"
    raise UserError(
        f"{_measured(page)}, but the image is {_size(size)}: it has been {why}"
    )


def _lies_on_its_side(page, image: np.ndarray) -> bool:
    """Return whether a turned copy of the image has clearly more ink in the lines."""
    measured = page._replace(size=None)
    other = max(_ink_in_lines(measured, np.rot90(image, k)) for k in (1, -1))
    return other > CLEARLY * _ink_in_lines(measured, image)


def _measured(page) -> str:
    unit = "px" if page.unit == "pixel" else page.unit
    return f"the XML measures {_size(page.size, unit)}"


def _size(size, unit: str = "px") -> str:
    return " x ".join(f"{round(float(side)):,}" for side in size) + f" {unit}"


def _outlines(page) -> list[np.ndarray]:
    """Return the outlines (n, 2) of the lines, or the baselines of those without."""
    shapes = [
        line.outline if len(line.outline) > 2 else line.baseline for line in page.lines
    ]
    return [shape for shape in shapes if len(shape) > 1]


def _is_within(page, size: tuple[float, float]) -> bool:
    """Return whether the lines are on an image of this (width, height)."""
    limit = BEYOND * np.array(size)
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
