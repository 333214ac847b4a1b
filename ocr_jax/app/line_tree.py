"""XML of a page in memory: what the app does not know in it stays as it is."""

import abc
import unicodedata
from collections.abc import Callable, Sequence
from xml.etree import ElementTree

import numpy as np

from ocr_jax.errors import UserError
from ocr_jax.pages import kept_xml
from ocr_jax.sources.pages import line_cutting, xml_files


class LineTree(abc.ABC):
    """A parsed file. Lines are its TextLine elements, in the order of the file.

    What PAGE and ALTO say in words of their own is in the subclasses.
    """

    REGION: str  # the element that holds lines
    BEFORE_LINES: tuple[str, ...]  # what the schema puts before a region's lines
    ID: str
    parse: Callable[..., line_cutting.Page]  # where the lines are

    def __init__(self, content: bytes, name: str):
        self._kept = kept_xml.parse(content)
        self.root = self._kept.root
        page = next(xml_files.all_named(self.root, "Page"), None)
        if page is None:
            raise UserError(f"{name} has no <Page>")
        self.page = page

    @property
    def top(self) -> ElementTree.Element:
        """The element below which `parse` looks for lines."""
        return self.page

    @property
    def lines(self) -> list[ElementTree.Element]:
        """The lines, in the order of the file."""
        return list(xml_files.all_named(self.top, "TextLine"))

    def to_bytes(self) -> bytes:
        """Return the file. Namespaces keep the prefixes that it gave them."""
        return self._kept.to_bytes()

    def delete(self, line: ElementTree.Element):
        """Take a line out."""
        parent = self._parent(line)
        parent.remove(line)
        self._number(parent)

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
        self._number(old)
        self._number(new)

    def add(
        self,
        baseline: np.ndarray,
        outline: np.ndarray,
        beside: ElementTree.Element | None,
        is_before: bool = False,
    ) -> ElementTree.Element:
        """Add a line behind or before another one, or else as the last; return it."""
        region = self._region() if beside is None else self._parent(beside)
        line = ElementTree.Element(f"{self._space}TextLine", {self.ID: self._new_id()})
        self.place(line, baseline, outline)
        children = list(region)
        lines = [i for i, child in enumerate(children) if is_line(child)]
        heads = [
            i for i, c in enumerate(children) if xml_files.tag(c) in self.BEFORE_LINES
        ]
        before = lines or heads or [-1]
        index = before[-1] if beside is None else children.index(beside) - is_before
        line.tail = "\n"
        region.insert(index + 1, line)
        self._number(region)
        return line

    @abc.abstractmethod
    def place(
        self, line: ElementTree.Element, baseline: np.ndarray, outline: np.ndarray
    ):
        """Write where a line is, in the units of the file. Words have no place then."""

    @abc.abstractmethod
    def set_text(
        self,
        line: ElementTree.Element,
        text: str,
        confidence: float | None,
        tenths: str,
    ):
        """Write a line's text, and how sure it is: of all, and of each character."""

    @abc.abstractmethod
    def check(self, line: ElementTree.Element, is_checked: bool):
        """Mark a line as checked by a person, or not."""

    @abc.abstractmethod
    def name_image(self, name: str):
        """Write the name of the image."""

    @staticmethod
    @abc.abstractmethod
    def text(line: ElementTree.Element) -> str:
        """Return the text of a line."""

    @staticmethod
    @abc.abstractmethod
    def is_checked(line: ElementTree.Element) -> bool:
        """Whether a person has checked a line's text."""

    @staticmethod
    @abc.abstractmethod
    def confidence(line: ElementTree.Element) -> float | None:
        """Return how sure the text of a line is, or None if that is not known."""

    @staticmethod
    @abc.abstractmethod
    def tenths(line: ElementTree.Element) -> str:
        """Return a digit for each character, how sure it is; "" if not known."""

    @abc.abstractmethod
    def _new_region(self, width: float, height: float) -> ElementTree.Element:
        """Add a region of the whole page, and return it."""

    @abc.abstractmethod
    def _number(self, region: ElementTree.Element):
        """Number the lines of a region anew, where its format has numbers."""

    @property
    def _space(self) -> str:
        return self.page.tag.removesuffix("Page")

    def _parent(self, line: ElementTree.Element) -> ElementTree.Element:
        return next(e for e in self.top.iter() if any(c is line for c in e))

    def _region(self) -> ElementTree.Element:
        """Return the last region of text, which is made if there is none."""
        regions = list(xml_files.all_named(self.page, self.REGION))
        if regions:
            return regions[-1]
        names = ("imageWidth", "imageHeight"), ("WIDTH", "HEIGHT")
        sizes = (xml_files.size(self.page, *name) for name in names)
        return self._new_region(*next(filter(None, sizes), (1, 1)))

    def _new_id(self) -> str:
        taken = {element.get(self.ID) for element in self.root.iter()}
        number = 1
        while f"added{number}" in taken:
            number += 1
        return f"added{number}"


def is_line(element: ElementTree.Element) -> bool:
    """Whether an element is a line."""
    return xml_files.tag(element) == "TextLine"


def spelt(points: Sequence, decimals: int = 0) -> str:
    """Spell points (n, 2) as PAGE does, none below zero, in whole numbers or finer."""
    rounded = np.maximum(np.round(points, decimals), 0)
    return " ".join(f"{x:.{decimals}f},{y:.{decimals}f}" for x, y in rounded)


def writable(text: str) -> str:
    """Leave out characters that XML can't hold, and line breaks; tabs are spaces."""
    return "".join(
        c
        for c in text.replace("\t", " ")
        if unicodedata.category(c) not in ("Cc", "Cs") and c not in "\ufffe\uffff"
    )
