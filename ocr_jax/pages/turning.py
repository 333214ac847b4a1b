"""Turns pages, and what was read on them back."""

from typing import NamedTuple

import cv2
import numpy as np

from ocr_jax.readings import Page

QUARTER = 90  # degrees


class Turned(NamedTuple):
    """A page (H, W) that was turned, and what maps its points back: (2, 3)."""

    image: np.ndarray
    back: np.ndarray


def turn(gray: np.ndarray, degrees: int) -> Turned:
    """Turn a page clockwise; beyond its edges it is as bright as it usually is."""
    radians = np.deg2rad(degrees)
    cos, sin = np.cos(radians), np.sin(radians)
    size = np.array(gray.shape[::-1])
    around = np.array([[cos, -sin], [sin, cos]])  # clockwise, as y runs down
    if degrees % QUARTER == 0:
        # OpenCV would copy a turned view whole for every line that is cut out of it.
        image = np.ascontiguousarray(np.rot90(gray, -degrees // QUARTER))
        middle = (np.array(image.shape[::-1]) - 1) / 2
    else:
        larger = np.ceil(np.abs(around) @ size).astype(int)
        middle = (larger - 1) / 2
        there = np.column_stack([around, middle - around @ ((size - 1) / 2)])
        paper = float(np.median(gray[:: 1 + len(gray) // 500]))
        image = cv2.warpAffine(gray, there, tuple(map(int, larger)), borderValue=paper)
    back = around.T
    return Turned(image, np.column_stack([back, (size - 1) / 2 - back @ middle]))


def turn_back(page: Page, back: np.ndarray, size: tuple[int, int]) -> Page:
    """Return what was read on a turned page in the pixels of the page of this size."""
    lines = [
        line._replace(
            baseline=_on_page(line.baseline, back, size),
            outline=_on_page(line.outline, back, size),
        )
        for line in page.lines
    ]
    return Page(size, lines)


def _on_page(points: np.ndarray, back: np.ndarray, size) -> np.ndarray:
    mapped = points @ back[:, :2].T + back[:, 2]
    return np.clip(mapped, 0, np.array(size) - 1)
