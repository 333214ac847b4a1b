"""How `predict` writes readings: as texts, as a table or as JSON, a line an image.

The table has named columns, which `prepare tsv` reads: correct its texts by hand, and
train on them.
"""

import csv
import io
import json
import sys

from ocr_jax.errors import printable

COLUMNS = ("image", "confidence", "text")


class Writer:
    """Prints readings in one of NAMES, in what the terminal's encoding can say."""

    def __init__(self, form: str):
        self._line = _FORMATS[form]
        if form == "tsv":
            print(_row(COLUMNS))

    def write(self, name: str, reading, problem: str = ""):
        """Print one line. reading: a predict.Reading; problem: why it is empty."""
        print(self._line(name, reading, problem), flush=True)


def _as_text(name: str, reading, problem: str) -> str:
    return printable(reading.text)


def _as_row(name: str, reading, problem: str) -> str:
    return _row((name, f"{reading.confidence:.4f}", printable(reading.text)))


def _row(cells: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, csv.excel_tab, lineterminator="").writerow(map(printable, cells))
    return text.getvalue()


def _as_json(name: str, reading, problem: str) -> str:
    fields = {
        "image": name,
        "text": reading.text,
        "confidence": round(reading.confidence, 4),
        "characters": [
            {
                "text": c.text,
                "confidence": round(c.confidence, 4),
                "x": round(c.x, 1),
            }
            for c in reading.characters
        ],
    } | ({"error": problem} if problem else {})
    line = json.dumps(fields, ensure_ascii=False)
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(fields)
    return line


_FORMATS = {"text": _as_text, "tsv": _as_row, "json": _as_json}
NAMES = tuple(_FORMATS)
