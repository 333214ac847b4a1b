"""Dense lines stretched, so that their letters are about as wide as others'.

A narrow hand has letters that are hardly wider than a frame. A network that straightens
lines is also trained on dense lines stretched as their transcripts ask for; when it
reads, it counts the characters first, and reads dense lines again (rereading.py).
"""

import cv2
import numpy as np

# Lines with more characters to their height than DENSE are stretched until they have so
# many, to at most WIDEST times their width. Below LEAST it is not worth while.
DENSE, LEAST, WIDEST = 2.5, 1.1, 1.75


def is_meant(config) -> bool:
    """Whether the network of a config has its dense lines stretched."""
    return config.encoder == "upright_conv"


def factors(counts: np.ndarray, widths: np.ndarray, height: int) -> np.ndarray:
    """Return by how much each line (n,) is stretched; 1: it is not dense.

    counts: of its characters; widths in pixels.
    """
    wanted = np.asarray(counts) * height / (DENSE * np.maximum(widths, 1))
    return np.where(wanted < LEAST, 1.0, np.minimum(wanted, WIDEST))


def new_widths(widths: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return the widths (n,) in pixels of stretched lines."""
    return np.rint(widths * factors).astype(np.int32)


def stretch(image: np.ndarray, width: int) -> np.ndarray:
    """Return a line image (H, W) uint8 at another width in pixels."""
    height, before = image.shape
    if width == before:
        return image
    how = cv2.INTER_LINEAR if width > before else cv2.INTER_AREA
    return cv2.resize(image, (int(width), height), interpolation=how)
