"""A table of lines: each row is an image path, a tab and the transcript.

Paths are relative to the table. If they start with a folder train, validation or test,
these are the splits; otherwise lines are split by writer.
"""

import argparse
import os
from pathlib import Path
from typing import NamedTuple

from ocr_jax import charset, regular_files, sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.images import cleaning, opening
from ocr_jax.sources import splitting


class Task(NamedTuple):
    """One row."""

    name: str
    split: str
    writer: str
    path: Path
    transcript: str
    problem: str = ""


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    parser.add_argument(
        "--source", required=True, type=Path, help="table of lines, in UTF-8"
    )
    splitting.add_flags(parser)


def tasks(args: argparse.Namespace) -> sources.Tasks:
    """Return one task per row. Raises UserError if a row has no tab."""
    rows = _rows(args.source)
    folder = args.source.parent
    entries = [
        splitting.Entry(os.path.splitext(path)[0], folder / path) for path, _ in rows
    ]
    placed, note = splitting.place(entries, args)
    tasks = [
        Task(entry.name, one.split, one.writer, entry.path, text, one.problem)
        for entry, one, (_, text) in zip(entries, placed, rows, strict=True)
    ]
    return sources.Tasks(tasks, note)


def read(task: Task, height: int) -> list[sources.Item]:
    """Read the line of a task, or say why it is left out."""
    if task.problem:
        return [sources.Skipped(task.name, task.problem)]
    text = charset.normalize(task.transcript)
    if not text:
        return [sources.Skipped(task.name, "empty transcript")]
    image = cleaning.line_image(opening.read_image(task.path), height)
    return [(task.split, lines_file.Line(image, text, task.name, task.writer))]


def _rows(path: Path) -> list[tuple[str, str]]:
    """Return (image path, transcript) of every row that is not blank."""
    try:
        lines = regular_files.checked(path).read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise UserError(
            f"--source={path} is not UTF-8: expected a UTF-8 table"
        ) from None
    except OSError as error:
        raise UserError(f"--source={path} can't be read: {error.strerror}") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            image, tab, transcript = line.partition("\t")
            if not tab or not image.strip():
                raise UserError(
                    f"{path}, row {number}: expected an image path, a tab and a "
                    f"transcript, found {line[:40]!r}"
                )
            rows.append((image.strip(), transcript))
    if not rows:
        raise UserError(f"{path} has no rows: expected one per line image")
    return rows
