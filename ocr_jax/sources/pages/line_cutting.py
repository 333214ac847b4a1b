"""Cuts line images from a page image by the outlines of its lines."""

import argparse
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, NamedTuple
from xml.etree import ElementTree

import cv2
import defusedxml
import numpy as np
from defusedxml import ElementTree as SafeElementTree

from ocr_jax import charset, regular_files, sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError, one_line
from ocr_jax.images import cleaning, opening

# Margin around a line's outline, as a share of its height. It keeps the tips of letters
# that touch the outline.
ROOM = 0.04
# A line is rotated if its baseline rises or falls by more than this, in degrees.
LEVEL = 0.5
# An outline thinner than this share of the page's median is only a strip along the
# baseline. Transkribus draws one if nobody outlined the line.
STRIP = 0.35
SAME_SHAPE = 0.01  # largest difference in aspect of a page and its copy
FARTHEST = 1e6  # pixels; coordinates beyond this are mistakes


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
    baseline: np.ndarray  # (0, 2) if unknown


class Page(NamedTuple):
    """A page's XML; size is (width, height) in its unit, or None if not given."""

    image_name: str
    unit: str
    size: tuple[float, float] | None
    lines: list[TextLine]


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    parser.add_argument(
        "--source", required=True, type=Path, help="folder of XML files and page images"
    )
    sources.add_split_flags(parser)


def tasks(args: argparse.Namespace) -> list[Task]:
    """Return one task per page; a page without a writer counts as its own writer."""
    if not args.source.is_dir():
        raise UserError(f"--source={args.source} is not a folder")
    paths = sorted(p for p in args.source.rglob("*") if p.suffix.lower() == ".xml")
    if not paths:
        raise UserError(
            f"no XML files in {args.source}: expected one per page, with its image"
        )
    names = [path.relative_to(args.source).with_suffix("").as_posix() for path in paths]
    named = sources.writers_of(names, args)
    writers = [writer or path.stem for writer, path in zip(named, paths, strict=True)]
    splits = sources.splits_of(writers, names, args)
    return list(map(Task, names, splits, writers, paths))


def read(task: Task, height: int, parse: Callable[[Path], Page]) -> list[sources.Item]:
    """Read the lines of a page, and list those left out.

    parse: the parser of this kind of XML. Raises UserError if the page can't be read.
    """
    page = parse(task.path)
    gray = opening.read_image(find_image(task.path, page.image_name))
    scale = _scale(page, gray)
    items = []
    for line in widen_strips(page.lines):
        name = f"{task.name}/{line.line_id}"
        text = charset.normalize(line.text)
        try:
            if not text:
                raise UserError("a line without text")
            image = cut(gray, line, scale, height=height)
        except UserError as error:
            items.append(sources.Skipped(name, str(error)))
        else:
            items.append((task.split, lines_file.Line(image, text, name, task.writer)))
    return items


def widen_strips(lines: list[TextLine]) -> list[TextLine]:
    """Replace outlines that are mere strips by ones of the page's median thickness."""
    thicknesses = [_thickness(line.outline) for line in lines]
    usual = float(np.median(thicknesses)) if lines else 0.0
    return [
        line._replace(outline=_band(line.baseline, usual))
        if thickness < STRIP * usual and len(line.baseline) > 1
        else line
        for line, thickness in zip(lines, thicknesses, strict=True)
    ]


def cut(
    gray: np.ndarray, line: TextLine, scale: np.ndarray, *, height: int
) -> np.ndarray:
    """Cut a line (height, W): level, and blank outside its outline.

    gray (H, W) is the page; scale (2,) maps the line's coordinates to its pixels.
    Raises UserError if the outline contains nothing of the page.
    """
    outline, baseline = line.outline * scale, line.baseline * scale
    if np.abs(np.concatenate([outline, baseline])).max(initial=0) > FARTHEST:
        raise UserError("a line whose outline or baseline is far off the page")
    if len(outline) < 3 or np.ptp(outline, axis=0).min() < 2:
        raise UserError("a line whose outline has no area")
    turn = _level(baseline)
    turned = cv2.transform(outline[None], turn)[0]
    rows, columns = gray.shape
    corners = [[[0.0, 0.0], [columns, 0.0], [columns, rows], [0.0, rows]]]
    page = cv2.transform(np.array(corners), turn)[0]
    # Clip the crop to the page, however far the outline reaches beyond it.
    least = np.maximum(turned.min(axis=0), page.min(axis=0))
    most = np.maximum(np.minimum(turned.max(axis=0), page.max(axis=0)), least)
    room = max(1, round(ROOM * (most - least)[1]))
    left, top = np.floor(least).astype(int) - room
    right, bottom = np.ceil(most).astype(int) + room + 1
    size = int(right - left), int(bottom - top)
    turn = turn - np.array([[0, 0, left], [0, 0, top]])
    inside = np.full(gray.shape, 255, np.uint8)
    # Repeat the edge pixels beyond the page: anything darker would look like ink.
    crop = cv2.warpAffine(gray, turn, size, borderMode=cv2.BORDER_REPLICATE)
    on_page = cv2.warpAffine(inside, turn, size, flags=cv2.INTER_NEAREST) > 0
    mask = np.zeros(crop.shape, np.uint8)
    cv2.fillPoly(mask, [np.round(turned - (left, top)).astype(np.int32)], 1)
    mask = cv2.dilate(mask, np.ones((2 * room + 1, 2 * room + 1), np.uint8)) > 0
    if not (mask & on_page).any():
        raise UserError("a line whose outline is outside the page")
    return cleaning.line_image(crop, height, mask & on_page)


