"""How `predict` writes readings: as texts, as a table or as JSON, a line an image.

The table has named columns, which `prepare tsv` reads: correct its texts by hand, and
train on them.
"""

import contextlib
import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import TextIO

from ocr_jax import errors, regular_files
from ocr_jax.errors import UserError, printable
from ocr_jax.readings import Part, Reading

COLUMNS = ("image", "confidence", "text")


class Writer:
    """Writes readings in one of NAMES: to a file, which appears when it is whole.

    Without a file it prints them, in what the terminal's encoding can say.
    """

    def __init__(self, form: str, out: str | os.PathLike | None = None):
        self._form, self._out = form, Path(out) if out else None

    def __enter__(self) -> "Writer":
        self._stack = contextlib.ExitStack()
        self._file = self._opened() if self._out else sys.stdout
        if self._form == "tsv":
            print(_row(COLUMNS), file=self._file)
        return self

    def __exit__(self, *failure):
        return self._stack.__exit__(*failure)

    def _opened(self) -> TextIO:
        # Unlike Path.is_dir, this doesn't raise.
        if os.path.isdir(self._out):
            raise UserError(f"--out={self._out} is a folder: name a file")
        try:
            partial = self._stack.enter_context(regular_files.replaced(self._out))
            return self._stack.enter_context(
                open(partial, "w", encoding="utf-8", errors="backslashreplace")
            )
        except OSError as error:
            why = errors.reason(error, self._out, error.filename)
            raise UserError(f"--out={self._out}: {why}") from None

    def write(self, name: str, reading: Reading, problem: str = ""):
        """Write a line. problem: why it is empty."""
        line = _FORMATS[self._form](name, reading, problem)
        print(_encodable(line, self._file, self._form), file=self._file, flush=True)


def _encodable(line: str, file, form: str) -> str:
    """Return JSON in ASCII where the file's encoding lacks its characters."""
    try:
        line.encode(file.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(line)) if form == "json" else line
    return line


def _as_text(name: str, reading: Reading, problem: str) -> str:
    return printable(reading.text)


def _as_row(name: str, reading: Reading, problem: str) -> str:
    return _row((name, f"{reading.confidence:.4f}", printable(reading.text)))


def _row(cells: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, csv.excel_tab, lineterminator="").writerow(map(printable, cells))
    return text.getvalue()


def _as_json(name: str, reading: Reading, problem: str) -> str:
    fields = {
        "image": name,
        "text": reading.text,
        "confidence": round(reading.confidence, 4),
        "characters": [part_fields(part) for part in reading.characters],
        "words": [part_fields(part) for part in reading.words],
    } | ({"error": problem} if problem else {})
    return json.dumps(fields, ensure_ascii=False)


def part_fields(part: Part) -> dict:
    """Return a character or a word as JSON has it."""
    return {
        "text": part.text,
        "confidence": round(part.confidence, 4),
        "x": round(part.x, 1),
        "width": round(part.width, 1),
    }


_FORMATS = {"text": _as_text, "tsv": _as_row, "json": _as_json}
NAMES = tuple(_FORMATS)
