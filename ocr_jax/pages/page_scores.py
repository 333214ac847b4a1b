"""Scores of found lines, and of what is read there, on the pages of a split."""

from collections.abc import Sequence

from ocr_jax import decoders
from ocr_jax.data import pages_file
from ocr_jax.pages import baseline_scores, line_reading, page_texts
from ocr_jax.recognizer import Recognizer
from ocr_jax.scoring import page_metrics
from ocr_jax.scoring.page_metrics import PageScore

SHOWN = 5  # of the worst pages


def score(
    finder, pages: Sequence[pages_file.Page], recognizer: Recognizer | None = None
) -> list[PageScore]:
    """Find the lines of pages, and with a recogniser read those whose text is known."""
    rows = []
    for page in pages:
        found = finder.find_at_size(page.image)
        counts = {}
        if recognizer and page.texts:
            gray = 255 - page.image
            ordered = line_reading.in_order(found, gray.shape[1])
            read = line_reading.read_found(recognizer, gray, ordered)
            baselines = [line.baseline for line in page.lines]
            counts = page_texts.score(recognizer, gray, read, baselines, page.texts)
        rows.append(row(page.page_id, found, page.lines, counts))
    return rows


def row(
    page_id: str,
    found: Sequence[pages_file.Line],
    true: Sequence[pages_file.Line],
    counts: dict[str, int],
) -> PageScore:
    """Return the score of a page; lines are those of it at page_size.LONG pixels.

    counts: of its texts, from page_texts.score; {} if they are not known.
    """
    scores = baseline_scores.score(
        [line.baseline for line in found], [line.baseline for line in true]
    )
    places = scores._asdict() | {"f1": scores.f1}
    return PageScore(page_id, found=len(found), true=len(true), **places, **counts)


def table(
    name: str, rows: Sequence[PageScore], reader: str, decoder: str = decoders.GREEDY
) -> str:
    """Return the means, and the worst pages, for people. reader: of lines, if any."""
    means = page_metrics.summary(rows)
    worst = sorted(rows, key=lambda row: row.f1)[:SHOWN]
    texts = []
    if "cer_whole" in means:
        ratio = means["cer_whole"] / max(means["cer_true_lines"], 1e-9)
        texts = [
            f"Read by {reader}, {decoder} decoder: "
            f"CER of whole pages {means['cer_whole']:.1%}, of lines as they are "
            f"assigned best {means['cer_assigned']:.1%}, of the true lines "
            f"{means['cer_true_lines']:.1%}: {ratio:.2f} times as many errors"
        ]
    return "\n".join(
        [
            f"\n{name}: {means['pages']} pages with {means['lines']:,} lines: F1 of "
            f"baselines {means['f1']:.3f}, precision {means['precision']:.3f}, recall "
            f"{means['recall']:.3f}; {means['missed']} lines missed, {means['split']} "
            f"split, {means['merged']} merged",
            *texts,
            "    F1  precision  recall  found  true  the worst pages",
            *(
                f"{row.f1:6.3f}{row.precision:11.3f}"
                f"{row.recall:8.3f}{row.found:7}{row.true:6}  {row.page_id}"
                for row in worst
            ),
        ]
    )
