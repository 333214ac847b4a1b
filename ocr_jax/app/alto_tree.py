"""ALTO in memory. It has words for all that the app knows of a line.

CS: whether a person has corrected a line. WC: how sure a String is. CC: how sure each
of its characters is, from 0 (sure) to 9.
"""

from xml.etree import ElementTree

import numpy as np

from ocr_jax.app import line_tree
from ocr_jax.pages import kept_xml
from ocr_jax.sources.pages import alto, xml_files


class AltoTree(line_tree.LineTree):
    """A parsed ALTO file."""

    REGION = "TextBlock"
    BEFORE_LINES = ("Shape",)
    ID = "ID"
    parse = staticmethod(alto.parse)

    @property
    def top(self) -> ElementTree.Element:
        """The element below which `parse` looks for lines."""
        return self.root

    def place(self, line, baseline: np.ndarray, outline: np.ndarray):
        """Write where a line is. Its text becomes one String, as wide as the line."""
        decimals = 0 if alto.unit_of(self.root) == "pixel" else 2
        line.set("BASELINE", _spelt(baseline, decimals))
        _set_box(line, outline, decimals)
        for child in list(line):
            if xml_files.tag(child) == "Shape":
                line.remove(child)
        shape = ElementTree.Element(f"{self._space}Shape")
        points = {"POINTS": _spelt(outline, decimals)}
        ElementTree.SubElement(shape, f"{self._space}Polygon", points)
        line.insert(0, shape)
        if text := self.text(line):
            self.set_text(line, text, self.confidence(line), self.tenths(line))

    def set_text(self, line, text: str, confidence: float | None, tenths: str):
        """Write a line's text; the words that it had are gone."""
        string = kept_xml.set_alto_text(line, line_tree.writable(text), confidence)
        if tenths:
            string.set("CC", " ".join(str(9 - int(digit)) for digit in tenths))

    def check(self, line, is_checked: bool):
        """Mark a line as checked, or not."""
        if is_checked:
            line.set("CS", "true")
        else:
            line.attrib.pop("CS", None)

    def name_image(self, name: str):
        """Write the name of the image."""
        names = list(xml_files.all_named(self.root, "fileName"))
        if not names:
            space = self._space
            source = ElementTree.Element(f"{space}sourceImageInformation")
            names = [ElementTree.SubElement(source, f"{space}fileName")]
            description = self.root.find("./{*}Description")
            if description is None:
                description = ElementTree.Element(f"{space}Description")
                self.root.insert(0, description)
            description.append(source)
        for element in names:
            element.text = name

    @staticmethod
    def text(line) -> str:
        """Return the text of a line."""
        return alto.text_of(line)

    @staticmethod
    def is_checked(line) -> bool:
        """Whether a person has checked a line's text."""
        return line.get("CS", "").strip() in ("true", "1")

    @staticmethod
    def confidence(line) -> float | None:
        """Return how sure the text of a line is: the mean of its Strings."""
        strings = line.findall("./{*}String")
        try:
            sure = [float(string.get("WC", "")) for string in strings]
        except ValueError:
            return None
        return sum(sure) / len(sure) if sure else None

    @staticmethod
    def tenths(line) -> str:
        """Return how sure each character is; spaces between words are sure."""
        words = []
        for string in line.iterfind("./{*}String"):
            digits = string.get("CC", "").replace(" ", "")
            if not (digits.isascii() and digits.isdecimal()):
                return ""
            words.append("".join(str(9 - int(digit)) for digit in digits))
        return "9".join(words)

    def _new_region(self, width: float, height: float) -> ElementTree.Element:
        space = self.page.find("./{*}PrintSpace")
        block = ElementTree.SubElement(
            self.page if space is None else space,
            f"{self._space}TextBlock",
            {"ID": self._new_id()},
        )
        _set_box(block, np.array([[0, 0], [width, height]]), 0)
        return block

    def _number(self, region: ElementTree.Element):
        """Nothing: their order is that of the file."""


def _spelt(points: np.ndarray, decimals: int) -> str:
    return line_tree.spelt(points, decimals).replace(",", " ")


def _set_box(element: ElementTree.Element, points: np.ndarray, decimals: int):
    """Write the place of an element as ALTO has it: the box around points (n, 2)."""
    least = np.maximum(points.min(axis=0), 0)
    size = np.maximum(points.max(axis=0), 0) - least
    for name, value in zip(kept_xml.PLACE, (*least, *size), strict=True):
        element.set(name, f"{value:.{decimals}f}")
