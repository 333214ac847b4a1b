"""Cuts line images from a page image by the outlines of its lines."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ocr_jax import charset, sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.images import cleaning, opening
from ocr_jax.sources import splitting
from ocr_jax.sources.pages import locating, orientation

# Margin around a line's outline, as a share of its height. It keeps the tips of letters
# that touch the outline.
ROOM = 0.04
# A line is rotated if its baseline rises or falls by more than this, in degrees.
LEVEL = 0.5
# An outline thinner than this share of the page's usual thickness is only a strip along
# the baseline. Transkribus draws one if nobody outlined the line.
STRIP = 0.35
# Of 11,694 outlined lines 95 % are at least as thick as this share of the width of one
# of their characters. A line without text is taken for one of UNREAD characters.
THIN, UNREAD = 0.7, 60
# Without any outline on a page, a line is this share of the distance of two baselines
# thick, and a lone line this share of its length.
BAND, LONE = 0.8, 0.08
ABOVE = 0.75  # share of a line's thickness that is above its baseline
FARTHEST = 1e6  # pixels; coordinates beyond this are mistakes
# A line of which less than this share is on the page hasn't the ink of its text.
ON_PAGE = 0.5


class TextLine(NamedTuple):
    """A line on a page: its outline (n, 2) and baseline (m, 2), points (x, y)."""

    line_id: str
    text: str
    outline: np.ndarray
    baseline: np.ndarray  # (0, 2) if unknown
    problem: str = ""  # why it can't be read


class Page(NamedTuple):
    """A page's XML; size is (width, height) in its unit, or None if not given.

    is_ours: ocr_jax wrote it, which measures images as their tag turns them. order:
    the numbers of the lines as they are to be read, or () for the order of the file.
    """

    unit: str
    size: tuple[float, float] | None
    lines: list[TextLine]
    is_ours: bool = False
    order: tuple[int, ...] = ()


Parse = Callable[[Path], Page]


def read(task: locating.Task, height: int, parse: Parse) -> list[sources.Item]:
    """Read the lines of a page, and list those left out.

    parse: the parser of this kind of XML. Raises UserError if the page can't be read.
    """
    if task.problem:
        return [sources.Skipped(task.name, task.problem)]
    gray, page, scale = open_page(task.path, task.image, parse)
    items: list[sources.Item] = []
    for line, split in zip(page.lines, _splits(task, page), strict=True):
        name = f"{task.name}/{line.line_id}"
        text = charset.normalize(line.text)
        try:
            if line.problem or not text:
                raise UserError(line.problem or "a line without text")
            _require_on_page(line.outline * scale, gray.shape[::-1])
            image = cut(gray, line, scale, height=height)
        except UserError as error:
            items.append(sources.Skipped(name, str(error)))
        else:
            items.append((split, lines_file.Line(image, text, name, task.writer)))
    return [*items, *further_pages(task)]


def further_pages(task: locating.Task) -> list[sources.Skipped]:
    """Say that the further pages of a TIFF are left out."""
    count = opening.count_pages(task.image)
    why = f"pages 2 to {count} of its TIFF: no XML has their lines"
    return [sources.Skipped(task.name, why)] if count > 1 else []


def open_page(
    path: Path, image: Path, parse: Parse
) -> tuple[np.ndarray, Page, np.ndarray]:
    """Return the gray image (H, W) of a page, its lines, and what `cut` takes as scale.

    All lines have an outline. Raises UserError if the page can't be read.
    """
    gray, page = orientation.upright(parse(path), opening.read_picture(image))
    page = page._replace(lines=complete(page.lines))
    return gray, page, scale_to(page, gray.shape[::-1])


def _splits(task: locating.Task, page: Page) -> list[str]:
    """Return the split of each line: the page's, or one that is drawn."""
    splits = [task.split] * len(page.lines)
    if not task.split:
        args = argparse.Namespace(split=task.shares, seed=task.seed)
        used = [number for number, line in enumerate(page.lines) if line.text.strip()]
        drawn = splitting.draw([str(number) for number in used], args)
        for number, split in zip(used, drawn, strict=True):
            splits[number] = split
    return splits


def broken(line_id: str, text: str, error: UserError) -> TextLine:
    """Return a line whose place can't be read."""
    nowhere = np.empty((0, 2))
    return TextLine(line_id, text, nowhere, nowhere, str(error))


def complete(lines: list[TextLine]) -> list[TextLine]:
    """Give lines an outline that have none, or a mere strip along their baseline.

    It is a band of the page's usual thickness.
    """
    thicknesses = [thickness(line.outline) for line in lines]
    usual = _usual(lines, np.array(thicknesses))
    return [
        line._replace(outline=_band(line.baseline, usual))
        if thickness < STRIP * usual and len(line.baseline) > 1
        else line
        for line, thickness in zip(lines, thicknesses, strict=True)
    ]


