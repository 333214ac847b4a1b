"""Where the lines of a page are, in pixels of the image as a browser shows it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ocr_jax import display_order
from ocr_jax.app import pictures
from ocr_jax.data import pages_file, polylines
from ocr_jax.errors import UserError
from ocr_jax.images import opening
from ocr_jax.pages import outlines, reading_order
from ocr_jax.readings import PageLine
from ocr_jax.sources.pages import line_cutting, orientation


class Frame(NamedTuple):
    """The size (width, height) of an image as people see it, and its EXIF tag."""

    size: tuple[int, int]
    tag: int

    @classmethod
    def of(cls, image: Path) -> "Frame":
        """Read the head of an image file. Raises UserError if it is none."""
        return cls(*pictures.size_and_tag(image))


class Placed(NamedTuple):
    """The lines of a page, what maps their points to pixels, and the image's size.

    tag: turns the points of the file as its image is turned; 1 if they stand already.
    """

    lines: list[line_cutting.TextLine]
    scale: np.ndarray
    size: tuple[int, int]
    tag: int

    def in_file(self, points: np.ndarray) -> np.ndarray:
        """Return points (n, 2), in pixels, as the file measures them."""
        back = orientation.opposite(self.tag)
        return orientation.turn(points / self.scale, back, self.size / self.scale)


def placed(page: line_cutting.Page, image: Path, frame: Frame) -> Placed:
    """Return where the lines of a page are. Raises UserError."""
    size, tag = frame.size, 1
    if frame.tag != 1:
        gray, upright = orientation.upright(page, opening.read_picture(image))
        size, tag = gray.shape[::-1], 1 if upright is page else frame.tag
        page = upright
    scale = line_cutting.scale_to(page, size)
    lines = list(map(_with_baseline, line_cutting.complete(page.lines)))
    return Placed(lines, scale, size, tag)


def _with_baseline(line: line_cutting.TextLine) -> line_cutting.TextLine:
    """Give a line without baseline one that goes straight through its outline."""
    if len(line.baseline) > 1 or len(line.outline) < 3:
        return line
    (left, top), (right, bottom) = line.outline.min(axis=0), line.outline.max(axis=0)
    y = top + line_cutting.ABOVE * (bottom - top)
    return line._replace(baseline=np.array([[left, y], [right, y]]))


def checked(points: Sequence, size: tuple[int, int]) -> np.ndarray:
    """Return a baseline (n, 2) that a browser sent, on the image, from left to right.

    Raises UserError.
    """
    try:
        baseline = np.asarray(points, float).reshape(-1, 2)
    except (TypeError, ValueError):
        baseline = np.empty((0, 2))
    baseline = np.clip(baseline, 0, np.array(size) - 1)
    good = 2 <= len(baseline) <= 1000 and np.isfinite(baseline).all()
    if not good or np.ptp(baseline, axis=0).max() < 3:
        raise UserError("a line needs two points that are apart")
    return polylines.rightwards(baseline)


def outline(here: Placed, baseline: np.ndarray, own: int = -1) -> np.ndarray:
    """Return an outline (n, 2) around a baseline, as thick as those of the page.

    own: the number of the line itself, if it is on the page.
    """
    others = [
        line._replace(
            baseline=line.baseline * here.scale, outline=line.outline * here.scale
        )
        for number, line in enumerate(here.lines)
        if number != own and len(line.baseline) > 1
    ]
    outlined = [line.outline for line in others if len(line.outline) > 2]
    thick = list(map(line_cutting.thickness, outlined))
    usual = np.median(thick) if thick else line_cutting.LONE * np.ptp(baseline[:, 0])
    usual = max(float(usual), 8.0)
    above = usual * line_cutting.ABOVE
    below = usual - above
    around = [pages_file.Line(line.baseline, above, below) for line in others]
    line = pages_file.Line(baseline, above, below)
    return simple(outlines.outline(line, around, here.size[::-1]))


def rank(here: Placed, baseline: np.ndarray) -> int:
    """Return how many of a page's lines are to be read before a new one."""
    high = line_cutting.LONE * max(float(np.ptp(baseline[:, 0])), 1.0)
    known = [
        (number, pages_file.Line(line.baseline * here.scale, high, high))
        for number, line in enumerate(here.lines)
        if len(line.baseline) > 1
    ]
    lines = [line for _, line in known] + [pages_file.Line(baseline, high, high)]
    mirrored = display_order.is_right_to_left(line.text for line in here.lines)
    order = reading_order.order(lines, here.size[0], mirrored)
    place = order.index(len(lines) - 1)
    return known[order[place - 1]][0] + 1 if place else 0


def not_among(here: Placed, found: Sequence[PageLine]) -> list[PageLine]:
    """Return the lines found that a page lacks: a person may draw some meanwhile."""
    known = [line.outline * here.scale for line in here.lines if len(line.outline) > 2]
    return [
        line
        for line in found
        if not any(
            _holds(line.outline, one) or _holds(one, line.outline) for one in known
        )
    ]


def _holds(outline: np.ndarray, other: np.ndarray) -> bool:
    """Whether the middle of an outline (n, 2) is within another."""
    middle = tuple(map(float, other.mean(axis=0)))
    return cv2.pointPolygonTest(outline.astype(np.float32), middle, False) >= 0


def simple(outline: np.ndarray) -> np.ndarray:
    """Return an outline (n, 2) in fewer points, which differs by a pixel at most."""
    if len(outline) < 4:
        return outline.round(1)
    near = np.clip(outline, -line_cutting.FARTHEST, line_cutting.FARTHEST)
    points = cv2.approxPolyDP(near.astype(np.float32), 1.0, closed=True)[:, 0]
    return points.astype(float).round(1)
