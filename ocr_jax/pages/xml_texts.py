"""Writes texts into a copy of a page's ALTO or PAGE XML; all else stays as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from ocr_jax.pages import kept_xml
from ocr_jax.sources.pages import xml_files

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
    kept = kept_xml.parse(path.read_bytes())
    is_alto = xml_files.tag(kept.root) == "alto"
    for number, line in enumerate(xml_files.all_named(kept.root, "TextLine")):
        if number in texts:
            text, confidence = texts[number]
            if is_alto:
                _write_alto(line, texts[number])
            else:
                kept_xml.set_page_text(line, text, confidence)
    return kept.to_bytes()


def _write_alto(line: ElementTree.Element, text: Text):
    space = line.tag.removesuffix("TextLine")
    for child in list(line):
        if xml_files.tag(child) in ("String", "SP", "HYP"):
            line.remove(child)
    place = {name: line.get(name) for name in PLACE if line.get(name)}
    attributes = {"CONTENT": text.text, **place, "WC": f"{text.confidence:.4f}"}
    line.append(ElementTree.Element(f"{space}String", attributes))
