"""Dense lines stretched, so that their letters are about as wide as others'.

A narrow hand has letters that are hardly wider than a frame. A network that straightens
lines is also trained on dense lines stretched as their transcripts ask for; when it
reads, it counts the characters first, and reads dense lines again (rereading.py).
"""

import cv2
import numpy as np

# Lines with more characters to their height than DENSE are stretched until they have so
# many, to at most WIDEST times their width. Below LEAST it isn't worthwhile.
DENSE, LEAST, WIDEST = 2.5, 1.1, 1.75


def dense_from(config) -> float:
    """Return from how many characters to the height on a training stretches lines.

    0: it stretches none. A network keeps it in its dataset.json.
    """
    return DENSE if config.encoder == "upright_conv" else 0.0


def factors(
    counts: np.ndarray, widths: np.ndarray, height: int, dense_from: float
) -> np.ndarray:
    """Return by how much each line (n,) is stretched; 1: it is not dense.

    counts: of its characters; widths in pixels. dense_from: see that function.
    """
    if not dense_from:
        return np.ones(len(widths))
    wanted = np.asarray(counts) * height / (dense_from * np.maximum(widths, 1))
    return np.where(wanted < LEAST, 1.0, np.minimum(wanted, WIDEST))


def new_widths(widths: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return the widths (n,) in pixels of stretched lines."""
    return np.rint(widths * factors).astype(np.int32)


def stretch(image: np.ndarray, width: int) -> np.ndarray:
    """Return a line image (H, W) uint8 at another width in pixels."""
    if width == image.shape[1]:
        return image
    size = int(width), image.shape[0]
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
