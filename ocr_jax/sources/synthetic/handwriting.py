"""Draws one line: a font's letters, bent, inked and cleaned like a scan.

A line is drawn word by word at twice its height, bent by one smooth warp and cropped to
its ink. Only then is it scaled to its height. All randomness comes from `rng`.
"""

from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw

from ocr_jax.images import line_size
from ocr_jax.sources.synthetic import typefaces
from ocr_jax.sources.synthetic.hand_styles import HAND_STYLES, HandStyle

PEN_CHANGE = 0.5  # largest change of the font's stroke width, a share
LEAST_SPACE = 0.27  # h
SPACE_JITTER = (0.9, 1.25)  # a gap / the line's mean gap
WAVE_LENGTH = (3.0, 9.0)  # h
STRETCH_LENGTH = (1.5, 5.0)  # h
TREMOR_GRID = 0.4  # distance over which the shift changes, h
FILL = (0.6, 1.0)  # share of the font's height kept without ink
MARGIN_X = (0.05, 0.4)  # left and right, h
BLUR = (0.0, 0.6)  # standard deviation, px
GRAIN = (0.0, 0.3)  # darkest minus lightest ink between pixels, a share
PAPER_SHARE = (-0.03, 0.04)  # share of pixels with paper noise; below 0: none
PAPER_NOISE = (12, 40)  # brightness of the brightest
FLOOR = 8  # darker pixels are blank

SUPERSAMPLING = 2
X_HEIGHT = 0.35  # height of an x, h
# Blank margin around the writing, in h, so that bending moves no ink over the edge.
ROOM_X = 0.8
ROOM_Y = 0.5
MAP_STEP = 8  # the warp is smooth, so compute it at every 8th pixel per side


class BentLine(NamedTuple):
    """A line as it was written, bent and with room around it."""

    page: np.ndarray  # (H, W) uint8, bright ink on zero
    baseline: int  # its row, were it straight
    curve: np.ndarray  # (W,) the row that the letters stand on in each column


def draw(
    text: str,
    font: str,
    height: int,
    rng: np.random.Generator,
    style: HandStyle = HAND_STYLES["neat"],
) -> np.ndarray:
    """Draw the text in a font as a line image (height, W) uint8, bright ink on zero.

    font: a family of fontpkg, or a font file. Raises ValueError if the text has nothing
    to draw, or has characters that the font lacks and would draw as boxes.
    """
    page, baseline, _ = write(text, font, SUPERSAMPLING * height, rng, style)
    line = _cut_out(page, baseline, height, style, rng)
    return _scan(line, height, style, rng)


def write(
    text: str, font: str, size: int, rng: np.random.Generator, style: HandStyle
) -> BentLine:
    """Write the text, bent as by hand, in letters of `size` pixels: see typefaces.

    font, errors: as for `draw`.
    """
    if not text.strip() or not typefaces.characters(font).issuperset(text):
        raise ValueError(f"{font} can't draw {text!r}")
    page, baseline = _write_straight(text, font, size, style, rng)
    page = _press(page, _pen_growth(font, size, style, rng))
    return _warp(page, baseline, size, style, rng)


def _between(ends: tuple[float, float], rng: np.random.Generator) -> float:
    return float(rng.uniform(*ends))


