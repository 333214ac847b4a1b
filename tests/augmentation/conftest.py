"""Batches that the tests of augmentation vary."""

import cv2
import numpy as np
import pytest

from tests.augmentation import varied


@pytest.fixture(scope="module")
def batch():
    """Six lines of words, two of them as wide as the batch, and a filler row."""
    images, widths = np.zeros((7, varied.HEIGHT, varied.WIDTH), np.float32), []
    for row, text in enumerate(
        ["o", "line", "minimum", "handwriting", "x" * 12, "y,j"]
    ):
        canvas = np.zeros((varied.HEIGHT, varied.WIDTH), np.uint8)
        cv2.putText(canvas, text, (2, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.75, 255, 2)
        widths.append(
            varied.WIDTH if row in (3, 4) else 14 + int(canvas.any(0).nonzero()[0][-1])
        )
        images[row] = canvas / 255.0
    return images, np.array([*widths, 0], np.int32)


@pytest.fixture(scope="module")
def strokes():
    """Vertical strokes, three pixels thick, from row 8 to row 23, in lines of 96."""
    images = np.zeros((7, varied.HEIGHT, varied.WIDTH), np.float32)
    images[:, 8:24, 47:50] = 1.0
    return images, np.full(7, 96, np.int32)
