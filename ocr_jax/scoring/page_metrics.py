"""Scores of the lines that are found on pages: means of pages, and error rates.

The error rates are those of the texts that are read: of whole pages in reading order,
of lines that are each held against the true line that suits best, and of the same
pages' true lines.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ocr_jax.scoring import metrics


@dataclasses.dataclass(frozen=True)
class PageScore:
    """How well the lines of a page were found, and read if its text is known."""

    page_id: str
    f1: float
    precision: float
    recall: float
    missed: int
    split: int
    merged: int
    found: int
    true: int
    letters: int = 0  # of the true text; 0 if it is not known
    whole: int = 0  # errors, as are those that follow
    assigned: int = 0
    true_lines: int = 0


@dataclasses.dataclass(frozen=True)
class Counts:
    """The columns of PageScores that scores are made of, each (n,)."""

    f1: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    letters: np.ndarray | None = None
    whole: np.ndarray | None = None
    assigned: np.ndarray | None = None
    true_lines: np.ndarray | None = None


SCORES = (
    metrics.Score("f1", "F1 of baselines", "f1", None, rises=True),
    metrics.Score("precision", "precision of baselines", "precision", None, rises=True),
    metrics.Score("recall", "recall of baselines", "recall", None, rises=True),
    metrics.Score("cer_whole", "CER of whole pages", "whole", "letters"),
    metrics.Score("cer_assigned", "CER, lines assigned", "assigned", "letters"),
    metrics.Score("cer_true_lines", "CER of true lines", "true_lines", "letters"),
)
COUNTED = ("missed", "split", "merged")


def count(rows: Sequence[PageScore]) -> Counts:
    """Return the columns of pages; those of texts only if some are known."""
    columns = {
        field.name: np.array([getattr(row, field.name) for row in rows])
        for field in dataclasses.fields(Counts)
    }
    if not columns["letters"].any():
        columns = {name: columns[name] for name in ("f1", "precision", "recall")}
    return Counts(**columns)


def summary(rows: Sequence[PageScore]) -> dict[str, float]:
    """Return the scores, and the sums of what is counted, as JSON."""
    sums = {name: sum(getattr(row, name) for row in rows) for name in COUNTED}
    sizes = {"pages": len(rows), "lines": sum(row.true for row in rows)}
    return metrics.summary(count(rows), SCORES) | sums | sizes


def intervals(rows: Sequence[PageScore]) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of the scores, by bootstrap over pages."""
    pages = [row.page_id for row in rows]
    return metrics.intervals(count(rows), pages, scores=SCORES)


def as_json(rows: Sequence[PageScore]) -> list[dict]:
    """Return the pages as JSON."""
    return list(map(dataclasses.asdict, rows))


def from_json(values: Sequence[dict]) -> list[PageScore]:
    """Return the pages of what `as_json` wrote."""
    return [PageScore(**value) for value in values]
