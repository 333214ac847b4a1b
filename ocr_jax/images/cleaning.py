"""Removes the paper from a scanned line: ink bright on exactly zero.

A grayscale closing removes the strokes and leaves an estimate of the paper. Ink is what
is darker than the paper by more than the paper's own noise.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

from ocr_jax.data import stretching
from ocr_jax.errors import UserError
from ocr_jax.images import cut_outs

# Sizes are shares of the image's height; contrasts are gray levels, 0 to 255.
STROKE = 1 / 3  # strokes are thinner than this in at least one direction
LEAST_CONTRAST = 12.0  # ink is at least this much darker than the paper
NOISE_SIGMAS = 2.0  # paper is up to this many sigmas darker than its median
FAINT = 0.12  # share of the ink's contrast; show-through and stains are below
RULED_LENGTH = 2.0  # a horizontal streak this long is a ruled line, not a stroke
RULED_KEPT = 0.3  # share of a ruled line's contrast: it may cross strokes
DARK_EDGE = 0.9  # share of the edge's pixels that are dark around white ink
LETTER, FILLED = 2.0, 0.4  # width and share of dark pixels of a letter in its crop
MARGIN = 1 / 8  # left above and below the ink if wide margins are cut
LOOSE = 0.7  # margins are cut if the ink takes less of the height than this
# Real lines are up to 29 times as wide as their ink is high; only dashes are wider.
LONGEST = 40
# A line wider than this, at the target height, is not one line of writing.
MAX_WIDTH = 8192
# Scans are brought to so many times the target height before cleaning: paper and noise
# can't be told apart on coarser ones, and finer ones take longer.
COARSEST, FINEST = 2, 3


class Blank(UserError):
    """An image without writing."""


class CleanLine(NamedTuple):
    """A line image (height, W) uint8, and where its columns lie in the scan.

    Column x of the image is at left + x * scale in the scan.
    """

    image: np.ndarray
    left: float
    scale: float

    def stretched(self, width: int) -> "CleanLine":
        """Return the same line at another width in pixels."""
        scale = self.scale * self.image.shape[1] / width
        return CleanLine(stretching.stretch(self.image, width), self.left, scale)


def without_ink(height: int) -> CleanLine:
    """Return a line of no width, of which nothing is read."""
    return CleanLine(np.zeros((height, 0), np.uint8), left=0.0, scale=1.0)


def line_image(
    gray: np.ndarray, height: int, mask: np.ndarray | None = None
) -> np.ndarray:
    """Return the `image` of `clean_line`, all that a lines file needs."""
    return clean_line(gray, height, mask).image


def clean_line(
    gray: np.ndarray, height: int, mask: np.ndarray | None = None
) -> CleanLine:
    """Clean a scanned line (H, W) uint8 and scale it to a height, aspect kept.

    mask (H, W) bool: where the line is; the rest is blanked. Without it, the whole
    scan, or what was cut out of one (cut_outs). Raises UserError if the scan is empty
    or does not have the shape of a line.
    """
    rows, columns = gray.shape
    if min(rows, columns) < 4:
        raise UserError(f"{columns} x {rows} px is too small for a line of writing")
    if columns * height / rows > MAX_WIDTH:
        raise UserError(
            f"{columns} x {rows} px would be {columns * height // rows} px wide at "
            f"height {height}: expected at most {MAX_WIDTH}; cut it into lines first"
        )
    scaled = min(max(1.0, COARSEST * height / rows), FINEST * height / rows)
    if scaled != 1.0:
        size = max(4, round(columns * scaled)), max(4, round(rows * scaled))
        method = cv2.INTER_AREA if scaled < 1.0 else cv2.INTER_LINEAR
        gray = cv2.resize(gray, size, interpolation=method)
        if mask is not None:
            mask = cv2.resize(
                mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST
            )
    if mask is None and (mask := cut_outs.inside(gray)) is None:
        mask = np.ones_like(gray)
    ink = clean(gray, mask.astype(bool))
    top, bottom, left, right = _ink_box(ink, min(LONGEST, MAX_WIDTH / height))
    image = _resize(ink[top:bottom, left:right], height)
    scale = (right - left) / image.shape[1] * columns / gray.shape[1]
    return CleanLine(image, left * columns / gray.shape[1], scale)


def clean(gray: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the ink (H, W) float32, 0 (paper) to 1, of a scan (H, W) uint8.

    mask (H, W) bool: where the writing is. Raises UserError if nothing stands out.
    """
    if not mask.any():
        raise UserError("the line's outline contains no pixel of the image")
    # Most masks are whole images, for which selecting by mask would be slow.
    inside = np.ravel if mask.all() else lambda values: values[mask]
    if _is_inverted(inside(gray)) and _has_dark_edge(gray, mask):
        gray = 255 - gray
    filled = _is_filled(inside(gray), gray.shape)
    if inside is not np.ravel:
        gray = np.where(mask, gray, np.median(inside(gray)))
    gray = gray.astype(np.float32)
    paper = np.percentile(inside(gray), 95) if filled else background(gray)
    darkness = (paper - gray).astype(np.float32)
    on_paper = inside(darkness)[::4]  # enough for medians, and faster
    # Most of a line is paper, whose darkness is then the median.
    level = 0.0 if filled else np.median(on_paper)
    # Of what is brighter than paper, where no ink adds to the noise.
    bright = level - on_paper[on_paper <= level]
    noise = 0.0 if filled else 1.4826 * np.median(bright)
    threshold = level + max(NOISE_SIGMAS * noise, LEAST_CONTRAST / 2)
    strokes = on_paper[on_paper > threshold]
    contrast = np.percentile(strokes, 90) - level if strokes.size else 0.0
    if contrast < LEAST_CONTRAST:
        raise Blank("nothing on it stands out from the paper")
    threshold = max(threshold, level + FAINT * contrast)
    ink = np.clip((darkness - threshold) / (level + contrast - threshold), 0.0, 1.0)
    ink = _weaken_ruled_lines(ink.astype(np.float32))
    return ink if inside is np.ravel else np.where(mask, ink, 0.0)