def parse_xml(
    source: Path | BinaryIO, root_tag: str, kind: str, path: str | Path
) -> ElementTree.Element:
    """Parse an XML file that defines no entities, and return its root <root_tag>.

    Raises UserError for any other file: `path` is not `kind`.
    """
    try:
        if isinstance(source, Path):
            regular_files.checked(source)
        root = SafeElementTree.parse(source, forbid_dtd=False).getroot()
    except ElementTree.ParseError as error:
        raise UserError(f"{path} is not well-formed XML: {error}") from None
    except defusedxml.DefusedXmlException:
        raise UserError(f"{path} defines entities, which are refused") from None
    except (OSError, LookupError, ValueError) as error:  # or a bad encoding
        raise UserError(f"{path} can't be read as XML: {one_line(error)}") from None
    if tag(root) != root_tag:
        raise UserError(
            f"{path} is not {kind}: its root is <{tag(root)}>, not <{root_tag}>"
        )
    return root


def find_image(xml_path: Path, image_name: str) -> Path:
    """Find the page's image: the one that the XML names, or one named like the XML."""
    # PureWindowsPath splits at both kinds of slash.
    named = PureWindowsPath(image_name)
    names = [named.name, named.as_posix()]
    for suffix in opening.SUFFIXES:
        names += [xml_path.stem + suffix, xml_path.stem + suffix.upper()]
    for name in names:
        # Path.is_file raises for a name that is too long; this returns False.
        if os.path.isfile(path := xml_path.parent / name):
            return path
    raise UserError(f"{xml_path} names an image that is missing: {image_name!r}")


def page_size(
    page: ElementTree.Element, width: str, height: str, path: Path
) -> tuple[float, float] | None:
    """Return (width, height) of a page from these attributes, or None if not given."""
    size = number(page, width, path), number(page, height, path)
    return size if min(size) > 0 else None


def points(text: str, path: str | Path) -> np.ndarray:
    """Parse "x,y x,y" or "x y x y" to (n, 2); ignore a lone number, a baseline's y."""
    try:
        values = np.array([float(value) for value in text.replace(",", " ").split()])
    except ValueError:
        values = np.array([math.nan])
    if not np.isfinite(values).all():
        raise UserError(f"{path} has points that are not numbers: {text[:40]!r}")
    return values[: len(values) // 2 * 2].reshape(-1, 2)


def number(element: ElementTree.Element, key: str, path: str | Path) -> float:
    """Return an attribute as a number, 0 if missing. Raises UserError if it is none."""
    text = element.get(key, "0")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{path}: {key}={text!r} of <{tag(element)}> is not a number")
    return value


def all_named(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Iterate over all elements of this name, in any namespace, in file order."""
    return root.iterfind(f".//{{*}}{name}")


def tag(element: ElementTree.Element) -> str:
    """Return the element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def _thickness(outline: np.ndarray) -> float:
    """Return the area of an outline (n, 2) divided by its length."""
    if len(outline) < 3:
        return 0.0
    outline = np.clip(outline, -FARTHEST, FARTHEST)
    length = float(np.hypot(*np.ptp(outline, axis=0)))
    return cv2.contourArea(outline.astype(np.float32)) / max(length, 1e-9)


def _band(baseline: np.ndarray, thickness: float) -> np.ndarray:
    """Return an outline of this thickness, three quarters of it above the baseline."""
    down = np.array([0.0, thickness])
    return np.concatenate([baseline - 0.75 * down, (baseline + 0.25 * down)[::-1]])


def _scale(page: Page, gray: np.ndarray) -> np.ndarray:
    """Return the scale (2,) from the page's (x, y) to the pixels of its image (H, W).

    The image may be a smaller copy of the one that was measured. If a size in pixels
    has another aspect than the image, it is ignored as a mistake.
    """
    if page.size is None:
        return np.ones(2)
    scale = np.divide(gray.shape[::-1], page.size)
    same_shape = abs(scale[0] / scale[1] - 1) < SAME_SHAPE
    return scale if same_shape or page.unit != "pixel" else np.ones(2)


def _level(baseline: np.ndarray) -> np.ndarray:
    """Return the rotation (2, 3) that levels the line fitted to the baseline."""
    if len(baseline) < 2 or np.ptp(baseline, axis=0).max() < 1:
        return np.eye(2, 3)
    x, y = cv2.fitLine(baseline.astype(np.float32), cv2.DIST_L2, 0, 0.01, 0.01)[:2, 0]
    # Steep lines run from the first to the last point, others from left to right.
    run = np.dot(baseline[-1] - baseline[0], (x, y)) if abs(y) > abs(x) else x
    degrees = math.degrees(math.atan2(y, x) if run > 0 else math.atan2(-y, -x))
    centre = tuple(map(float, baseline.mean(axis=0)))
    return cv2.getRotationMatrix2D(centre, degrees if abs(degrees) > LEVEL else 0.0, 1)