def _write_straight(
    text: str, font: str, size: int, style: HandStyle, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Draw the words on a straight line: (page (H, W), row of the baseline)."""
    letters = typefaces.letters(font, size)
    words = text.split()
    space = max(_between(style.space, rng) * letters.getlength(" "), LEAST_SPACE * size)
    gaps = space * rng.uniform(*SPACE_JITTER, len(words))
    steps = [letters.getlength(word) for word in words] + gaps
    starts = 2 * size + np.cumsum(steps) - steps
    baseline = 2 * size
    page = Image.new("L", (round(starts[-1] + steps[-1] + 2 * size), 4 * size))
    pen = ImageDraw.Draw(page)
    for word, start in zip(words, starts, strict=True):
        ink = round(255 * _between(style.pressure, rng))
        lift = rng.normal(0, style.lift * size)
        pen.text((start, baseline + lift), word, ink, letters, anchor="ls")
    left, top, right, foot = page.getbbox()
    room_x, room_y = round(ROOM_X * size), round(ROOM_Y * size)
    page = page.crop((left - room_x, top - room_y, right + room_x, foot + room_y))
    return np.asarray(page), baseline - top + room_y


def _pen_growth(
    font: str, size: int, style: HandStyle, rng: np.random.Generator
) -> float:
    """Draw by how many pixels to widen the font's strokes on each side."""
    own = typefaces.pen_width(font)
    change = np.clip(_between(style.pen, rng) / own - 1, -PEN_CHANGE, PEN_CHANGE)
    return float(change * own * size / 2)


def _press(page: np.ndarray, growth: float) -> np.ndarray:
    """Widen (growth > 0) or thin the strokes by this many pixels per side."""
    radius = int(np.ceil(abs(growth)))
    if radius == 0:
        return page
    change = cv2.dilate if growth > 0 else cv2.erode
    side = 2 * radius + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    share = abs(growth) / radius
    return cv2.addWeighted(change(page, disc), share, page, 1 - share, 0)


def _warp(
    page: np.ndarray,
    baseline: int,
    size: int,
    style: HandStyle,
    rng: np.random.Generator,
) -> BentLine:
    """Slant, stretch, tilt and wave the page."""
    aspect, slant = _between(style.aspect, rng), _between(style.slant, rng)
    above, below = _between(style.reach, rng), _between(style.reach, rng)
    # Growth of the writing above the letters' middles, below, and on either side.
    middle = X_HEIGHT * size
    up = max(0, round((above - 1) * (baseline - middle)))
    down = max(0, round((below - 1) * (page.shape[0] - baseline)))
    height = page.shape[0] + up + down
    side = round(abs(slant) * max(baseline + up, height - baseline - up))
    width = round(page.shape[1] * aspect)
    x, y = coarse_grid((height, width + 2 * side))
    x, y = x - side, y - up
    slope = _between(style.rise, rng) * size / max(width - 2 * ROOM_X * size, size)
    slope = np.clip(slope, -style.steepest, style.steepest)
    stretch_length = _between(STRETCH_LENGTH, rng) * size
    stretch = _between(style.stretch, rng) * stretch_length / (2 * np.pi)
    wave_length = _between(WAVE_LENGTH, rng) * size
    wave = _between(style.wave, rng) * size
    tremor = _between(style.tremor, rng) * size
    from_x = (
        x / aspect
        + slant * (y - baseline)
        + stretch * _swing(x, stretch_length, rng)
        + tremor * smooth_noise(x.shape, TREMOR_GRID * size / MAP_STEP, rng)
    )
    straight = y
    y = y + slope * (x - width / 2) + wave * _swing(x, wave_length, rng)
    rise = (y - straight)[:1]
    y = y + tremor * smooth_noise(x.shape, TREMOR_GRID * size / MAP_STEP, rng)
    top = baseline - middle
    from_y = np.where(y < top, top + (y - top) / above, y)
    from_y = np.where(y > baseline, baseline + (y - baseline) / below, from_y)
    shape = width + 2 * side, height
    maps = [cv2.resize(m.astype(np.float32), shape) for m in (from_x, from_y)]
    rise = cv2.resize(rise.astype(np.float32), (shape[0], 1))[0]
    bent = cv2.remap(page, *maps, cv2.INTER_LINEAR)
    return BentLine(bent, baseline + up, baseline + up - rise)


def coarse_grid(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y (h, w) of every MAP_STEP-th pixel, as cv2.resize places them."""
    coarse = [max(2, round(side / MAP_STEP)) for side in shape]
    steps = [side / count for side, count in zip(shape, coarse, strict=True)]
    rows = (np.arange(coarse[0]) + 0.5) * steps[0] - 0.5
    columns = (np.arange(coarse[1]) + 0.5) * steps[1] - 0.5
    x, y = np.meshgrid(columns, rows)
    return x, y


def _swing(x: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """Return a sine of this wavelength, -1 to 1, at a random phase."""
    return np.sin(2 * np.pi * (x / length + rng.random()))


def smooth_noise(
    shape: tuple[int, int], grid: float, rng: np.random.Generator
) -> np.ndarray:
    """Return normal noise (h, w) float32 that changes over `grid` pixels."""
    coarse = [max(2, round(side / grid)) for side in shape]
    noise = rng.standard_normal(coarse, np.float32)
    return cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _cut_out(
    page: np.ndarray,
    baseline: int,
    height: int,
    style: HandStyle,
    rng: np.random.Generator,
) -> np.ndarray:
    """Crop the page to its ink and margins (height, W), without cutting off any ink.

    Text without tall letters keeps part of the space that they would take.
    """
    size = SUPERSAMPLING * height
    rows, columns = (np.flatnonzero(page.max(axis) >= FLOOR) for axis in (1, 0))
    kept = _between(FILL, rng) * size
    top = min(rows[0], baseline - 0.7 * kept) - _between(style.margin, rng) * size
    foot = max(rows[-1] + 1, baseline + 0.3 * kept) + _between(style.margin, rng) * size
    left = columns[0] - _between(MARGIN_X, rng) * size
    right = columns[-1] + 1 + _between(MARGIN_X, rng) * size
    top, foot, left, right = (round(max(0, side)) for side in (top, foot, left, right))
    return line_size.to_height(page[top:foot, left:right], height)


def _scan(
    line: np.ndarray, height: int, style: HandStyle, rng: np.random.Generator
) -> np.ndarray:
    """Make the ink of a line (H, W) uint8 uneven, and add remains of the paper."""
    if (blur := _between(BLUR, rng)) > 0.2:
        line = cv2.GaussianBlur(line, (0, 0), blur)
    ink = unevenly(line, height, style, rng)
    ink *= 1 - _between(GRAIN, rng) * rng.random(line.shape, np.float32)
    ink = np.minimum(ink, 1)
    ink *= _between(style.brightness, rng) / ink.max()
    share = max(0, _between(PAPER_SHARE, rng))
    specks = rng.random(line.shape, np.float32) < share
    paper = specks * rng.random(line.shape, np.float32) * _between(PAPER_NOISE, rng)
    scan = np.maximum(ink, paper).astype(np.uint8)
    scan[scan < FLOOR] = 0
    return scan


def unevenly(
    line: np.ndarray, height: float, style: HandStyle, rng: np.random.Generator
) -> np.ndarray:
    """Return the ink of a line (H, W) as float32 from 0, none, to 1 and more."""
    ink = line * np.float32(_between(style.contrast, rng) / 255)
    fading = smooth_noise(line.shape, height / 2, rng)
    ink *= 1 - _between(style.fading, rng) * np.clip(0.5 + fading / 4, 0, 1)
    return ink
