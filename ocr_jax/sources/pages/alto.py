"""Pages with their lines outlined in ALTO XML (versions 2 to 4).

eScriptorium, Kraken, Transkribus and digital libraries write such files. Every TextLine
with text becomes a line, cut along its outline. Images may lie beside the XML, above
it, or in a sister folder. An image with several XML files is read once.
"""

import argparse
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

import numpy as np

from ocr_jax import sources
from ocr_jax.errors import UserError
from ocr_jax.sources.pages import line_cutting, locating, xml_files

add_flags = locating.add_flags


def tasks(args: argparse.Namespace) -> sources.Tasks:
    """Return one task per page with ALTO XML."""
    return locating.tasks(args, ("ALTO",))


def read(task: locating.Task, height: int) -> list[sources.Item]:
    """Read the lines of a page. Raises UserError if the page can't be read."""
    return line_cutting.read(task, height, parse)


def parse(path: Path | BinaryIO, name: str = "") -> line_cutting.Page:
    """Parse an ALTO file. Raises UserError for any other file."""
    name = name or str(path)
    root = xml_files.parse(path, "alto", "ALTO", name)
    unit = unit_of(root)
    page = xml_files.only_page(root, name)
    size = None if page is None else xml_files.size(page, "WIDTH", "HEIGHT")
    if size is None and unit != "pixel":
        raise UserError(f"{name} measures in {unit}, but has no <Page> with a size")
    lines = [
        _line(element, number)
        for number, element in enumerate(xml_files.all_named(root, "TextLine"))
    ]
    programs = {element.text for element in xml_files.all_named(root, "softwareName")}
    return line_cutting.Page(unit, size, lines, programs == {"ocr_jax"})


def unit_of(root: ElementTree.Element) -> str:
    """Return what a file measures in."""
    units = (element.text for element in xml_files.all_named(root, "MeasurementUnit"))
    return (next(units, "") or "pixel").strip().lower()


def _line(element: ElementTree.Element, number: int) -> line_cutting.TextLine:
    line_id, text = element.get("ID") or f"line{number}", text_of(element)
    try:
        shape = element.find("./{*}Shape/{*}Polygon")
        outline = xml_files.points("" if shape is None else shape.get("POINTS", ""))
        if len(outline) < 3:
            outline = _box(element)
        baseline = xml_files.points(element.get("BASELINE", ""))
    except UserError as error:
        return line_cutting.broken(line_id, text, error)
    return line_cutting.TextLine(line_id, text, outline, baseline)


def _box(element: ElementTree.Element) -> np.ndarray:
    """Return the corners (4, 2) of a line's box; (0, 2) if it has no place or size."""
    keys = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
    x, y, width, height = (xml_files.number(element, key) for key in keys)
    right, bottom = x + width, y + height
    if not (width and height and all(element.get(key) for key in keys)):
        return np.empty((0, 2))
    return np.array([[x, y], [right, y], [right, bottom], [x, bottom]])


def text_of(line: ElementTree.Element) -> str:
    """Join Strings, spaces and hyphens; without SP elements, each String is a word.

    A soft hyphen as HYP stands for the one on paper, at the end of the line.
    """
    parts = [(xml_files.tag(part), part.get("CONTENT", "")) for part in line]
    parts = [
        (tag, content.replace("\u00ad", "-") if tag == "HYP" else content)
        for tag, content in parts
    ]
    spaced = any(tag == "SP" for tag, _ in parts)
    before = {"String": "" if spaced else " ", "SP": " ", "HYP": ""}
    text = "".join(before[tag] + content for tag, content in parts if tag in before)
    return text if spaced else text.removeprefix(" ")
