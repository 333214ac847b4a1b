"""Line images of similar width, padded into batches."""

from collections.abc import Iterator

import numpy as np

MOST = 16
# Batches are padded to one of few widths, so that few programs are compiled.
NARROWEST = 256
WIDENING = 1.3
# Padding a line to this many times its width costs less than another program.
MOST_PADDING = 3


def split(widths: list[int]) -> Iterator[tuple[list[int], int]]:
    """Yield (indices of lines of similar width, width to pad to), but blank ones.

    The widest come first; only narrow lines are left for a batch that is not full.
    """
    order = np.flatnonzero(widths).tolist()
    order.sort(key=widths.__getitem__, reverse=True)
    while order:
        widest = widths[order[0]]
        batch = [i for i in order[:MOST] if MOST_PADDING * widths[i] >= widest]
        yield batch, _rung(widest)
        order = order[len(batch) :]


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
