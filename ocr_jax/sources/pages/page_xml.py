"""Pages with their lines outlined in PAGE XML (2009 to 2019) beside the images.

Transkribus, eScriptorium and OCR-D write such files. Every TextLine with text becomes a
line, cut along its outline.
"""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ocr_jax import sources
from ocr_jax.errors import UserError
from ocr_jax.sources.pages import line_cutting

add_flags, tasks = line_cutting.add_flags, line_cutting.tasks


def read(task: line_cutting.Task, height: int) -> list[sources.Item]:
    """Read the lines of a page. Raises UserError if the page can't be read."""
    return line_cutting.read(task, height, parse)


def parse(path: Path) -> line_cutting.Page:
    """Parse a PAGE file. Raises UserError for any other file."""
    root = line_cutting.parse_xml(path, "PcGts", "PAGE", path)
    page = next(line_cutting.all_named(root, "Page"), None)
    if page is None:
        raise UserError(f"{path} has no <Page>")
    lines = [
        line_cutting.TextLine(
            line_id=element.get("id") or f"line{number}",
            text=_text(element, path),
            outline=_outline(element.find("./{*}Coords"), path),
            baseline=_outline(element.find("./{*}Baseline"), path),
        )
        for number, element in enumerate(line_cutting.all_named(page, "TextLine"))
    ]
    size = line_cutting.page_size(page, "imageWidth", "imageHeight", path)
    return line_cutting.Page(page.get("imageFilename", ""), "pixel", size, lines)


def _outline(element: ElementTree.Element | None, path: Path) -> np.ndarray:
    """Return the points (n, 2) of Coords or Baseline; until 2010 they were elements."""
    if element is None:
        return np.empty((0, 2))
    points = [f"{p.get('x')},{p.get('y')}" for p in element.iterfind("./{*}Point")]
    return line_cutting.points(" ".join(points) or element.get("points", ""), path)


def _text(element: ElementTree.Element, path: Path) -> str:
    """Return the element's text of the lowest index, or else the text of its words."""
    readings = sorted(
        element.iterfind("./{*}TextEquiv"),
        key=lambda reading: line_cutting.number(reading, "index", path),
    )
    text = readings[0].findtext("./{*}Unicode") if readings else ""
    if text and text.strip():
        return text
    return " ".join(_text(word, path) for word in element.iterfind("./{*}Word"))
