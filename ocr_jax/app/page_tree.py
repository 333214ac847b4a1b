"""PAGE XML in memory: what the app does not know in it stays as it is."""

import io
import unicodedata
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

import numpy as np

from ocr_jax.app import custom_tags
from ocr_jax.errors import UserError
from ocr_jax.pages import kept_xml
from ocr_jax.sources.pages import xml_files

# What the schema of PAGE puts before a region's lines.
BEFORE_LINES = ("AlternativeImage", "Coords", "UserDefined", "Labels", "Roles")


class PageTree:
    """A parsed PAGE file. Lines are its TextLine elements, in the order of the file."""

    def __init__(self, content: bytes, name: str):
        xml_files.parse(io.BytesIO(content), "PcGts", "PAGE", name)  # refuses others
        self._kept = kept_xml.parse(content)
        self.root = self._kept.root
        page = next(xml_files.all_named(self.root, "Page"), None)
        if page is None:
            raise UserError(f"{name} has no <Page>")
        self.page = page

    @property
    def lines(self) -> list[ElementTree.Element]:
        """The lines, in the order of the file."""
        return list(xml_files.all_named(self.page, "TextLine"))

    def to_bytes(self) -> bytes:
        """Return the file. Namespaces keep the prefixes that it gave them."""
        return self._kept.to_bytes()

    def delete(self, line: ElementTree.Element):
        """Take a line out."""
        parent = self._parent(line)
        parent.remove(line)
        _number(parent)

    def move(self, line: ElementTree.Element, by: int):
        """Put a line before the one before it (-1), or behind the one after it (1)."""
        lines = self.lines
        there = lines.index(line) + by
        if not 0 <= there < len(lines):
            return
        other = lines[there]
        old, new = self._parent(line), self._parent(other)
        old.remove(line)
        # Into another region the line goes beside the nearest of its lines.
        behind = (by > 0) if old is new else (by < 0)
        new.insert(list(new).index(other) + behind, line)
        _number(old)
        _number(new)

    def add(
        self,
        baseline: np.ndarray,
        outline: np.ndarray,
        beside: ElementTree.Element | None,
        is_before: bool = False,
    ) -> ElementTree.Element:
        """Add a line behind or before another one, or else as the last; return it."""
        region = self._region() if beside is None else self._parent(beside)
        space = self.page.tag.removesuffix("Page")
        line = ElementTree.Element(f"{space}TextLine", {"id": self._new_id()})
        ElementTree.SubElement(line, f"{space}Coords")
        ElementTree.SubElement(line, f"{space}Baseline")
        place(line, baseline, outline)
        children = list(region)
        lines = [i for i, child in enumerate(children) if is_line(child)]
        heads = [i for i, c in enumerate(children) if xml_files.tag(c) in BEFORE_LINES]
        before = lines or heads or [-1]
        index = before[-1] if beside is None else children.index(beside) - is_before
        line.tail = "\n"
        region.insert(index + 1, line)
        _number(region)
        return line

    def _parent(self, line: ElementTree.Element) -> ElementTree.Element:
        return next(e for e in self.page.iter() if any(c is line for c in e))

    def _region(self) -> ElementTree.Element:
        """Return the last region of text, which is made if there is none."""
        regions = list(xml_files.all_named(self.page, "TextRegion"))
        if regions:
            return regions[-1]
        space = self.page.tag.removesuffix("Page")
        width, height = xml_files.size(self.page, "imageWidth", "imageHeight") or (1, 1)
        region = ElementTree.SubElement(
            self.page, f"{space}TextRegion", {"id": self._new_id()}
        )
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
        ElementTree.SubElement(region, f"{space}Coords", {"points": spelt(corners)})
        return region

    def _new_id(self) -> str:
        taken = {element.get("id") for element in self.root.iter()}
        number = 1
        while f"added{number}" in taken:
            number += 1
        return f"added{number}"


def is_line(element: ElementTree.Element) -> bool:
    """Whether an element is a line."""
    return xml_files.tag(element) == "TextLine"


def place(line: ElementTree.Element, baseline: np.ndarray, outline: np.ndarray):
    """Write where a line is, in the units of its file. Words have no place then."""
    space = line.tag.removesuffix("TextLine")
    for child in list(line):
        if xml_files.tag(child) in ("Coords", "Baseline", "Word"):
            line.remove(child)
    for name, points in (("Baseline", baseline), ("Coords", outline)):
        line.insert(0, ElementTree.Element(f"{space}{name}", {"points": spelt(points)}))


def spelt(points: Sequence) -> str:
    """Spell points (n, 2) as PAGE does, in whole numbers, none below zero."""
    rounded = np.maximum(np.rint(points), 0).astype(int)
    return " ".join(f"{x},{y}" for x, y in rounded)


def set_text(
    line: ElementTree.Element, text: str, confidence: float | None, characters: str
):
    """Write the text of a line, and how sure it is: of all, and of each character."""
    kept_xml.set_page_text(line, writable(text), confidence)
    set_tag(line, "confidences", "tenths", characters)


def set_tag(line: ElementTree.Element, name: str, key: str, value: str):
    """Write a tag into a line's attribute `custom`; "" takes it out."""
    custom = custom_tags.put(line.get("custom", ""), name, key, value)
    if custom:
        line.set("custom", custom)
    else:
        line.attrib.pop("custom", None)


def is_checked(line: ElementTree.Element) -> bool:
    """Whether a person has checked a line's text."""
    return bool(custom_tags.get(line.get("custom", ""), "checked", "value"))


def confidence(line: ElementTree.Element) -> float | None:
    """Return how sure the text of a line is, or None if that is not known."""
    equivalent = line.find("./{*}TextEquiv")
    try:
        return float(equivalent.get("conf", "")) if equivalent is not None else None
    except ValueError:
        return None


def writable(text: str) -> str:
    """Leave out characters that XML can't hold, and line breaks."""
    return "".join(
        c
        for c in text
        if unicodedata.category(c) not in ("Cc", "Cs") and c not in "\ufffe\uffff"
    )


def _number(region: ElementTree.Element):
    """Number the lines of a region anew, where Transkribus has numbered them."""
    for number, line in enumerate(_lines_of(region)):
        if custom_tags.get(line.get("custom", ""), "readingOrder", "index"):
            set_tag(line, "readingOrder", "index", str(number))


def _lines_of(region: ElementTree.Element) -> Iterator[ElementTree.Element]:
    return (child for child in region if is_line(child))
