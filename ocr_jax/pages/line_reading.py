"""Reads the lines of a page, found or true."""

from collections.abc import Sequence

import numpy as np

from ocr_jax import display_order
from ocr_jax.data.pages_file import Line
from ocr_jax.images import cleaning
from ocr_jax.pages import outlines, reading_order
from ocr_jax.readings import Page, PageLine
from ocr_jax.recognizer import Recognizer
from ocr_jax.sources.pages import line_cutting


def in_order(lines: Sequence[Line], page_width: int) -> list[Line]:
    """Return lines in reading order."""
    return [lines[index] for index in reading_order.order(lines, page_width)]


def read_found(recognizer: Recognizer, gray: np.ndarray, lines: list[Line]) -> Page:
    """Read lines that were found on a page (H, W) uint8, dark ink, in this order.

    Only what is read tells that columns run from right to left: they are put in order
    then.
    """
    # As files have them: what is read again from one of these is the same line.
    lines = [line._replace(baseline=np.rint(line.baseline)) for line in lines]
    around = [
        np.rint(outlines.outline(line, lines[:i] + lines[i + 1 :], gray.shape))
        for i, line in enumerate(lines)
    ]
    page = read(recognizer, gray, [line.baseline for line in lines], around)
    if not display_order.is_right_to_left(line.reading.text for line in page.lines):
        return page
    order = reading_order.order(lines, gray.shape[1], right_to_left=True)
    return page._replace(lines=[page.lines[index] for index in order])


def read(
    recognizer: Recognizer,
    gray: np.ndarray,
    baselines: Sequence[np.ndarray],
    around: Sequence[np.ndarray],
) -> Page:
    """Read the lines with these baselines and outlines; no ink gives no text."""
    height = recognizer.best.height
    places = list(zip(baselines, around, strict=True))
    images = [_cut(gray, *place, height) for place in places]
    readings = recognizer.read_lines(images)
    return Page(
        size=gray.shape[::-1],
        lines=[PageLine(*place, r) for place, r in zip(places, readings, strict=True)],
    )


def _cut(gray, baseline, outline, height: int) -> cleaning.CleanLine:
    """Cut a line as those in lines files; one without ink has no width."""
    line = line_cutting.TextLine("", "", outline, baseline)
    return line_cutting.cut_or_nothing(gray, line, np.ones(2), height=height)
