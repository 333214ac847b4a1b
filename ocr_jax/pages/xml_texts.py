"""Writes texts into a copy of a page's ALTO or PAGE XML; all else stays as it is."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from defusedxml import ElementTree as SafeElementTree

from ocr_jax.sources.pages import xml_files

# What the schema of PAGE puts behind a line's text.
AFTER_TEXT = ("TextStyle", "UserDefined", "Labels")
# Where ALTO's words lie: that of a whole line is the line's.
PLACE = ("HPOS", "VPOS", "WIDTH", "HEIGHT")


class Text(NamedTuple):
    """The text of a line, and the share of it that should be right."""

    text: str
    confidence: float


def copy(path: Path, texts: Mapping[int, Text]) -> bytes:
    """Return the XML of a page, with these texts in place of those of its lines.

    texts: by the number of the line in the file, from 0.
    """
    parser = SafeElementTree.DefusedXMLParser(
        target=ElementTree.TreeBuilder(insert_comments=True, insert_pis=True),
        forbid_dtd=False,
    )
    root = SafeElementTree.parse(path, parser).getroot()
    _keep_prefixes(path)
    write = _write_alto if xml_files.tag(root) == "alto" else _write_page
    for number, line in enumerate(xml_files.all_named(root, "TextLine")):
        if number in texts:
            write(line, texts[number])
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _keep_prefixes(path: Path):
    """Have ElementTree write the namespaces under the names that the file gives them.

    The names that it makes up itself, ns0 and so on, can't be registered.
    """
    for _, (prefix, uri) in ElementTree.iterparse(
        io.BytesIO(path.read_bytes()), ("start-ns",)
    ):
        if not re.fullmatch(r"ns\d+", prefix):
            ElementTree.register_namespace(prefix, uri)


def _write_page(line: ElementTree.Element, text: Text):
    space = line.tag.removesuffix("TextLine")
    for child in list(line):
        # Words have texts of the same line, which are no longer its own.
        if xml_files.tag(child) in ("TextEquiv", "Word"):
            line.remove(child)
    equivalent = ElementTree.Element(
        f"{space}TextEquiv", {"conf": f"{text.confidence:.4f}"}
    )
    ElementTree.SubElement(equivalent, f"{space}Unicode").text = text.text
    names = [xml_files.tag(child) for child in line]
    places = [names.index(name) for name in AFTER_TEXT if name in names]
    line.insert(min(places, default=len(line)), equivalent)


def _write_alto(line: ElementTree.Element, text: Text):
    space = line.tag.removesuffix("TextLine")
    for child in list(line):
        if xml_files.tag(child) in ("String", "SP", "HYP"):
            line.remove(child)
    place = {name: line.get(name) for name in PLACE if line.get(name)}
    attributes = {"CONTENT": text.text, **place, "WC": f"{text.confidence:.4f}"}
    line.append(ElementTree.Element(f"{space}String", attributes))
