"""The fonts of synthetic handwriting: their letters, in sizes that can be compared."""

import functools
import logging
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr_jax import extras

fontpkg, ttLib = extras.Lazy("fontpkg"), extras.Lazy("fontTools.ttLib")

# fontTools warns, once per process, of flaws that do not prevent drawing.
logging.getLogger("fontTools").setLevel(logging.ERROR)

# Its height is the size of a font here: from the top of an l to the foot of a g.
REFERENCE = "Hbdhklgpqy"


@functools.cache
def characters(font: str) -> frozenset[str]:
    """Return the characters that the font can draw."""
    return frozenset(map(chr, _character_map(font)))


def _file(font: str) -> str:
    return font if Path(font).suffix else fontpkg.path(font)


@functools.cache
def _character_map(font: str) -> dict[int, str]:
    with ttLib.TTFont(_file(font), lazy=True) as file:
        return file.getBestCmap() or {}  # a symbol font has none


@functools.lru_cache(maxsize=64)
def letters(font: str, size: int) -> ImageFont.FreeTypeFont:
    """Load the font at the size at which REFERENCE is `size` pixels high."""
    top, foot = _extent(font)
    return _truetype(font, max(1, round(size / (top + foot))))


def _truetype(font: str, em: int) -> ImageFont.FreeTypeFont:
    # Raqm would shape better, but Pillow finds it only where the system has FriBiDi,
    # and the same seed must give the same file on every machine.
    layout = ImageFont.Layout.BASIC
    return ImageFont.truetype(_file(font), em, layout_engine=layout)


@functools.cache
def _extent(font: str) -> tuple[float, float]:
    """Measure how far REFERENCE reaches above and below the baseline, in ems."""
    em = 200
    _, top, _, foot = _truetype(font, em).getbbox(REFERENCE, anchor="ls")
    return -top / em, foot / em


@functools.cache
def pen_width(font: str) -> float:
    """Measure the mean width of the font's strokes, in h."""
    size = 200
    drawn_in = letters(font, size)
    page = Image.new("L", (round(drawn_in.getlength(REFERENCE)) + 2 * size, 3 * size))
    ImageDraw.Draw(page).text((size, 2 * size), REFERENCE, 255, drawn_in, anchor="ls")
    ink = (np.asarray(page) > 127).astype(np.uint8)
    edge = ink - cv2.erode(ink, np.ones((3, 3), np.uint8))
    return float(2 * ink.sum() / edge.sum() / size)
