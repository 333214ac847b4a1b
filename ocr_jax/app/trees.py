"""Opens the XML of a page, in either format."""

import io
from pathlib import Path
from xml.etree import ElementTree

from ocr_jax.app.alto_tree import AltoTree
from ocr_jax.app.line_tree import LineTree
from ocr_jax.app.page_tree import PageTree
from ocr_jax.sources.pages import xml_files

KINDS: dict[str, type[LineTree]] = {"PcGts": PageTree, "alto": AltoTree}


def read(content: bytes, name: str) -> LineTree:
    """Return a file to be changed. Raises UserError if it is neither PAGE nor ALTO."""
    root = xml_files.parse_page(io.BytesIO(content), name)
    return KINDS[xml_files.tag(root)](content, name)


def look(path: Path) -> tuple[ElementTree.Element, type[LineTree]]:
    """Return the root of a file, and what reads its lines. Raises UserError."""
    root = xml_files.parse_page(path, path.name)
    return root, KINDS[xml_files.tag(root)]
