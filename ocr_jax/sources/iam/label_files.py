"""IAM's label files: lines.txt, forms.txt and the XML of each form."""

import html
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ocr_jax import charset
from ocr_jax.errors import UserError
from ocr_jax.sources.pages import xml_files

FARTHEST = 1_000_000  # pixels; no form is as large
SAME_SIZE = 0.02  # largest difference of a side, as a share of it


class Label(NamedTuple):
    """A line's label: its text, and its boxes (n, 4) of x, y, width, height.

    The XML has one box per component, lines.txt one per line. size: the (width, height)
    of the form, which only the XML has.
    """

    text: str
    boxes: np.ndarray
    size: tuple[float, float] | None = None


def decoded(content: bytes, name: str) -> str:
    """Return the text of a label file. Raises UserError if it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{name} is not UTF-8: extract it again") from None


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
            line_id, box, tokens = fields[0], _bounded(fields[4:8]), fields[8]
        except (IndexError, ValueError):
            raise UserError(
                f"{name}, line {number}: expected an id, seven more fields and a "
                f"transcript, found {row[:40]!r}"
            ) from None
        if line_id in labels:
            raise UserError(
                f"{name}, line {number}: {line_id} is there a second time; extract it "
                "again"
            )
        text = charset.normalize(tokens.replace("|", " "))
        labels[line_id] = Label(text, np.array([box]))
    return labels


def parse_writers(text: str) -> dict[str, str]:
    """Parse forms.txt into form → writer."""
    rows = [row.split() for row in text.splitlines() if not row.startswith("#")]
    return {fields[0]: fields[1] for fields in rows if len(fields) > 1}


def parse_form(content: bytes, name: str) -> tuple[str, dict[str, Label]]:
    """Parse a form's XML into (writer, labels). Raises UserError for any other file."""
    root = xml_files.parse(io.BytesIO(content), "form", "a form of IAM", name)
    size = xml_files.size(root, "width", "height")
    labels = {}
    for line in xml_files.all_named(root, "line"):
        boxes = [_box(box, name) for box in xml_files.all_named(line, "cmp")]
        # Quotes and ampersands are escaped twice in these files.
        text = charset.normalize(html.unescape(line.get("text", "")))
        boxes = np.array(boxes, int).reshape(-1, 4)
        labels[line.get("id", "")] = Label(text, boxes, size)
    return root.get("writer-id", ""), labels


def _box(component, name: str) -> list[int]:
    """Return (x, y, width, height) of a component of a form."""
    try:
        keys = ("x", "y", "width", "height")
        return _bounded([xml_files.number(component, key) for key in keys])
    except (UserError, ValueError) as error:
        raise UserError(f"{name}: {error}") from None


def _bounded(box: Sequence) -> list[int]:
    """Return a box of whole numbers. Raises ValueError if a form can't have it."""
    whole = list(map(int, box))
    if len(whole) != 4 or max(map(abs, whole)) > FARTHEST:
        raise ValueError(f"no form has the box {whole}")
    return whole


def require_size(
    size: tuple[int, int], boxes: np.ndarray, measured: tuple[float, float] | None
):
    """Raise UserError if a form has not the (width, height) that its labels are for.

    boxes (n, 4): of all lines. measured: the size that the labels name, if any.
    """
    wanted, at_least = measured, ""
    if wanted is None:
        reach = (boxes[:, :2] + boxes[:, 2:]).max(axis=0, initial=0)
        wanted, at_least = np.maximum(reach, size), "at least "
    form, other = (f"{w:,.0f} x {h:,.0f} px" for w, h in (size, wanted))
    if np.abs(np.divide(wanted, size) - 1).max() > SAME_SIZE:
        raise UserError(
            f"the form is {form}, but its lines were measured on one of {at_least}"
            f"{other}: expected IAM's own image"
        )
    if size[0] > size[1]:
        raise UserError(
            f"the form is {form}, but IAM's are upright: expected IAM's own image"
        )
