"""Reads tables of lines as people and programs write them, with tabs between cells.

Cells may be quoted as spreadsheets and CSV writers do. A first row may name the
columns, in any order; `predict --format=tsv` writes such a table. Without names, the
image comes first and the transcript second.
"""

import collections
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ocr_jax import regular_files
from ocr_jax.errors import UserError
from ocr_jax.images import opening

IMAGE, TEXT, WRITER, SPLIT, CONFIDENCE = "image", "text", "writer", "split", ""
# What the columns are called, in lower case and without what is no letter.
NAMES = {
    IMAGE: "image images img path filename file imagepath imagefile imagename "
    "filepath imagefilename",
    TEXT: "text texts transcript transcription transcripts groundtruth gt label "
    "labels sentence reading content",
    WRITER: "writer writerid author hand scribe",
    SPLIT: "split set subset partition fold",
    CONFIDENCE: "confidence score probability",
}
COLUMNS = {name: column for column, names in NAMES.items() for name in names.split()}
# `predict --format=tsv` of earlier versions has no names: image, confidence, text.
PREDICTED = re.compile(r"[01]\.\d{4}")
MOST_LINES = 50  # of a quoted cell


class Row(NamedTuple):
    """A row: what is needed of it. problem: why it can't be used, or ""."""

    number: int
    image: str
    text: str
    writer: str = ""
    split: str = ""
    problem: str = ""


def read(path: Path) -> tuple[list[Row], list[str]]:
    """Return the rows that are not blank, and remarks on the columns."""
    cells = _cells(path)
    header = _header(cells)
    columns, remarks = _named(path, cells) if header else _unnamed(cells)
    widest = len(cells[0][1]) if header else _usual_width(cells)
    rows = [_row(number, row, columns, widest) for number, row in cells[header:]]
    for row in rows:
        if not row.image:
            raise _mistake(path, row.number, "no image path")
    if not rows:
        raise UserError(f"{path} has no rows: expected one per line image")
    return rows, remarks


def _row(number: int, cells: list[str], columns: dict[str, int], widest: int) -> Row:
    values = {
        name: cells[place].strip() if place < len(cells) else ""
        for name, place in columns.items()
        if name
    }
    problem = ""
    if len(cells) > widest:
        problem = f"row {number} has {len(cells)} columns: expected {widest}"
    return Row(number, problem=problem, **values)


def _named(path: Path, cells: list) -> tuple[dict[str, int], list[str]]:
    """Return the columns that the first row names."""
    names = cells[0][1]
    row = f"{path}, row {cells[0][0]}"
    known = [COLUMNS.get(_letters(name)) for name in names]
    columns = {
        column: _place(row, names, known, column) for column in {*known} - {None}
    }
    others = [place for place in range(len(names)) if known[place] is None]
    for needed in (IMAGE, TEXT):
        if needed not in columns:
            if len(names) > 2 or not others:
                raise UserError(
                    f"{row}: the columns are called {', '.join(map(repr, names))}: "
                    f"call that of the image paths {IMAGE!r} and that of the "
                    f"transcripts {TEXT!r}"
                )
            columns[needed] = others.pop(0)
    used = {*(place for name, place in columns.items() if name)}
    unused = [name for place, name in enumerate(names) if place not in used]
    remarks = [f"row {cells[0][0]} names the columns: {', '.join(names)}"]
    if unused:
        remarks.append(f"columns that are not used: {', '.join(unused)}")
    return columns, remarks


def _place(row: str, names: list[str], known: list, column: str) -> int:
    """Return the place of a column: of several, that of its own name."""
    places = [place for place, name in enumerate(known) if name == column]
    own = [place for place in places if _letters(names[place]) == column] or places
    if column and len(own) > 1:
        both = " and ".join(repr(names[place]) for place in own)
        raise UserError(
            f"{row}: {both} may be the {column}: call one of them {column!r}"
        )
    return own[0]


def _unnamed(cells: list) -> tuple[dict[str, int], list[str]]:
    """Return the columns of a table without names."""
    predicted = [row for _, row in cells if PREDICTED.fullmatch(row[1].strip())]
    if 2 * len(predicted) > len(cells) and max(map(len, predicted)) > 2:
        remark = "column 2 is a confidence and is not used; column 3 is the transcript"
        return {IMAGE: 0, TEXT: 2}, [remark]
    remarks = []
    if (width := _usual_width(cells)) > 2:
        example = next(row[2] for _, row in cells if len(row) == width)
        remarks.append(
            f"column 2 is the transcript; those after it are not used ({example!r}). "
            f"A first row with the names {IMAGE}, {TEXT}, {WRITER}, {SPLIT} tells what "
            "columns are"
        )
    return {IMAGE: 0, TEXT: 1}, remarks


