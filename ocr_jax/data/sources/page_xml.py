"""Pages with their lines outlined in ALTO XML (versions 2 to 4) beside the images.

Made by eScriptorium, Kraken, Transkribus and the digital libraries. Every TextLine with
text becomes a line, cut along its outline.
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import NamedTuple
from xml.etree import ElementTree

import cv2
import defusedxml
import numpy as np
from defusedxml import ElementTree as SafeElementTree

from ocr_jax.data import charset, images, lines_file, paper, sources
from ocr_jax.errors import UserError, one_line

# Room left around a line's outline, as a share of its height, so that the tips of
# letters which the outline touches are not cut.
ROOM = 0.04
# A line is turned level if its baseline rises or falls by more than this, in degrees.
LEVEL = 0.5


class Task(NamedTuple):
    """One page."""

    name: str
    split: str
    writer: str
    path: Path


class TextLine(NamedTuple):
    """A line on a page: its outline (n, 2) and baseline (m, 2), points (x, y)."""

    line_id: str
    text: str
    outline: np.ndarray
    baseline: np.ndarray  # without points where it is not known


class Page(NamedTuple):
    """What a page's XML says; size is (width, height) in its units, None if pixels."""

    image_name: str
    size: tuple[float, float] | None
    lines: list[TextLine]


def add_flags(parser: argparse.ArgumentParser):
    """The options of this source."""
    parser.add_argument(
        "--source", required=True, type=Path, help="folder of XML files and images"
    )
    sources.add_split_flags(parser)


def tasks(args: argparse.Namespace) -> list[Task]:
    """One task a page; a page whose name tells no writer counts as one of its own."""
    if not args.source.is_dir():
        raise UserError(f"--source={args.source} is not a folder")
    paths = sorted(p for p in args.source.rglob("*") if p.suffix.lower() == ".xml")
    if not paths:
        raise UserError(
            f"no XML files in {args.source}: expected ALTO, with the images"
        )
    names = [path.relative_to(args.source).with_suffix("").as_posix() for path in paths]
    writers = [
        sources.writer_of(path.stem, args.writer_regex) or path.stem for path in paths
    ]
    splits = sources.assign_splits(writers, names, args)
    return list(map(Task, names, splits, writers, paths))


def read(task: Task, height: int) -> list[sources.Item]:
    """The lines of a page, and those left out; UserError if the page can't be read."""
    page = parse_alto(task.path)
    gray = images.read_image(find_image(task.path, page.image_name))
    scale = np.divide(gray.shape[::-1], page.size) if page.size else np.ones(2)
    items = []
    for line in page.lines:
        name = f"{task.name}/{line.line_id}"
        text = charset.normalize(line.text)
        try:
            if not text:
                raise UserError("a line without text")
            image = cut(gray, line, scale, height)
        except UserError as error:
            items.append(sources.Skipped(name, str(error)))
        else:
            new = lines_file.Line(image, text, name, task.writer)
            items.append((task.split, new))
    return items


def cut(gray: np.ndarray, line: TextLine, scale: np.ndarray, height: int) -> np.ndarray:
    """The line's image (height, W): turned level, what is outside its outline blanked.

    gray (H, W) is the page; scale (2,) takes the line's coordinates to its pixels.
    Raises UserError for an outline that holds none of the page.
    """
    outline = line.outline * scale
    if len(outline) < 3 or np.ptp(outline, axis=0).min() < 2:
        raise UserError("a line whose outline has no area")
    turn = _level(line.baseline * scale)
    turned = cv2.transform(outline[None], turn)[0]
    room = max(1, round(ROOM * np.ptp(turned[:, 1])))
    left, top = np.floor(turned.min(axis=0)).astype(int) - room
    right, bottom = np.ceil(turned.max(axis=0)).astype(int) + room + 1
    if right - left > 4 * max(gray.shape) or bottom - top > 4 * max(gray.shape):
        raise UserError("a line whose outline is far larger than the page")
    size = int(right - left), int(bottom - top)
    turn = turn - np.array([[0, 0, left], [0, 0, top]])
    inside = np.full(gray.shape, 255, np.uint8)
    crop = cv2.warpAffine(gray, turn, size, flags=cv2.INTER_LINEAR)
    on_page = cv2.warpAffine(inside, turn, size, flags=cv2.INTER_NEAREST) > 0
    mask = np.zeros(crop.shape, np.uint8)
    cv2.fillPoly(mask, [np.round(turned - (left, top)).astype(np.int32)], 1)
    mask = cv2.dilate(mask, np.ones((2 * room + 1, 2 * room + 1), np.uint8)) > 0
    if not (mask & on_page).any():
        raise UserError("a line whose outline is outside the page")
    return paper.line_image(crop, height, mask & on_page)