def background(gray: np.ndarray) -> np.ndarray:
    """Estimate the paper (H, W) float32 behind the strokes, at a quarter resolution."""
    rows, columns = gray.shape
    small = cv2.dilate(gray, np.ones((3, 3), np.uint8))
    size = max(1, columns // 4), max(1, rows // 4)
    small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    reach = max(3, round(rows * STROKE / 4)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    paper = cv2.morphologyEx(
        small, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REFLECT
    )
    paper = cv2.GaussianBlur(paper, (0, 0), reach / 2)
    return cv2.resize(paper, (columns, rows), interpolation=cv2.INTER_LINEAR)


def _is_inverted(pixels: np.ndarray) -> bool:
    """Return whether the ink is white: most pixels dark, a few bright."""
    median = np.median(pixels)
    return median < 100 and np.mean(pixels) > median + 2


def _has_dark_edge(gray: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether the paper around white ink is dark: else it is a drop capital."""
    kernel = np.ones((3, 3), np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), kernel, borderValue=0) > 0
    return np.mean(gray[mask & ~inner] < _middle(gray[mask])) > DARK_EDGE


def _is_filled(pixels: np.ndarray, shape: tuple[int, int]) -> bool:
    """Return whether a letter fills its crop, like a drop capital.

    Its strokes are as thick as the paper between them: no closing removes them.
    """
    rows, columns = shape
    return columns < LETTER * rows and np.mean(pixels < _middle(pixels)) > FILLED


def _middle(pixels: np.ndarray) -> float:
    """Return the gray level half-way between the darkest and the brightest."""
    return float(np.mean(np.percentile(pixels, [2, 98])))


def _weaken_ruled_lines(ink: np.ndarray) -> np.ndarray:
    length = round(RULED_LENGTH * len(ink))
    if length >= ink.shape[1]:
        return ink
    # Close gaps first: pen strokes and noise interrupt a printed line.
    closed = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
    # Opening the few rows that can hold one is much faster than opening all. At an
    # edge, half of the kernel is enough.
    rows = _rows_with_runs(closed > 0, length - length // 2)
    if not rows.any():
        return ink
    ruled = cv2.morphologyEx(
        closed[rows], cv2.MORPH_OPEN, np.ones((1, length), np.uint8)
    )
    ink[rows] = np.maximum(ink[rows] - (1.0 - RULED_KEPT) * ruled, 0.0)
    return ink


def _rows_with_runs(marked: np.ndarray, length: int) -> np.ndarray:
    """Return (H,) bool: which rows of (H, W) bool have `length` marks in a row."""
    reached = 1
    while reached < length:
        step = min(reached, length - reached)
        marked = marked[:, step:] & marked[:, :-step]
        reached += step
    return marked.any(axis=1)


def _ink_box(ink: np.ndarray, longest: float) -> tuple[int, int, int, int]:
    """Return (top, bottom, left, right) of the ink; cut rows only off wide margins.

    The box keeps enough rows to be at most `longest` times as wide as high, so that a
    lone dash does not become as high as letters.
    """
    rows, columns = ink.shape
    top, bottom = _extent(ink.sum(axis=1))
    left, right = _extent(ink.sum(axis=0))
    margin = round((bottom - top) * MARGIN)
    if bottom - top > LOOSE * rows:
        top, bottom = 0, rows
    side = round((bottom - top) / 4)
    left, right = max(0, left - side), min(columns, right + side)
    least = math.ceil((right - left) / longest)
    margin = max(margin, math.ceil((least - (bottom - top)) / 2))
    top, bottom = max(0, top - margin), min(rows, bottom + margin)
    # If the ink is at an edge, the rows missing there are taken from the other side.
    bottom = max(bottom, min(rows, top + least))
    return min(top, max(0, bottom - least)), bottom, left, right


def _extent(profile: np.ndarray) -> tuple[int, int]:
    """Return (first, last + 1) of a profile, ignoring specks at its ends."""
    share = np.cumsum(profile) / profile.sum()
    first, last = np.searchsorted(share, [0.002, 0.998])
    return int(first), int(last) + 1


def _resize(ink: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(ink.shape[1] * height / ink.shape[0]))
    shrinks = height < ink.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    image = cv2.resize(ink, (width, height), interpolation=method)
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
