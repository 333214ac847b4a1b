"""Line images of similar width, padded into batches."""

import itertools
from collections.abc import Iterator

import numpy as np

MOST = 16
# Batches are padded to one of few widths, so that few programs are compiled.
NARROWEST = 256
WIDENING = 1.3


def split(widths: list[int]) -> Iterator[tuple[list[int], int]]:
    """Yield (indices of lines of similar width, width to pad to), but blank ones."""
    order = sorted(np.flatnonzero(widths).tolist(), key=widths.__getitem__)
    for _, group in itertools.groupby(order, key=lambda i: _rung(widths[i])):
        group = list(group)
        for start in range(0, len(group), MOST):
            indices = group[start : start + MOST]
            yield indices, _rung(widths[indices[-1]])


def _rung(width: int) -> int:
    """Return the smallest width on a geometric ladder that holds the line."""
    rung = NARROWEST
    while rung < width:
        rung = int(rung * WIDENING) // 32 * 32
    return rung


def pad(lines: list[np.ndarray], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Pad lines into one batch (B, H, width), B a power of two; return widths (B,)."""
    size = 1 << (len(lines) - 1).bit_length()
    padded = np.zeros((size, lines[0].shape[0], width), np.uint8)
    widths = np.zeros(size, np.int32)
    for row, line in enumerate(lines):
        padded[row, :, : line.shape[1]] = line
        widths[row] = line.shape[1]
    return padded, widths
