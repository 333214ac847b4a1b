"""Polylines, of which baselines are, as arrays of points (n, 2)."""

import numpy as np


def resample(points: np.ndarray, spacing: float) -> np.ndarray:
    """Return points (m, 2) on a polyline (n, 2), its ends among them, evenly apart.

    They are nearly `spacing` apart, and two at least.
    """
    points = np.asarray(points, float)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    wanted = np.linspace(0.0, along[-1], max(2, 1 + round(along[-1] / spacing)))
    return np.stack([np.interp(wanted, along, axis) for axis in points.T], axis=1)


def rightwards(points: np.ndarray) -> np.ndarray:
    """Return a polyline (n, 2) from left to right; one that is steep as it is."""
    across, down = points[-1] - points[0]
    return points[::-1] if across < 0 and -across >= abs(down) else points
