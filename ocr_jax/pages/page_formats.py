"""How `transcribe` writes a page whose lines it found itself."""

import csv
import io
import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ocr_jax.errors import printable
from ocr_jax.pages import page_html, page_xml_writer
from ocr_jax.reading_formats import part_fields
from ocr_jax.readings import Page

COLUMNS = ("page", "line", "confidence", "text")
HEADER = ("\t".join(COLUMNS) + "\n").encode()
# What of a page's name is not UTF-8 is written as \udcfc, as JSON knows it.
ESCAPED = "backslashreplace"


class Format(NamedTuple):
    """A format: the suffix of its files, and what makes their bytes.

    write(page, gray, name, image_name): gray (H, W) is the page's image. needs_image:
    whether other programs look for the image beside the file. header: what stands above
    one page or several.
    """

    suffix: str
    write: Callable[..., bytes]
    needs_image: bool = False
    header: bytes = b""


def _text(page: Page, gray: np.ndarray, name: str, image_name: str) -> bytes:
    return "".join(f"{printable(text)}\n" for text in page.text.splitlines()).encode()


def _tsv(page: Page, gray: np.ndarray, name: str, image_name: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, csv.excel_tab, lineterminator="\n")
    for number, (_, _, reading) in enumerate(page.lines):
        confidence = f"{reading.confidence:.4f}"
        writer.writerow((name, number, confidence, printable(reading.text)))
    return out.getvalue().encode(errors=ESCAPED)


def _json(page: Page, gray: np.ndarray, name: str, image_name: str) -> bytes:
    lines = [
        {
            "text": reading.text,
            "confidence": round(reading.confidence, 4),
            "baseline": np.rint(baseline).astype(int).tolist(),
            "outline": np.rint(outline).astype(int).tolist(),
            "characters": [part_fields(part) for part in reading.characters],
            "words": [part_fields(part) for part in reading.words],
        }
        for baseline, outline, reading in page.lines
    ]
    width, height = page.size
    fields = {"page": name, "width": width, "height": height, "lines": lines}
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode(errors=ESCAPED)


def _page(page: Page, gray: np.ndarray, name: str, image_name: str) -> bytes:
    return page_xml_writer.page_xml(page, image_name)


def _alto(page: Page, gray: np.ndarray, name: str, image_name: str) -> bytes:
    return page_xml_writer.alto(page, image_name)


def _html(page: Page, gray: np.ndarray, name: str, image_name: str) -> bytes:
    shown = name.encode(errors=ESCAPED).decode()
    return page_html.page_html(page, gray, shown)


FORMATS = {
    "text": Format(".txt", _text),
    "page": Format(".xml", _page, needs_image=True),
    "alto": Format(".xml", _alto, needs_image=True),
    "json": Format(".json", _json),
    "html": Format(".html", _html),
    "tsv": Format(".tsv", _tsv, header=HEADER),
}