def _usual_width(cells: list) -> int:
    """Return the number of columns that most rows have; the more, if it is a tie."""
    counts = collections.Counter(len(row) for _, row in cells)
    return max(counts, key=lambda width: (counts[width], width), default=2)


def _header(cells: list) -> int:
    """Return 1 if the first row names the columns, else 0."""
    if not cells:
        return 0
    known = {COLUMNS.get(_letters(cell)) for cell in cells[0][1]}
    if {IMAGE, TEXT} <= known:
        return 1
    first, *others = (row[0] for _, row in cells)
    is_path = _is_image(first) or re.search(r"[\\/]", first)
    return int(not is_path and bool(others) and all(map(_is_image, others)))


def _letters(cell: str) -> str:
    return "".join(filter(str.isalpha, cell.lower()))


def _is_image(cell: str) -> bool:
    return cell.strip().lower().endswith(opening.SUFFIXES)


def _cells(path: Path) -> list[tuple[int, list[str]]]:
    """Return (number, cells) of every row that is not blank, without quotes."""
    text = regular_files.read_text(path, f"--source={path}")
    rows = [
        (number, row)
        for number, row in _raw_cells(text.split("\n"))
        if any(cell.strip() for cell in row)
    ]
    for number, row in rows:
        if len(row) < 2:
            raise _mistake(path, number, f"found {row[0][:40]!r}")
    quoting = _is_quoting([row for _, row in rows[_header(rows) :]])
    result = []
    for number, row in rows:
        cells = [_unquoted(cell) if quoting else cell for cell in row]
        while len(cells) > 2 and not cells[-1].strip():
            cells.pop()
        result.append((number, cells))
    if not result:
        raise UserError(f"{path} has no rows: expected one per line image")
    return result


def _mistake(path: Path, number: int, found: str) -> UserError:
    return UserError(
        f"{path}, row {number}: expected an image path, a tab and a transcript, {found}"
    )


def _raw_cells(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (number, cells) of rows; a quoted cell may hold tabs and line breaks."""
    number = 0
    while number < len(lines):
        cells, first = _split(lines[number]), number
        number += 1
        if _is_open(cells[-1]):
            for end in range(number, min(number + MOST_LINES, len(lines))):
                if "\t" in lines[end]:
                    break
                if lines[end].rstrip().endswith('"'):
                    whole = "\n".join((cells[-1], *lines[number : end + 1]))
                    if not _is_open(whole):
                        cells[-1], number = whole, end + 1
                    break
        yield first + 1, cells


def _split(line: str) -> list[str]:
    """Split a row at its tabs, but not within quotes that are closed in it."""
    cells = line.split("\t")
    for first in itertools.count():
        if first >= len(cells):
            return cells
        for last in range(first + 1, len(cells)):
            if not _is_open(cells[first]):
                break
            whole = "\t".join(cells[first : last + 1])
            if not _is_open(whole) and _is_quoted(whole):
                cells[first : last + 1] = [whole]
                break


def _is_open(cell: str) -> bool:
    """Return whether a cell begins with a quotation mark that is not closed in it."""
    return cell.lstrip().startswith('"') and cell.count('"') % 2 == 1


def _is_quoted(cell: str) -> bool:
    """Return whether a whole cell is in quotes, those inside it doubled."""
    cell = cell.strip()
    inside = len(cell) >= 2 and cell[0] == cell[-1] == '"'
    return inside and '"' not in cell[1:-1].replace('""', "")


def _is_quoting(rows: list[list[str]]) -> bool:
    """Return whether quotes around cells are the table's, not those of its texts.

    rows: without the names of columns, which need no quotes.

    They are if some are doubled, if image paths have them or all texts do, or if they
    are around what has a comma, a tab or a line break, and around nothing else.
    """
    texts = [cell for row in rows for cell in row[1:]]
    quoted = [cell for cell in texts if _is_quoted(cell)]
    if any('""' in cell.strip()[1:-1] or cell.strip() == '""' for cell in quoted):
        return True
    if any(_is_quoted(row[0]) for row in rows):
        return True
    if len(rows) > 1 and all(_is_quoted(row[1]) for row in rows):
        return True
    needed = [cell for cell in texts if re.search(r"[,\t\n]", cell.strip())]
    return bool(quoted) and needed == quoted


def _unquoted(cell: str) -> str:
    if not _is_quoted(cell):
        return cell
    return cell.strip()[1:-1].replace('""', '"')
