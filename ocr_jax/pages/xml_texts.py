"""Writes texts into a copy of a page's ALTO or PAGE XML; all else stays as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ocr_jax.pages import kept_xml
from ocr_jax.sources.pages import xml_files


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
    write = kept_xml.set_alto_text if is_alto else kept_xml.set_page_text
    for number, line in enumerate(xml_files.all_named(kept.root, "TextLine")):
        if number in texts:
            write(line, *texts[number])
            kept_xml.unmark(line)
    return kept.to_bytes()
