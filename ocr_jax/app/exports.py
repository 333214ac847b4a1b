"""Takes the texts out of a project: PAGE, ALTO or plain text of all pages, in a zip."""

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from ocr_jax.app import checked_lines, pictures, trees
from ocr_jax.app.page_document import Document, Line
from ocr_jax.app.project import PageFile, Project
from ocr_jax.errors import UserError
from ocr_jax.pages import page_html, page_xml_writer
from ocr_jax.readings import Page, PageLine, Part, Reading

HEIGHT = 64  # pixels of the lines in a lines file, as `prepare` makes them


def as_page(page: PageFile, document: Document) -> bytes:
    """Return the PAGE XML as it is, or made of the page's ALTO."""
    if document.format == "PAGE":
        return page.xml.read_bytes()
    content = page_xml_writer.page_xml(_as_read(document), page.image.name)
    return _with_marks(content, page, document)


def as_text(page: PageFile, document: Document) -> bytes:
    """Return the texts, a line each."""
    return "".join(f"{line.text}\n" for line in document.in_order()).encode()


def as_alto(page: PageFile, document: Document) -> bytes:
    """Return the ALTO as it is, or made of the page's PAGE XML."""
    if document.format == "ALTO":
        return page.xml.read_bytes()
    content = page_xml_writer.alto(_as_read(document), page.image.name)
    return _with_marks(content, page, document)


def as_html(page: PageFile, document: Document) -> bytes:
    """Return the page and its text side by side, in one file."""
    gray = pictures.gray_page(page.image, page.xml)
    return page_html.page_html(_as_read(document), gray, page.name)


def _with_marks(content: bytes, page: PageFile, document: Document) -> bytes:
    """Return XML in which networks spare what a person checked or wrote."""
    tree = trees.read(content, page.name)
    for element, line in zip(tree.lines, document.in_order(), strict=True):
        tree.set_text(element, line.text, line.confidence, line.characters)
        tree.check(element, line.is_checked)
    return tree.to_bytes()


def _as_read(document: Document) -> Page:
    """Return a page as a PageReader would. What a person wrote is sure.

    Lines whose place is not known are in the corner: their texts are kept.
    """
    lines = [
        PageLine(
            np.array(line.baseline if len(line.baseline) > 1 else [[0, 0]] * 2),
            np.array(line.outline if len(line.outline) > 2 else [[0, 0]] * 3),
            _reading(line),
        )
        for line in document.in_order()
    ]
    return Page(document.size, lines)


def _reading(line: Line) -> Reading:
    whole = 1.0 if line.confidence is None else line.confidence
    # Of a tenth the middle; nine tenths and more are sure.
    each = [1.0 if c == "9" else (int(c) + 0.5) / 10 for c in line.characters]
    each = each or [whole] * len(line.text)
    nowhere = 0.0  # PAGE does not keep where characters stand
    characters = [
        Part(text, sure, nowhere, nowhere)
        for text, sure in zip(line.text, each, strict=True)
    ]
    return Reading(line.text, whole, characters)


# Kind → the suffix of its files, and what makes them.
KINDS = {
    "page": (".xml", as_page),
    "alto": (".xml", as_alto),
    "text": (".txt", as_text),
    "html": (".html", as_html),
}


def pack(project: Project, kind: str) -> bytes:
    """Return a zip with a file for each page that has lines, and what is missing."""
    suffix, write = KINDS[kind]
    out, problems = io.BytesIO(), []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for page in project.pages():
            summary = project.summary(page)
            if summary.problem:
                problems.append(f"{page.name}: {summary.problem}\n")
            elif summary.lines:
                try:
                    content = write(page, Document(page.xml, page.image))
                except UserError as error:
                    problems.append(f"{page.name}: {error}\n")
                else:
                    file.writestr(f"{page.name}{suffix}", content)
        if problems:
            file.writestr("left_out.txt", "".join(problems))
    return out.getvalue()


def lines_file(project: Project) -> bytes:
    """Return a lines file of the checked lines. Raises UserError if they are few."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "lines.h5")
        checked_lines.make(project, path, HEIGHT)
        return path.read_bytes()