def parse_alto(path: Path) -> Page:
    """The page that an ALTO file describes; UserError for any other file."""
    root = parse_xml(path)
    if _tag(root) != "alto":
        raise UserError(f"{path} is not ALTO: its root is <{_tag(root)}>, not <alto>")
    unit = next((e.text for e in _all(root, "MeasurementUnit")), "pixel") or "pixel"
    size = None
    if unit.strip() != "pixel":
        page = next(_all(root, "Page"), None)
        if page is None:
            raise UserError(f"{path} measures in {unit}, but has no <Page> with a size")
        size = _number(page, "WIDTH", path), _number(page, "HEIGHT", path)
        if min(size) <= 0:
            raise UserError(f"{path} measures in {unit} on a page of size {size}")
    image_name = next((e.text or "" for e in _all(root, "fileName")), "")
    lines = [
        _alto_line(element, number, path)
        for number, element in enumerate(_all(root, "TextLine"))
    ]
    return Page(image_name.strip(), size, lines)


def parse_xml(path: Path) -> ElementTree.Element:
    """The root of an XML file that brings no entities of its own."""
    try:
        return SafeElementTree.parse(path, forbid_dtd=False).getroot()
    except ElementTree.ParseError as error:
        raise UserError(f"{path} is not well-formed XML: {error}") from None
    except (defusedxml.DefusedXmlException, ValueError) as error:
        message = f"{path} is refused, it defines entities: {one_line(error)}"
        raise UserError(message) from None


def find_image(xml_path: Path, image_name: str) -> Path:
    """The page's image: what the XML names, else one with the XML's own name."""
    # PureWindowsPath splits at both kinds of slash.
    named = xml_path.parent / PureWindowsPath(image_name).name
    if image_name and named.is_file():
        return named
    for suffix in images.SUFFIXES:
        for spelt in (suffix, suffix.upper()):
            if (path := xml_path.with_suffix(spelt)).is_file():
                return path
    raise UserError(f"{xml_path} names an image that is missing: {image_name!r}")


def _alto_line(element: ElementTree.Element, number: int, path: Path) -> TextLine:
    shape = element.find("./{*}Shape/{*}Polygon")
    outline = _points(shape.get("POINTS", ""), path) if shape is not None else None
    if outline is None or len(outline) < 3:
        keys = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
        x, y, width, height = (_number(element, key, path) for key in keys)
        right, bottom = x + width, y + height
        outline = np.array([[x, y], [right, y], [right, bottom], [x, bottom]])
    return TextLine(
        line_id=element.get("ID") or f"line{number}",
        text=_alto_text(element),
        outline=outline,
        baseline=_points(element.get("BASELINE", ""), path),
    )


def _alto_text(line: ElementTree.Element) -> str:
    parts = []
    for element in line:
        match _tag(element):
            case "String" | "HYP":
                parts.append(element.get("CONTENT", ""))
            case "SP":
                parts.append(" ")
    return "".join(parts)


def _points(text: str, path: Path) -> np.ndarray:
    """(n, 2) of "x,y x,y" or "x y x y"; a lone number, a baseline's height, is none."""
    try:
        values = np.array([float(value) for value in text.replace(",", " ").split()])
    except ValueError:
        raise UserError(
            f"{path} has points that are no numbers: {text[:40]!r}"
        ) from None
    if not np.isfinite(values).all():
        raise UserError(f"{path} has points that are not finite: {text[:40]!r}")
    return values[: len(values) // 2 * 2].reshape(-1, 2)


def _number(element: ElementTree.Element, key: str, path: Path) -> float:
    text = element.get(key, "0")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{path}: {key}={text!r} of <{_tag(element)}> is no number")
    return value


def _level(baseline: np.ndarray) -> np.ndarray:
    """The rotation (2, 3) that makes the baseline's slope, fitted to it, level."""
    if len(baseline) < 2 or np.ptp(baseline[:, 0]) < 1:
        return np.eye(2, 3)
    slope = np.polyfit(*baseline.T, 1)[0]
    degrees = math.degrees(math.atan(slope))
    centre = tuple(map(float, baseline.mean(axis=0)))
    return cv2.getRotationMatrix2D(centre, degrees if abs(degrees) > LEVEL else 0.0, 1)


def _all(root: ElementTree.Element, tag: str) -> Iterator[ElementTree.Element]:
    """Every element of this name, in any namespace, in the file's order."""
    return root.iterfind(f".//{{*}}{tag}")


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
