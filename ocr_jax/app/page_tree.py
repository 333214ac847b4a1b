"""PAGE XML in memory. What it has no word for stands in the attribute `custom`."""

from xml.etree import ElementTree

import numpy as np

from ocr_jax.app import line_tree
from ocr_jax.pages import custom_tags, kept_xml
from ocr_jax.sources.pages import page_xml, xml_files


class PageTree(line_tree.LineTree):
    """A parsed PAGE file."""

    REGION = "TextRegion"
    BEFORE_LINES = ("AlternativeImage", "Coords", "UserDefined", "Labels", "Roles")
    ID = "id"
    parse = staticmethod(page_xml.parse)

    def place(self, line, baseline: np.ndarray, outline: np.ndarray):
        """Write where a line is. The text of its words becomes its own."""
        text = self.text(line)
        for child in list(line):
            if xml_files.tag(child) in ("Coords", "Baseline", "Word"):
                line.remove(child)
        names = [xml_files.tag(child) for child in line]
        first = names.count("AlternativeImage")  # these come before, by the schema
        for name, points in (("Baseline", baseline), ("Coords", outline)):
            spelt = {"points": line_tree.spelt(points)}
            line.insert(first, ElementTree.Element(f"{self._space}{name}", spelt))
        if self.text(line) != text:
            self.set_text(line, text, self.confidence(line), self.tenths(line))

    def set_text(self, line, text: str, confidence: float | None, tenths: str):
        """Write a line's text; the words that it had are gone."""
        kept_xml.set_page_text(line, line_tree.writable(text), confidence)
        _set_tag(line, "confidences", "tenths", tenths)

    def check(self, line, is_checked: bool):
        """Mark a line as checked, or not."""
        _set_tag(line, "checked", "value", "true" if is_checked else "")

    def name_image(self, name: str):
        """Write the name of the image."""
        self.page.set("imageFilename", name)

    @staticmethod
    def text(line) -> str:
        """Return the text of a line."""
        return page_xml.text_of(line)

    @staticmethod
    def is_checked(line) -> bool:
        """Whether a person has checked a line's text."""
        return bool(_tag(line, "checked", "value"))

    @staticmethod
    def confidence(line) -> float | None:
        """Return how sure the text of a line is, or None if that is not known."""
        equivalent = page_xml.equivalent_of(line)
        try:
            return float(equivalent.get("conf", "")) if equivalent is not None else None
        except ValueError:
            return None

    @staticmethod
    def tenths(line) -> str:
        """Return how sure each character is."""
        return _tag(line, "confidences", "tenths")

    def _new_region(self, width: float, height: float) -> ElementTree.Element:
        region = ElementTree.SubElement(
            self.page, f"{self._space}TextRegion", {"id": self._new_id()}
        )
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
        points = {"points": line_tree.spelt(corners)}
        ElementTree.SubElement(region, f"{self._space}Coords", points)
        return region

    def _number(self, region: ElementTree.Element):
        """Number the lines of a region anew, where Transkribus has numbered them."""
        for number, line in enumerate(filter(line_tree.is_line, region)):
            if _tag(line, "readingOrder", "index"):
                _set_tag(line, "readingOrder", "index", str(number))


def _tag(line: ElementTree.Element, name: str, key: str) -> str:
    return custom_tags.get(line.get("custom", ""), name, key)


def _set_tag(line: ElementTree.Element, name: str, key: str, value: str):
    """Write a tag into a line's attribute `custom`; "" takes it out."""
    custom = custom_tags.put(line.get("custom", ""), name, key, value)
    if custom:
        line.set("custom", custom)
    else:
        line.attrib.pop("custom", None)
