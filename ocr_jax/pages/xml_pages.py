"""Reads pages whose lines are in ALTO or PAGE XML already."""

import collections
from typing import NamedTuple

import numpy as np

from ocr_jax import errors
from ocr_jax.errors import UserError
from ocr_jax.images import cleaning
from ocr_jax.pages import xml_texts
from ocr_jax.recognizer import Recognizer
from ocr_jax.sources.pages import any_format, line_cutting, locating


class Line(NamedTuple):
    """The text of a line, and whether it was read now."""

    text: xml_texts.Text
    is_new: bool


# The lines of a page as they are to be read, by their numbers in the file.
Lines = dict[int, Line]


def as_xml(page: locating.Found, lines: Lines) -> bytes:
    """Return a copy of the page's XML with the texts that were read."""
    texts = {n: line.text for n, line in lines.items() if line.is_new}
    return xml_texts.copy(page.path, texts)


def as_text(page: locating.Found, lines: Lines) -> bytes:
    """Return all texts, a line each."""
    return "".join(f"{line.text.text}\n" for line in lines.values()).encode()


# Format → the suffix of its files, and what writes them.
FORMATS = {"xml": (".xml", as_xml), "text": (".txt", as_text)}


def count(lines: Lines) -> collections.Counter:
    """Count the lines that were read, and those that were not."""
    read = sum(line.is_new for line in lines.values())
    kept = len(lines) - read
    return collections.Counter({"lines read": read, "lines kept as they are": kept})


def read(recognizer: Recognizer, page: locating.Found, overwrite: bool) -> Lines:
    """Read the lines of a page that have no text, or all.

    Raises UserError if the page can't be read.
    """
    parse = any_format.PARSERS[page.head.format]
    gray, described, scale = line_cutting.open_page(page.path, page.image, parse)
    images = {
        number: image
        for number, line in enumerate(described.lines)
        if overwrite or not line.text.strip()
        if (image := _cut(gray, line, scale, recognizer.best.height, page.name))
    }
    readings = recognizer.read_lines(list(images.values()))
    found = dict(zip(images, readings, strict=True))
    return {
        number: Line(xml_texts.Text(found[number].text, found[number].confidence), True)
        if number in found
        else Line(xml_texts.Text(described.lines[number].text, 1.0), False)
        for number in described.order or range(len(described.lines))
    }


def _cut(
    gray: np.ndarray,
    line: line_cutting.TextLine,
    scale: np.ndarray,
    height: int,
    page_name: str,
) -> cleaning.CleanLine | None:
    """Cut a line as those that networks are trained on; None if it has no place."""
    try:
        return line_cutting.cut_clean(gray, line, scale, height=height)
    except UserError as error:
        errors.say(f"{page_name}/{line.line_id}: {error}")
        return None
