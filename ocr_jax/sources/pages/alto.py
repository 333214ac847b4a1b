"""Pages with their lines outlined in ALTO XML (versions 2 to 4) beside the images.

eScriptorium, Kraken, Transkribus and digital libraries write such files. Every TextLine
with text becomes a line, cut along its outline.
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
    """Parse an ALTO file. Raises UserError for any other file."""
    root = line_cutting.parse_xml(path, "alto", "ALTO", path)
    units = (
        element.text for element in line_cutting.all_named(root, "MeasurementUnit")
    )
    unit = (next(units, "") or "pixel").strip()
    page = next(line_cutting.all_named(root, "Page"), None)
    size = (
        None if page is None else line_cutting.page_size(page, "WIDTH", "HEIGHT", path)
    )
    if size is None and unit != "pixel":
        raise UserError(f"{path} measures in {unit}, but has no <Page> with a size")
    names = (element.text or "" for element in line_cutting.all_named(root, "fileName"))
    lines = [
        _line(element, number, path)
        for number, element in enumerate(line_cutting.all_named(root, "TextLine"))
    ]
    return line_cutting.Page(next(names, "").strip(), unit, size, lines)


def _line(
    element: ElementTree.Element, number: int, path: Path
) -> line_cutting.TextLine:
    shape = element.find("./{*}Shape/{*}Polygon")
    points = "" if shape is None else shape.get("POINTS", "")
    outline = line_cutting.points(points, path)
    if len(outline) < 3:
        keys = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
        x, y, width, height = (line_cutting.number(element, key, path) for key in keys)
        right, bottom = x + width, y + height
        outline = np.array([[x, y], [right, y], [right, bottom], [x, bottom]])
    return line_cutting.TextLine(
        line_id=element.get("ID") or f"line{number}",
        text=_text(element),
        outline=outline,
        baseline=line_cutting.points(element.get("BASELINE", ""), path),
    )


def _text(line: ElementTree.Element) -> str:
    """Join Strings, spaces and hyphens; without SP elements, each String is a word."""
    parts = [(line_cutting.tag(part), part.get("CONTENT", "")) for part in line]
    spaced = any(tag == "SP" for tag, _ in parts)
    before = {"String": "" if spaced else " ", "SP": " ", "HYP": ""}
    return "".join(before[tag] + content for tag, content in parts if tag in before)
