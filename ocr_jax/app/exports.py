"""Takes the texts out of a project: PAGE, ALTO or plain text of all pages, in a zip."""

import io
import zipfile
from typing import NamedTuple

import numpy as np

from ocr_jax.app.page_document import Document
from ocr_jax.app.project import PageFile, Project
from ocr_jax.pages import page_xml_writer


class _Reading(NamedTuple):
    text: str
    confidence: float


class _Line(NamedTuple):
    baseline: np.ndarray
    outline: np.ndarray
    reading: _Reading


class _Page(NamedTuple):
    size: tuple[int, int]
    lines: list[_Line]


def as_page(page: PageFile, document: Document) -> bytes:
    """Return the PAGE XML as it is."""
    return page.xml.read_bytes()


def as_text(page: PageFile, document: Document) -> bytes:
    """Return the texts, a line each."""
    return "".join(f"{line.text}\n" for line in document.lines()).encode()


def as_alto(page: PageFile, document: Document) -> bytes:
    """Return the lines and their texts as ALTO; what a person wrote is sure."""
    lines = [
        _Line(
            np.array(line.baseline),
            np.array(line.outline),
            _Reading(line.text, 1.0 if line.confidence is None else line.confidence),
        )
        for line in document.lines()
        if len(line.outline) > 2
    ]
    return page_xml_writer.alto(_Page(document.size, lines), page.image.name)


# Kind → the suffix of its files, and what makes them.
KINDS = {
    "page": (".xml", as_page),
    "alto": (".xml", as_alto),
    "text": (".txt", as_text),
}


def pack(project: Project, kind: str) -> bytes:
    """Return a zip with a file for each page that has lines."""
    suffix, write = KINDS[kind]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for page in project.pages():
            if project.summary(page).lines:
                content = write(page, Document(page.xml, page.image))
                file.writestr(f"{page.name}{suffix}", content)
    return out.getvalue()
