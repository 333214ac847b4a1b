"""Prints scores, error analyses, and lines with their errors marked."""

from collections.abc import Iterable, Sequence

import rich.box
import rich.table
from rapidfuzz.distance import Levenshtein
from rich.text import Text

from ocr_jax.scoring import error_analysis, metrics
from ocr_jax.tracking import console

# How many rows of a list that may be long.
MOST_CONFUSIONS, MOST_WRITERS = 10, 15
SPACE = "␣"


def print_scores(
    title: str,
    scores: dict[str, float],
    intervals: dict[str, tuple[float, float]],
    stream=None,
):
    """Print a table of scores with their 95 % intervals.

    Of single characters, accuracies alone: all other rates say the same.
    """
    single = "top3" in scores
    rows = [
        (
            score.of_characters if single else score.title,
            *_score_and_interval(score, scores, intervals),
        )
        for score in metrics.SCORES
        if score.name in scores and (score.of_characters or not single)
    ]
    print_title(title, stream)
    console.open_console(stream).print(_table(("", "", "95 % interval"), rows))


def _score_and_interval(score: metrics.Score, scores: dict, intervals: dict):
    bounds = intervals.get(score.name, ())
    yield console.shown(scores[score.name], score.format)
    yield " – ".join(console.shown(bound, score.format) for bound in bounds)


def print_calibration(reliability: dict, stream=None):
    """Print the calibration error before and after calibration, in one line."""
    errors = [
        "of {}: {:.1%} → {:.1%}".format(kind, *(one["ece"] for one in both.values()))
        for kind, both in reliability.items()
        if kind != "temperature"
    ]
    text = f"  calibration error {', '.join(errors)} at temperature "
    text += f"{reliability['temperature']:.2f}"
    console.open_console(stream).print(Text(text), soft_wrap=True)


def print_differences(
    summaries: tuple[dict[str, float], dict[str, float]],
    differences: dict[str, metrics.Difference],
    stream=None,
    scores: Sequence[metrics.Score] = metrics.ERROR_RATES,
):
    """Print the scores of two systems, A and B, and their differences."""
    first, second = summaries
    header = ("", "A", "B", "A - B", "95 % interval", "A not better")
    rows = [
        (
            score.title,
            f"{first[score.name]:.2%}",
            f"{second[score.name]:.2%}",
            f"{differences[score.name].value:+.2%}",
            "{:+.2%} to {:+.2%}".format(*differences[score.name].interval),
            f"{differences[score.name].not_better:.1%}",
        )
        for score in scores
        if score.name in differences
    ]
    console.open_console(stream).print(_table(header, rows))


def print_analysis(analysis: error_analysis.Analysis, stream=None):
    """Print the errors by character, by writer and by length of line."""
    edits = analysis.substitutions + analysis.deletions + analysis.insertions
    print_title(
        f"{edits:,} errors in {analysis.chars:,} characters: "
        f"{analysis.substitutions:,} misread, {analysis.deletions:,} missing, "
        f"{analysis.insertions:,} too many",
        stream,
    )
    _print_beside(_confusion_tables(analysis.confusions), stream)
    worst = analysis.writers[:MOST_WRITERS]
    is_cut = len(worst) < len(analysis.writers)
    writers = f"worst of {len(analysis.writers)}" if is_cut else "writer"
    _print_beside(
        [_part_table("length", analysis.lengths), _part_table(writers, worst)], stream
    )


def print_lines(title: str, lines: Iterable[tuple[str, str, str, float]], stream=None):
    """Print lines, (line_id, transcript, reading, CER), with their errors marked."""
    print_title(title, stream)
    out = console.open_console(stream)
    for line_id, transcript, reading, cer in lines:
        cer = console.shown(cer, "{:.1%}")
        out.print(Text(f"{line_id}  CER {cer}"), soft_wrap=True)
        for text in marked(transcript, reading):
            out.print(text, soft_wrap=True)


def print_title(title: str, stream=None):
    """Print a heading."""
    console.open_console(stream).print(Text(f"\n{title}", "bold"), soft_wrap=True)


def marked(transcript: str, reading: str) -> list[Text]:
    """Return transcript and reading one above the other, with ^ under errors."""
    pairs = _aligned(transcript, reading)
    differs = [one != other for one, other in pairs]
    rows = []
    for name, side in (("transcript", 0), ("reading", 1)):
        text = Text(f"  {name:<12}")
        for pair, is_different in zip(pairs, differs, strict=True):
            text.append(pair[side] or "·", "bold red" if is_different else "")
        rows.append(text)
    if any(differs):
        marks = "".join("^" if is_different else " " for is_different in differs)
        rows.append(Text(" " * 14 + marks.rstrip(), "red"))
    return rows


def _aligned(transcript: str, reading: str) -> list[tuple[str, str]]:
    """Align two texts by a minimal edit; "" stands for a missing character."""
    pairs = []
    for step in Levenshtein.opcodes(transcript, reading):
        one = transcript[step.src_start : step.src_end]
        other = reading[step.dest_start : step.dest_end]
        size = max(len(one), len(other))
        pairs += [(one[i : i + 1], other[i : i + 1]) for i in range(size)]
    return pairs


def _confusion_tables(
    confusions: Iterable[error_analysis.Confusion],
) -> list[rich.table.Table]:
    """Return the most frequent errors of each kind, with their share."""
    misread, missing, extra = [], [], []
    for one in confusions:
        share = f"{one.count / max(one.occurrences, 1):.1%}"
        written, read = (text.replace(" ", SPACE) for text in (one.written, one.read))
        if written and read:
            misread.append((f"{written} as {read}", f"{one.count:,}", share))
        elif written:
            missing.append((written, f"{one.count:,}", share))
        else:
            extra.append((read, f"{one.count:,}"))
    return [
        _table(("misread", "times", "of all"), misread[:MOST_CONFUSIONS]),
        _table(("missing", "times", "of all"), missing[:MOST_CONFUSIONS]),
        _table(("too many", "times"), extra[:MOST_CONFUSIONS]),
    ]


def _part_table(title: str, parts: Iterable[error_analysis.Part]) -> rich.table.Table:
    rows = []
    for part in parts:
        rates = (
            part.char_edits / max(part.chars, 1),
            part.word_edits / max(part.words, 1),
            part.exact / part.lines,
        )
        shown = (f"{rate:.1%}" for rate in rates)
        rows.append((part.name or "unknown", f"{part.lines:,}", *shown))
    return _table((title, "lines", "CER", "WER", "exact"), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> rich.table.Table:
    """Build a table with names in the first column and numbers in the others."""
    table = rich.table.Table(box=rich.box.SIMPLE, highlight=False)
    for place, title in enumerate(header):
        table.add_column(Text(title), justify="right" if place else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _print_beside(tables: Iterable[rich.table.Table], stream):
    """Print the tables that have rows, side by side."""
    grid = rich.table.Table.grid()
    grid.add_row(*(table for table in tables if table.row_count))
    console.open_console(stream).print(grid)
