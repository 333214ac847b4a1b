"""The tables of readings that a run leaves in its workdir."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ocr_jax import regular_files, workdirs
from ocr_jax.errors import UserError, reason


class ScoredLine(NamedTuple):
    """A row of readings_SPLIT.tsv: a line of a scored split."""

    line_id: str
    writer: str
    transcript: str
    reading: str


def write_readings(workdir: Path, lines: list[tuple]):
    """Write readings.tsv from (line_id, image, transcript, reading) rows."""
    rows = [(line_id, transcript, text) for line_id, _, transcript, text in lines]
    _write_tsv(workdir / "readings.tsv", ("line_id", "transcript", "reading"), rows)


def write_scored_lines(workdir: Path, split: str, lines: Iterable[ScoredLine]):
    """Write readings_SPLIT.tsv, from which a finished run's scores were counted."""
    path = workdir / f"readings_{split}.tsv"
    _write_tsv(path, ScoredLine._fields, lines)


def scored_lines(
    workdir: Path, split: str, scores: dict | None = None
) -> list[ScoredLine] | None:
    """Read readings_SPLIT.tsv, sorted by line_id; None if there is no such file.

    scores: of the split, which say how many lines there are. Raises UserError if it
    can't be read, has no lines, or is cut.
    """
    path = Path(workdir) / f"readings_{split}.tsv"
    if not path.exists():
        return None
    try:
        with regular_files.checked(path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, csv.excel_tab))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path} can't be read: {reason(error, path)}") from None
    columns, *lines = rows or [ScoredLine._fields]
    if tuple(columns) != ScoredLine._fields:
        raise UserError(f"{path} can't be read: its columns are {columns}")
    count = (scores or {}).get("lines", len(lines))
    cells = {len(line) for line in lines}
    if not lines or cells != {len(columns)} or len(lines) != count:
        raise UserError(
            f"{path} has no lines, or is cut: delete scores.json beside it, and run "
            "the training's command again"
        )
    return sorted(map(ScoredLine._make, lines))


def _write_tsv(path: Path, header: tuple[str, ...], rows: Iterable[tuple]):
    """Write a tab-separated table; cells with tabs or quotes are quoted."""
    text = io.StringIO()
    writer = csv.writer(text, csv.excel_tab, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    workdirs.write_text(path, text.getvalue())
