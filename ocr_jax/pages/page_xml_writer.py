"""Writes pages as PAGE XML (2019-07-15) and ALTO 4, for other programs."""

import datetime
from xml.etree import ElementTree

import numpy as np

from ocr_jax import __version__
from ocr_jax.errors import printable
from ocr_jax.readings import Page

PAGE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
ALTO = "http://www.loc.gov/standards/alto/ns-v4#"


def page_xml(page: Page, image_name: str) -> bytes:
    """Return a page as PAGE XML; image_name: of its image file."""
    root = ElementTree.Element("PcGts", {"xmlns": PAGE})
    about = ElementTree.SubElement(root, "Metadata")
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    for name, text in (
        ("Creator", f"ocr_jax {__version__}"),
        ("Created", now),
        ("LastChange", now),
    ):
        ElementTree.SubElement(about, name).text = text
    width, height = page.size
    size = {"imageWidth": str(width), "imageHeight": str(height)}
    whole = {"imageFilename": image_name} | size
    element = ElementTree.SubElement(root, "Page", whole)
    region = ElementTree.SubElement(element, "TextRegion", {"id": "region0"})
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    ElementTree.SubElement(
        region, "Coords", {"points": _points(np.maximum(corners - 1, 0), ",")}
    )
    for number, line in enumerate(page.lines):
        one = ElementTree.SubElement(
            region,
            "TextLine",
            {"id": f"line{number}", "custom": f"readingOrder {{index:{number};}}"},
        )
        ElementTree.SubElement(one, "Coords", {"points": _points(line.outline, ",")})
        ElementTree.SubElement(one, "Baseline", {"points": _points(line.baseline, ",")})
        text = ElementTree.SubElement(
            one, "TextEquiv", {"conf": f"{line.reading.confidence:.4f}"}
        )
        ElementTree.SubElement(text, "Unicode").text = printable(line.reading.text)
    return _bytes(root)


def alto(page: Page, image_name: str) -> bytes:
    """Return a page as ALTO; image_name: of its image file."""
    root = ElementTree.Element("alto", {"xmlns": ALTO})
    description = ElementTree.SubElement(root, "Description")
    ElementTree.SubElement(description, "MeasurementUnit").text = "pixel"
    source = ElementTree.SubElement(description, "sourceImageInformation")
    ElementTree.SubElement(source, "fileName").text = image_name
    step = ElementTree.SubElement(description, "Processing", {"ID": "ocr_jax"})
    software = ElementTree.SubElement(step, "processingSoftware")
    ElementTree.SubElement(software, "softwareName").text = "ocr_jax"
    ElementTree.SubElement(software, "softwareVersion").text = __version__
    width, height = page.size
    size = {"WIDTH": str(width), "HEIGHT": str(height)}
    layout = ElementTree.SubElement(root, "Layout")
    place = size | {"ID": "page0", "PHYSICAL_IMG_NR": "1"}
    element = ElementTree.SubElement(layout, "Page", place)
    corner = {"HPOS": "0", "VPOS": "0"}
    space = ElementTree.SubElement(element, "PrintSpace", corner | size)
    block = ElementTree.SubElement(space, "TextBlock", {"ID": "block0"} | corner | size)
    for number, line in enumerate(page.lines):
        box = _box(line.outline)
        one = ElementTree.SubElement(
            block,
            "TextLine",
            {"ID": f"line{number}", "BASELINE": _points(line.baseline, " ")} | box,
        )
        shape = ElementTree.SubElement(one, "Shape")
        ElementTree.SubElement(shape, "Polygon", {"POINTS": _points(line.outline, " ")})
        content = {
            "CONTENT": printable(line.reading.text),
            "WC": f"{line.reading.confidence:.4f}",
        }
        ElementTree.SubElement(one, "String", {"ID": f"string{number}"} | content | box)
    return _bytes(root)


def _points(points: np.ndarray, separator: str) -> str:
    """Spell points; PAGE's schema allows no number below 0."""
    spelt = np.maximum(np.rint(points).astype(int), 0)
    return " ".join(f"{x}{separator}{y}" for x, y in spelt)


def _box(points: np.ndarray) -> dict[str, str]:
    left, top = np.rint(points.min(axis=0)).astype(int)
    right, bottom = np.rint(points.max(axis=0)).astype(int)
    values = left, top, right - left, bottom - top
    names = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
    return {name: str(value) for name, value in zip(names, values, strict=True)}


def _bytes(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