def _usual(lines: list[TextLine], thicknesses: np.ndarray) -> float:
    """Return the median thickness of outlines, or else what fits between baselines.

    Outlines that are too thin for both their text and the page's lines don't count.
    """
    between = BAND * _distance(lines)
    characters = np.array([len(line.text) or UNREAD for line in lines])
    is_thin = thicknesses * characters < THIN * np.array([_length(x) for x in lines])
    outlined = (thicknesses > 0) & ~(is_thin & (thicknesses < STRIP * between))
    if outlined.any():
        return float(np.median(thicknesses[outlined]))
    lengths = [np.ptp(line.baseline[:, 0]) for line in lines if len(line.baseline)]
    return between or LONE * float(max(lengths, default=0.0))


def _length(line: TextLine) -> float:
    x = np.clip(line.outline[:, 0], -FARTHEST, FARTHEST)
    return float(np.ptp(x)) if len(x) else 0.0


def _distance(lines: list[TextLine]) -> float:
    """Return the median distance of a baseline to the next one below it; 0: none is.

    Beside it, in another column, are lines at any height.
    """
    baselines = [line.baseline for line in lines if len(line.baseline)]
    if len(baselines) < 2:
        return 0.0
    left, right = np.array([(x.min(), x.max()) for x, _ in (b.T for b in baselines)]).T
    y = np.array([baseline[:, 1].mean() for baseline in baselines])
    overlap = np.minimum(right[:, None], right) > np.maximum(left[:, None], left)
    gaps = y - y[:, None]
    nearest = np.where(overlap & (gaps > 1), gaps, np.inf).min(axis=1)
    return float(np.median(found)) if len(found := nearest[nearest < np.inf]) else 0.0


def _require_on_page(outline: np.ndarray, size: tuple[int, int]):
    """Raise UserError if most of an outline lies beyond a page of (width, height)."""
    if len(outline) < 3 or np.abs(outline).max() > FARTHEST:
        return  # cutting it says why
    inside = np.clip(outline, 0, size)
    areas = [cv2.contourArea(one.astype(np.float32)) for one in (inside, outline)]
    if areas[0] < ON_PAGE * areas[1]:
        raise UserError("a line most of whose outline is outside the page")


def cut(
    gray: np.ndarray, line: TextLine, scale: np.ndarray, *, height: int
) -> np.ndarray:
    """Cut a line (height, W): level, and blank outside its outline.

    gray (H, W) is the page; scale (2,) maps the line's coordinates to its pixels.
    Raises UserError if the outline contains nothing of the page.
    """
    return cut_clean(gray, line, scale, height=height).image


def cut_clean(
    gray: np.ndarray, line: TextLine, scale: np.ndarray, *, height: int
) -> cleaning.CleanLine:
    """Cut a line as `cut` does, and say where its columns lie.

    They are counted along the line from the first point of its baseline, or without one
    from the left edge of its outline.
    """
    if line.problem:
        raise UserError(line.problem)
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
    clean = cleaning.clean_line(crop, height, mask & on_page)
    start = cv2.transform(baseline[None, :1], turn)[0, 0, 0] if len(baseline) else room
    return clean._replace(left=float(clean.left - start))


def cut_or_nothing(
    gray: np.ndarray, line: TextLine, scale: np.ndarray, *, height: int
) -> cleaning.CleanLine:
    """Cut a line as `cut_clean` does; one without a place or ink has no width."""
    try:
        return cut_clean(gray, line, scale, height=height)
    except UserError:
        return cleaning.without_ink(height)


def thickness(outline: np.ndarray) -> float:
    """Return the area of an outline (n, 2) divided by its length."""
    if len(outline) < 3:
        return 0.0
    outline = np.clip(outline, -FARTHEST, FARTHEST)
    length = float(np.hypot(*np.ptp(outline, axis=0)))
    return cv2.contourArea(outline.astype(np.float32)) / max(length, 1e-9)


def _band(baseline: np.ndarray, thickness: float) -> np.ndarray:
    """Return an outline of this thickness, ABOVE of it above the baseline."""
    down = np.array([0.0, thickness])
    upper, lower = baseline - ABOVE * down, baseline + (1 - ABOVE) * down
    return np.concatenate([upper, lower[::-1]])


def scale_to(page: Page, size: tuple[int, int]) -> np.ndarray:
    """Return the scale (2,) from the page's (x, y) to the pixels of its image.

    size: (width, height) of the image, which may be a smaller copy of the one that was
    measured. A size in pixels of another aspect, which `orientation.upright` has let
    pass, is a mistake.
    """
    if page.size is None:
        return np.ones(2)
    if page.unit == "pixel" and not orientation.same_shape(page.size, size):
        return np.ones(2)
    return np.divide(size, page.size)


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
