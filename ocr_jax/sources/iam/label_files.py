"""IAM's label files: lines.txt, forms.txt and the XML of each form."""

import html
import io
from typing import NamedTuple

import numpy as np

from ocr_jax import charset
from ocr_jax.errors import UserError
from ocr_jax.sources.pages import xml_files


class Label(NamedTuple):
    """A line's label: its text, and its boxes (n, 4) of x, y, width, height.

    The XML has one box per component, lines.txt one per line.
    """

    text: str
    boxes: np.ndarray


def parse_lines(text: str, name: str = "lines.txt") -> dict[str, Label]:
    """Parse lines.txt into labels by line id. Raises UserError for a malformed row."""
    rows = text.splitlines()
    if rows and not text.endswith("\n"):
        raise UserError(f"{name}, line {len(rows)}: truncated; extract it again")
    labels = {}
    for number, row in enumerate(rows, start=1):
        if not row.strip() or row.startswith("#"):
            continue
        fields = row.split(" ", 8)
        try:
            line_id, box, tokens = fields[0], np.array(fields[4:8], int), fields[8]
        except (IndexError, ValueError):
            raise UserError(
                f"{name}, line {number}: expected an id, seven more fields and a "
                f"transcript, found {row[:40]!r}"
            ) from None
        text = charset.normalize(tokens.replace("|", " "))
        labels[line_id] = Label(text, box[None])
    return labels


def parse_writers(text: str) -> dict[str, str]:
    """Parse forms.txt into form → writer."""
    rows = [row.split() for row in text.splitlines() if not row.startswith("#")]
    return {fields[0]: fields[1] for fields in rows if len(fields) > 1}


def parse_form(content: bytes, name: str) -> tuple[str, dict[str, Label]]:
    """Parse a form's XML into (writer, labels). Raises UserError for any other file."""
    root = xml_files.parse(io.BytesIO(content), "form", "a form of IAM", name)
    labels = {}
    for line in xml_files.all_named(root, "line"):
        boxes = [_box(box, name) for box in xml_files.all_named(line, "cmp")]
        # Quotes and ampersands are escaped twice in these files.
        text = charset.normalize(html.unescape(line.get("text", "")))
        labels[line.get("id", "")] = Label(text, np.array(boxes, int).reshape(-1, 4))
    return root.get("writer-id", ""), labels


def _box(component, name: str) -> list[int]:
    """Return (x, y, width, height) of a component of a form."""
    try:
        keys = ("x", "y", "width", "height")
        return [int(xml_files.number(component, key)) for key in keys]
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
