"""How well whole pages are read, beside the same recogniser on their true lines."""

from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy.optimize import linear_sum_assignment

from ocr_jax.data import pages_file
from ocr_jax.pages import line_reading
from ocr_jax.readings import Page
from ocr_jax.recognizer import Recognizer


def score(
    recognizer: Recognizer,
    gray: np.ndarray,
    read: Page,
    baselines: Sequence[np.ndarray],
    texts: Sequence[pages_file.Text],
) -> dict[str, int]:
    """Count the errors of a page (H, W), dark ink, as page_metrics.PageScore has them.

    read: its lines where they were found. baselines and texts: of the true lines, in
    reading order, in the page's pixels.
    """
    around = [text.outline for text in texts]
    given = line_reading.read(recognizer, gray, baselines, around)
    true = [text.text for text in texts]
    found, known = (
        [line.reading.text for line in page.lines] for page in (read, given)
    )
    return {
        "letters": sum(map(len, true)),
        "whole": Levenshtein.distance("\n".join(found), "\n".join(true)),
        "assigned": assigned_errors(found, true),
        "true_lines": sum(map(Levenshtein.distance, known, true)),
    }


def assigned_errors(texts: Sequence[str], true: Sequence[str]) -> int:
    """Return the errors if each text stands for one true line at most, or for none."""
    size = len(texts) + len(true)
    costs = np.zeros((size, size))
    for row, text in enumerate(texts):
        costs[row, : len(true)] = [Levenshtein.distance(text, one) for one in true]
        costs[row, len(true) :] = len(text)
    costs[len(texts) :, : len(true)] = [len(one) for one in true]
    return int(costs[linear_sum_assignment(costs)].sum())
