"""Scores of found lines on the pages of a split."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ocr_jax.data import pages_file
from ocr_jax.pages import baseline_scores

SHOWN = 5  # of the worst pages


class PageScore(NamedTuple):
    """How well the lines of a page were found."""

    page_id: str
    scores: baseline_scores.Scores
    found: int
    true: int


def score(finder, pages: Sequence[pages_file.Page]) -> list[PageScore]:
    """Find and score the lines of pages."""
    rows = []
    for page in pages:
        found = [line.baseline for line in finder.find_at_size(page.image)]
        true = [line.baseline for line in page.lines]
        scores = baseline_scores.score(found, true)
        rows.append(PageScore(page.page_id, scores, len(found), len(true)))
    return rows


def mean(rows: Sequence[PageScore]) -> dict[str, float]:
    """Return the means over pages of what is a share, the sums of what is a count."""
    means = {
        name: float(np.mean([getattr(row.scores, name) for row in rows]))
        for name in ("f1", "precision", "recall")
    }
    sums = {
        name: sum(getattr(row.scores, name) for row in rows)
        for name in ("missed", "split", "merged")
    }
    counts = {"pages": len(rows), "lines": sum(row.true for row in rows)}
    return means | sums | counts


def table(name: str, rows: Sequence[PageScore]) -> str:
    """Return the means, and the worst pages, for people."""
    means = mean(rows)
    worst = sorted(rows, key=lambda row: row.scores.f1)[:SHOWN]
    return "\n".join(
        [
            f"\n{name}: {means['pages']} pages with {means['lines']:,} lines: F1 of "
            f"baselines {means['f1']:.3f}, precision {means['precision']:.3f}, recall "
            f"{means['recall']:.3f}; {means['missed']} lines missed, {means['split']} "
            f"split, {means['merged']} merged",
            "    F1  precision  recall  found  true  the worst pages",
            *(
                f"{row.scores.f1:6.3f}{row.scores.precision:11.3f}"
                f"{row.scores.recall:8.3f}{row.found:7}{row.true:6}  {row.page_id}"
                for row in worst
            ),
        ]
    )
