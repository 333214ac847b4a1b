"""Pages with their lines outlined in PAGE XML (2009 to 2019).

Transkribus, eScriptorium, Loghi and OCR-D write such files. Every TextLine with text
becomes a line, cut along its outline. Images may lie beside the XML, above it, or in a
sister folder. An image with several XML files is read once.
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
    """Return one task per page with PAGE XML."""
    return locating.tasks(args, ("PAGE",))


def read(task: locating.Task, height: int) -> list[sources.Item]:
    """Read the lines of a page. Raises UserError if the page can't be read."""
    return line_cutting.read(task, height, parse)


def parse(path: Path | BinaryIO, name: str = "") -> line_cutting.Page:
    """Parse a PAGE file. Raises UserError for any other file."""
    name = name or str(path)
    root = xml_files.parse(path, "PcGts", "PAGE", name)
    page = xml_files.only_page(root, name)
    if page is None:
        raise UserError(f"{name} has no <Page>")
    elements = list(xml_files.all_named(page, "TextLine"))
    lines = [_line(element, number) for number, element in enumerate(elements)]
    size = xml_files.size(page, "imageWidth", "imageHeight")
    creator = root.findtext("./{*}Metadata/{*}Creator") or ""
    is_ours = creator.startswith("ocr_jax ")
    return line_cutting.Page("pixel", size, lines, is_ours, _order(page, elements))


def _order(
    page: ElementTree.Element, lines: list[ElementTree.Element]
) -> tuple[int, ...]:
    """Return the numbers of the lines as the ReadingOrder has their regions.

    Lines of other regions come last; without a ReadingOrder, there is no number.
    """
    places = {region: place for place, region in enumerate(_regions(page))}
    if not places:
        return ()
    place_of = {page: len(places)}
    for parent in page.iter():
        own = place_of[parent]
        place_of |= {child: places.get(child.get("id"), own) for child in parent}
    return tuple(sorted(range(len(lines)), key=lambda n: place_of[lines[n]]))


def _regions(page: ElementTree.Element) -> list[str]:
    """Return the ids of regions in the order of the ReadingOrder, also in groups."""
    found, keys = [], {}
    for order in page.iterfind("./{*}ReadingOrder"):
        keys[order] = ()
        for group in order.iter():
            if region := group.get("regionRef"):
                found.append((keys[group], region))
            for number, child in enumerate(group):
                keys[child] = (*keys[group], _index(child), number)
    return [region for _, region in sorted(found)]


def _line(element: ElementTree.Element, number: int) -> line_cutting.TextLine:
    line_id, text = element.get("id") or f"line{number}", text_of(element)
    try:
        outline = _outline(element.find("./{*}Coords"))
        baseline = _outline(element.find("./{*}Baseline"))
    except UserError as error:
        return line_cutting.broken(line_id, text, error)
    return line_cutting.TextLine(line_id, text, outline, baseline)


def _outline(element: ElementTree.Element | None) -> np.ndarray:
    """Return the points (n, 2) of Coords or Baseline; until 2010 they were elements."""
    if element is None:
        return np.empty((0, 2))
    points = [f"{p.get('x')},{p.get('y')}" for p in element.iterfind("./{*}Point")]
    return xml_files.points(" ".join(points) or element.get("points", ""))


def text_of(element: ElementTree.Element) -> str:
    """Return the element's own text, or else the texts of its words."""
    return _own_text(element) or " ".join(map(_own_text, _named(element, "Word")))


def _own_text(element: ElementTree.Element) -> str:
    """Return the element's text of the lowest index, or ""."""
    equivalent = equivalent_of(element)
    texts = () if equivalent is None else _named(equivalent, "Unicode")
    text = next(("".join(one.itertext()) for one in texts), "")
    if not text.strip() or "\n" in text:
        # A line of writing is one line of text, however its XML is folded.
        return " ".join(text.split())
    return text


def equivalent_of(element: ElementTree.Element) -> ElementTree.Element | None:
    """Return the element's TextEquiv of the lowest index, or None if it has none."""
    found = _named(element, "TextEquiv")
    return min(found, key=_index) if len(found) > 1 else next(iter(found), None)


def _named(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Return the children of this name: `iterfind` takes three times as long."""
    return [child for child in element if xml_files.tag(child) == name]


def _index(element: ElementTree.Element) -> float:
    """Return the index of a TextEquiv or region; one that is no number comes last."""
    try:
        return xml_files.number(element, "index")
    except UserError:
        return np.inf
