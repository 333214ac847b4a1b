"""The size of lines in a lines file."""

import cv2
import numpy as np


def to_height(image: np.ndarray, height: int) -> np.ndarray:
    """Scale a line (H, W), at least one pixel wide, to another height."""
    if len(image) == height:
        return image
    width = max(1, round(image.shape[1] * height / len(image)))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
