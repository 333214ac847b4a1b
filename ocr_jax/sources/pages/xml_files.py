"""Reads XML files safely: their heads, which are short, or all of them."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple
from xml.etree import ElementTree

import defusedxml
import numpy as np
from defusedxml import ElementTree as SafeElementTree

from ocr_jax import regular_files
from ocr_jax.errors import UserError, reason

# The root elements of page descriptions, and the names of their formats.
FORMATS = {"alto": "ALTO", "PcGts": "PAGE"}
# Roots of files that describe a whole document: they have no lines.
IGNORED = ("mets", "trpDocMetadata", "metadata", "Workspace", "project")

# Where a line begins, in files of ASCII's descendants.
LINE = re.compile(rb"<(?:\w+:)?TextLine\b")

REFUSED = (
    ElementTree.ParseError,
    defusedxml.DefusedXmlException,
    OSError,
    LookupError,
    ValueError,
)


class Head(NamedTuple):
    """What an XML file says before its lines.

    format: a value of FORMATS, or "". changed: the date of its last change, if any.
    """

    root: str
    format: str
    image_name: str
    changed: str


def read_head(path: Path) -> Head:
    """Read the head of an XML file. Raises UserError if it is not well-formed there."""
    root = image_name = changed = ""
    try:
        # A parser that is left half-way would keep a file of its own open.
        with regular_files.checked(path).open("rb") as file:
            events = SafeElementTree.iterparse(file, ("start", "end"), forbid_dtd=False)
            for event, element in events:
                name = tag(element)
                root = root or name
                if root not in FORMATS or (event, name) == ("start", "Layout"):
                    break
                if (event, name) == ("start", "Page"):
                    image_name = element.get("imageFilename", "")
                    break
                if (event, name) == ("end", "fileName"):
                    image_name = image_name or (element.text or "").strip()
                elif event == "end" and name in ("LastChange", "processingDateTime"):
                    changed = max(changed, (element.text or "").strip())
    except REFUSED as error:
        raise UserError(_reason(path, error)) from None
    return Head(root, FORMATS.get(root, ""), image_name, changed)


def only_page(root: ElementTree.Element, name: str) -> ElementTree.Element | None:
    """Return the <Page> of a file, or None. Raises UserError if it has several."""
    pages = list(all_named(root, "Page"))
    if len(pages) > 1:
        raise UserError(
            f"{name} describes {len(pages)} pages: expected one file a page"
        )
    return next(iter(pages), None)


def count_lines(path: Path) -> int:
    """Count the lines of a page roughly, without parsing it: at least one."""
    try:
        return max(1, len(LINE.findall(regular_files.checked(path).read_bytes())))
    except OSError:
        return 1


def parse(
    source: Path | BinaryIO, root_tag: str, kind: str, path: str | Path
) -> ElementTree.Element:
    """Parse an XML file that defines no entities, and return its root <root_tag>.

    Raises UserError for any other file: `path` is not `kind`.
    """
    root = _root(source, path)
    if tag(root) != root_tag:
        raise UserError(
            f"{path} is not {kind}: its root is <{tag(root)}>, not <{root_tag}>"
        )
    return root


def parse_page(source: Path | BinaryIO, path: str | Path) -> ElementTree.Element:
    """Parse an XML file of either format as `parse` does."""
    root = _root(source, path)
    if tag(root) not in FORMATS:
        raise UserError(f"{path} is neither PAGE nor ALTO: its root is <{tag(root)}>")
    return root


def _root(source: Path | BinaryIO, path: str | Path) -> ElementTree.Element:
    try:
        if isinstance(source, Path):
            return tree(regular_files.checked(source).read_bytes())
        return tree(source.read())
    except REFUSED as error:
        raise UserError(_reason(path, error)) from None


def tree(
    content: bytes, builder: ElementTree.TreeBuilder | None = None
) -> ElementTree.Element:
    """Parse XML, and return its root; one of REFUSED is raised if it defines entities.

    They are defined in a DOCTYPE, which no encoding hides that has no zero bytes.
    Without one the parser in C is as safe, and takes a quarter of the time.
    """
    if b"<!DOCTYPE" in content or b"\0" in content:
        parser = SafeElementTree.DefusedXMLParser(target=builder, forbid_dtd=False)
    else:
        parser = ElementTree.XMLParser(target=builder)
    parser.feed(content)
    return parser.close()


def points(text: str) -> np.ndarray:
    """Parse "x,y x,y" or "x y x y" to (n, 2); ignore a lone number, a baseline's y."""
    try:
        values = np.array([float(value) for value in text.replace(",", " ").split()])
    except ValueError:
        values = np.array([math.nan])
    if not np.isfinite(values).all():
        raise UserError(f"a line with points that are not numbers: {text[:40]!r}")
    if len(values) > 1 and not _are_pairs(text):
        raise UserError(f"a line with points that are not pairs: {text[:40]!r}")
    return values[: len(values) // 2 * 2].reshape(-1, 2)


def _are_pairs(text: str) -> bool:
    """Return whether no number is missing: beyond it, x and y would be swapped."""
    parts = re.sub(r"\s*,\s*", ",", text).split() if "," in text else [text]
    return all(len(part.replace(",", " ").split()) % 2 == 0 for part in parts)


def size(
    page: ElementTree.Element, width: str, height: str
) -> tuple[float, float] | None:
    """Return (width, height) of a page from these attributes; None if not given.

    Numbers that are none count as not given: the image has a size of its own.
    """
    try:
        found = number(page, width), number(page, height)
    except UserError:
        return None
    return found if min(found) > 0 else None


def number(element: ElementTree.Element, key: str) -> float:
    """Return an attribute as a number, 0 if it is missing or empty.

    Raises UserError if it is no number.
    """
    text = element.get(key, "").strip() or "0"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{key}={text!r} of <{tag(element)}> is not a number")
    return value


def all_named(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Iterate over all elements of this name, in any namespace, in file order."""
    return root.iterfind(f".//{{*}}{name}")


def tag(element: ElementTree.Element) -> str:
    """Return the element's name without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _reason(path: str | Path, error: Exception) -> str:
    if isinstance(error, ElementTree.ParseError):
        return f"{path} is not well-formed XML: {error}"
    if isinstance(error, defusedxml.DefusedXmlException):
        return f"{path} defines entities, which are refused"
    return f"{path} can't be read as XML: {reason(error, path)}"  # or a bad encoding
