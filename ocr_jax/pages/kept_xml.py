"""XML of pages that is changed in places: all else in it is written as it was read."""

import io
import itertools
import re
import threading
from typing import NamedTuple
from xml.etree import ElementTree

from ocr_jax.pages import custom_tags
from ocr_jax.sources.pages import page_xml, xml_files

DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>\n"
# What the schema of PAGE puts behind a line's text.
AFTER_TEXT = ("TextStyle", "UserDefined", "Labels")
# Where ALTO's words lie: that of a whole line is the line's.
PLACE = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
_ONE = threading.Lock()  # ElementTree has one table of prefixes for all threads


class KeptXml(NamedTuple):
    """A parsed file, with its comments and instructions, and its namespaces' names.

    before: the comments and instructions that stand before the root. copies: regions,
    the texts of all their lines, and the elements that have these once more, as
    Transkribus writes them.
    """

    root: ElementTree.Element
    before: str
    prefixes: list[tuple[str, str]]
    copies: list[tuple[ElementTree.Element, str, ElementTree.Element]]

    def to_bytes(self) -> bytes:
        """Return the file. Namespaces keep the names that it gave them."""
        for region, before, copy in self.copies:
            if (text := _text_of_lines(region)) != before:
                copy.text = text
        with _ONE:
            for prefix, uri in self.prefixes:
                ElementTree.register_namespace(prefix, uri)
            # As text first: ElementTree writes bytes in half the speed.
            text = ElementTree.tostring(self.root, "unicode")
        return f"{DECLARATION}{self.before}{text}".encode()


def parse(content: bytes) -> KeptXml:
    """Parse a file that xml_files.parse has accepted."""
    builder = ElementTree.TreeBuilder(insert_comments=True, insert_pis=True)
    root = xml_files.tree(content, builder)
    # ElementTree makes up ns0 and so on itself: these can't be registered.
    starts = ElementTree.iterparse(io.BytesIO(content), ("start-ns",))
    prefixes = [pair for _, pair in starts if not re.fullmatch(r"ns\d+", pair[0])]
    regions = xml_files.all_named(root, "TextRegion")
    copies = [
        (region, text, element)
        for region in regions
        for text in [_text_of_lines(region)]
        for element in region.iterfind("./{*}TextEquiv/{*}Unicode")
        if (element.text or "").strip() == text.strip()
    ]
    return KeptXml(root, _before_root(content), prefixes, copies)


def _before_root(content: bytes) -> str:
    """Return what stands before the root, a line each: ElementTree's trees lack it."""
    events = ElementTree.iterparse(io.BytesIO(content), ("start", "comment", "pi"))
    before = itertools.takewhile(lambda event: event[0] != "start", events)
    return "".join(f"{ElementTree.tostring(one, 'unicode')}\n" for _, one in before)


def _text_of_lines(region: ElementTree.Element) -> str:
    return "\n".join(
        page_xml.text_of(line) for line in region.iterfind("./{*}TextLine")
    )


def set_page_text(line: ElementTree.Element, text: str, confidence: float | None):
    """Write the text of a TextLine of PAGE. confidence: None if it is not known."""
    space = line.tag.removesuffix("TextLine")
    for child in list(line):
        # Words have texts of the same line, which are no longer its own.
        if xml_files.tag(child) in ("TextEquiv", "Word"):
            line.remove(child)
    conf = {} if confidence is None else {"conf": f"{confidence:.4f}"}
    equivalent = ElementTree.Element(f"{space}TextEquiv", conf)
    ElementTree.SubElement(equivalent, f"{space}Unicode").text = text
    names = [xml_files.tag(child) for child in line]
    places = [names.index(name) for name in AFTER_TEXT if name in names]
    line.insert(min(places, default=len(line)), equivalent)


def set_alto_text(
    line: ElementTree.Element, text: str, confidence: float | None
) -> ElementTree.Element:
    """Write the text of a TextLine of ALTO as one String, and return that."""
    space = line.tag.removesuffix("TextLine")
    for child in list(line):
        if xml_files.tag(child) in ("String", "SP", "HYP"):
            line.remove(child)
    attributes = {"CONTENT": text}
    attributes |= {name: line.get(name, "") for name in PLACE if line.get(name)}
    attributes |= {} if confidence is None else {"WC": f"{confidence:.4f}"}
    return ElementTree.SubElement(line, f"{space}String", attributes)


def unmark(line: ElementTree.Element):
    """Take out what the app has noted of an earlier text: that a person checked it."""
    line.attrib.pop("CS", None)
    if "custom" in line.attrib:
        custom = line.get("custom")
        for name in ("checked", "confidences"):
            custom = custom_tags.put(custom, name, "", "")
        line.set("custom", custom)
