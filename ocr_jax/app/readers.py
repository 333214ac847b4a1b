"""Reads pages with networks. Importing it takes seconds."""

import numpy as np

from ocr_jax.app.page_document import Document
from ocr_jax.errors import UserError
from ocr_jax.images import batches
from ocr_jax.page_reader import PageReader
from ocr_jax.readings import Page, PageLine
from ocr_jax.recognizer import Recognizer
from ocr_jax.runtime import devices
from ocr_jax.sources.pages import any_format, line_cutting

# An image this many times as wide as high is taken for a single line.
LINE_ASPECT = 5


def load(workdir: str, finder: str) -> PageReader:
    """Load a recogniser and a finder of lines. Raises UserError."""
    devices.use_cores(batches.MOST)
    return PageReader.load(workdir, finder=finder)


def find(reader: PageReader, gray: np.ndarray) -> Page:
    """Find the lines of a page (H, W), and read them; a single line is one, too."""
    height, width = gray.shape
    if width > LINE_ASPECT * height:
        return _one_line(reader.recognizer, gray)
    return reader.read_gray(gray)


def read(recognizer: Recognizer, document: Document) -> dict:
    """Read the lines whose text no person wrote; return readings by key."""
    lines = document.lines()
    wanted = {n: line.key for n, line in enumerate(lines) if not line.is_kept}
    gray, page, scale = line_cutting.open_page(
        document.path, document.image, any_format.parse
    )
    if [line.line_id for line in page.lines] != [line.line_id for line in lines]:
        raise UserError("the page has been changed: load it again")
    height = recognizer.best.height
    images = [
        line_cutting.cut_or_nothing(gray, page.lines[n], scale, height=height)
        for n in wanted
    ]
    readings = recognizer.read_lines(images)
    return dict(zip(wanted.values(), readings, strict=True))


def _one_line(recognizer: Recognizer, gray: np.ndarray) -> Page:
    """Read an image that is one line."""
    [reading] = recognizer.read([gray])
    height, width = gray.shape
    right, bottom = width - 1, height - 1
    outline = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], float)
    baseline = np.array([[0, 0.75 * bottom], [right, 0.75 * bottom]])
    line = PageLine(baseline, outline, reading)
    return Page((width, height), [line])
