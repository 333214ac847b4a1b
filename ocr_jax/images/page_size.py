"""The size at which whole pages are looked at."""

import cv2
import numpy as np

LONG = 1280  # pixels of a page's longer side


def shrink(gray: np.ndarray) -> tuple[np.ndarray, float]:
    """Return a page (H, W) with a longer side of LONG, and its size to that before."""
    factor = LONG / max(gray.shape)
    size = [max(1, round(side * factor)) for side in gray.shape[::-1]]
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(gray, size, interpolation=how), factor
