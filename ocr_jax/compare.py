"""Compare two finished runs on the same lines: is one better, and how surely?

    python -m ocr_jax.compare runs/a runs/b
    python -m ocr_jax.compare runs/a runs/b --split=test

Paired bootstrap over writers, from the readings that the runs have kept: those of their
greedy decoders. The interval is of these two trainings, not of their configs: another
seed may differ as much. Finders of lines are compared on the same pages.
experiments/report.py compares more than two runs.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ocr_jax import errors, reading_tables, workdirs
from ocr_jax.errors import UserError
from ocr_jax.scoring import metrics, page_metrics, tables


class FinishedRun(NamedTuple):
    """What a finished run has kept of one split."""

    path: Path
    scores: dict
    lines: list[reading_tables.ScoredLine]
    seed: int


def read(path: Path, split: str) -> FinishedRun:
    """Read the run in a workdir. Raises UserError if it is missing or unfinished."""
    config, scores = workdirs.load_config(path), _finished_scores(path, split)
    lines = reading_tables.scored_lines(path, split, scores)
    if lines is None:
        raise UserError(
            f"{path} has no readings_{split}.tsv, which a training leaves when it "
            "finishes: without it there is no paired test"
        )
    return FinishedRun(path, scores, lines, config.seed)


def _finished_scores(path: Path, split: str) -> dict:
    scores = workdirs.scores(path)
    if scores is None:
        raise UserError(f"{path} is not finished: no scores.json in it")
    if split not in scores:
        raise UserError(f"{path} has no scores of {split!r}")
    if "digest" not in scores[split]:
        raise UserError(
            f"{path}/scores.json does not say which {split} lines were scored: it is "
            "damaged, or of a version before 0.1"
        )
    return scores[split]


def refuse_other_lines(first, other):
    """Raise UserError if two runs were scored on different lines."""
    different = f"{first.path} and {other.path} were scored on other"
    if len(first.lines) != len(other.lines):
        sizes = f"{len(first.lines)} and {len(other.lines)} of them"
        raise UserError(f"{different} lines: {sizes}")
    for one, two in zip(first.lines, other.lines, strict=True):
        if one.line_id != two.line_id:
            which = min(one.line_id, two.line_id)
            raise UserError(f"{different} lines: {which!r} is in one of them only")
        if one.transcript != two.transcript:
            texts = f"{one.transcript!r} and {two.transcript!r}"
            raise UserError(f"{different} transcripts: {one.line_id} is {texts}")
    for one, two in zip(first.lines, other.lines, strict=True):
        if one.writer != two.writer:
            names = f"{one.writer!r} and {two.writer!r}"
            raise UserError(f"{different} writers: {one.line_id} is by {names}")


def remark_on_images(first, other) -> str:
    """Say that two runs have read other images of the same lines; "" if not."""
    digests = [run.scores["digest"] for run in (first, other)]
    if digests[0] == digests[1]:
        return ""
    return (
        f"{first.path} and {other.path} were scored on other images of the same lines, "
        "as of another height: digests {:.8} and {:.8}.".format(*digests)
    )


def count(lines: Sequence[reading_tables.ScoredLine]) -> metrics.Counts:
    """Count the edits of the lines that a run has read."""
    _, _, transcripts, readings = zip(*lines, strict=True)
    return metrics.count(transcripts, readings)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 2 for a mistake."""
    return errors.exit_code(lambda: _run(argv))


def _run(argv: list[str] | None):
    parser = errors.ArgumentParser(
        prog="python -m ocr_jax.compare", description=__doc__
    )
    parser.add_argument(
        "first", metavar="A", type=Path, help="a finished run's workdir"
    )
    parser.add_argument("second", metavar="B", type=Path, help="another run's workdir")
    parser.add_argument(
        "--split",
        choices=workdirs.SCORED,
        default="validation",
        help="(default: validation)",
    )
    args = parser.parse_args(argv)
    paths = args.first, args.second
    finds = [workdirs.load_config(path).encoder == "page" for path in paths]
    if any(finds):
        if not all(finds):
            raise UserError("one of the runs finds lines, the other reads them")
        _show_pages(args.split, *(_finished_scores(path, args.split) for path in paths))
        return
    runs = [read(path, args.split) for path in paths]
    refuse_other_lines(*runs)
    _show(args.split, *runs)


def _show(split: str, first: FinishedRun, second: FinishedRun):
    """Print what is compared, then the table of differences."""
    writers = [line.writer for line in first.lines]
    known = len(set(writers) - {""})
    by = f" by {known} writers" if known else " of unknown writers"
    tables.print_title(
        f"{split}: {len(writers):,} lines{by}, digest {first.scores['digest']:.8}"
    )
    for name, run in (("A", first), ("B", second)):
        decoder = run.scores.get("decoder", "greedy")
        print(f"{name} = {run.path}: {decoder} decoder, seed {run.seed}")
    if remark := remark_on_images(first, second):
        print(remark)
    counts = count(first.lines), count(second.lines)
    tables.print_differences(
        tuple(map(metrics.summary, counts)),
        metrics.paired_differences(*counts, writers),
    )
    print(
        "Below 0, A is better. Interval and share are those of "
        f"{metrics.RESAMPLES:,} resamples of the\n{metrics.units(writers)}, in each of "
        "which both are scored (Bisani and Ney, 2004). They are\nof these two "
        "trainings: other seeds of one config may differ as much."
    )


def _show_pages(split: str, first: dict, second: dict):
    """Print how two finders of lines differ on the pages of a split."""
    if first["digest"] != second["digest"]:
        raise UserError(f"the two were scored on other {split} pages")
    rows = [page_metrics.from_json(scores["by_page"]) for scores in (first, second)]
    counts = list(map(page_metrics.count, rows))
    scores = page_metrics.SCORES
    pages = [row.page_id for row in rows[0]]
    tables.print_title(f"{split}: {len(pages):,} pages, digest {first['digest']:.8}")
    tables.print_differences(
        tuple(metrics.summary(one, scores) for one in counts),
        metrics.paired_differences(*counts, pages, scores=scores),
        scores=scores,
    )
    print(
        "F1, precision and recall are better where they are higher. Interval and\n"
        f"share are those of {metrics.RESAMPLES:,} resamples of the pages, on which "
        "both are scored."
    )


if __name__ == "__main__":
    sys.exit(main())
