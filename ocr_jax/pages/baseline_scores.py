"""How well found baselines agree with true ones, as cBAD 2019 scores them.

Recall is the share of the true baselines that lies near any found one: a line that is
found in two parts loses nothing. Precision matches every found baseline with one true
one at most: splits and merges cost there. Reference: Gruening et al., "READ-BAD: a new
dataset and evaluation scheme for baseline detection in archival documents", DAS 2018.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import spatial

from ocr_jax.data import polylines

SPACING = 5.0  # pixels between the points that stand for a baseline
# Nearer than the tolerance counts in full, FARTHEST times as far not at all.
FARTHEST = 3.0
SHARE = 0.25  # of the distance to the next line: the tolerance
# The distance to the next line is looked for within this many pixels.
NEAREST, REACH = 10.0, 250.0


# A line lies on another if this share of it is near.
MOST = 0.5


class Scores(NamedTuple):
    """How well the found baselines of a page agree with the true ones."""

    precision: float
    recall: float
    missed: int  # true lines that lie on no found ones
    split: int  # true lines with several found ones on them
    merged: int  # found lines with several true ones on them

    @property
    def f1(self) -> float:
        """The harmonic mean of both; 0 where nothing agrees."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def score(found: Sequence[np.ndarray], true: Sequence[np.ndarray]) -> Scores:
    """Score the found baselines of a page against the true ones.

    Both are polylines (n, 2) of (x, y) in pixels. A page without any true baseline has
    a recall of 1, and a precision of 1 if none was found.
    """
    found, true = (
        [polylines.resample(line, SPACING) for line in lines] for lines in (found, true)
    )
    if not true or not found:
        return Scores(float(not found), float(not true), len(true), 0, 0)
    tolerances = line_tolerances(true)
    everything = np.concatenate(found)
    pairs = zip(true, tolerances, strict=True)
    recalls = np.array([coverage(one, everything, t) for one, t in pairs])
    of_found, of_true = np.zeros((2, len(found), len(true)))
    # Most lines of a page are far from each other.
    for i, j in np.argwhere(_gaps(found, true) <= FARTHEST * tolerances):
        of_found[i, j] = coverage(found[i], true[j], tolerances[j])
        of_true[i, j] = coverage(true[j], found[i], tolerances[j])
    return Scores(
        precision=sum(best_pairs(of_found)) / len(found),
        recall=float(recalls.mean()),
        missed=int(np.sum(recalls < MOST)),
        split=int(np.sum(np.sum(of_found >= MOST, axis=0) > 1)),
        merged=int(np.sum(np.sum(of_true >= MOST, axis=1) > 1)),
    )


def line_tolerances(lines: Sequence[np.ndarray]) -> np.ndarray:
    """Return the tolerance of each baseline: SHARE of the distance to the next one.

    lines: resampled. The distance is the median, over the points of a line, of that to
    the nearest other line above or below. A line without neighbours has that of the
    page.
    """
    distances = [_distance_to_next(lines, number) for number in range(len(lines))]
    known = [distance for distance in distances if distance]
    usual = float(np.median(known)) if known else REACH
    return SHARE * np.array([distance or usual for distance in distances])


def coverage(points: np.ndarray, others: np.ndarray, tolerance: float) -> float:
    """Return the share of the points (n, 2) that lie near others (m, 2)."""
    far = FARTHEST * tolerance
    nearest, _ = spatial.KDTree(others).query(points, distance_upper_bound=far + 1.0)
    farther = (far - nearest) / ((FARTHEST - 1) * tolerance)
    return float(np.clip(farther, 0.0, 1.0).mean())


def best_pairs(table: np.ndarray) -> list[float]:
    """Return values of a table (n, m), the largest first, one a row and column."""
    table, values = table.copy(), []
    while table.size and table.max() > 0:
        row, column = np.unravel_index(table.argmax(), table.shape)
        values.append(float(table[row, column]))
        table = np.delete(np.delete(table, row, 0), column, 1)
    return values


def _gaps(lines: list[np.ndarray], others: list[np.ndarray]) -> np.ndarray:
    """Return how far the boxes around lines (n, m) are from each other, at least."""
    (low, high), (other_low, other_high) = (
        np.array([(line.min(axis=0), line.max(axis=0)) for line in group]).swapaxes(
            0, 1
        )
        for group in (lines, others)
    )
    gaps = np.maximum(low[:, None] - other_high, other_low - high[:, None])
    return gaps.max(axis=-1)


def _distance_to_next(lines: Sequence[np.ndarray], number: int) -> float:
    """Return the median height of the gap to the lines above and below; 0 if none."""
    own, gaps = lines[number], []
    others = [line for index, line in enumerate(lines) if index != number]
    if not others:
        return 0.0
    others = np.concatenate(others)
    for point in own:
        beside = others[np.abs(others[:, 0] - point[0]) <= SPACING]
        heights = np.abs(beside[:, 1] - point[1])
        heights = heights[(heights >= NEAREST) & (heights <= REACH)]
        if heights.size:
            gaps.append(heights.min())
    return float(np.median(gaps)) if gaps else 0.0
