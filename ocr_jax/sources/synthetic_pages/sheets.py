"""A sheet that lies flat: the ink on it, and where its lines are written."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from ocr_jax.sources.synthetic import prose
from ocr_jax.sources.synthetic_pages import hands

# Words of a given text that stand for these; for what is in figures, none does.
WORDS = {"name": 1, "date": 2}
SHIFT = 4  # fixed-point bits of the coordinates that OpenCV draws


class Box(NamedTuple):
    """A part of a sheet, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """The box's width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """The box's height."""
        return self.bottom - self.top

    def inside(self, left: float, top: float, right: float, bottom: float) -> "Box":
        """Return the box without a border; a negative border widens it."""
        return Box(
            self.left + left, self.top + top, self.right - right, self.bottom - bottom
        )


class Written(NamedTuple):
    """A line on the sheet."""

    text: str
    baseline: np.ndarray  # (n, 2)
    outline: np.ndarray  # (m, 2)
    above: float
    below: float


class Sheet:
    """Ink (H, W) uint8, 0 where there is none: of writing, and of all else."""

    def __init__(self, shape: tuple[int, int]):
        self.ink, self.drawn = np.zeros((2, *shape), np.uint8)
        self.lines: list[Written] = []

    def rule(self, points, darkness: float, thickness: int = 1):
        """Draw a line that is no writing through points (x, y)."""
        fixed = np.round(np.asarray(points, float) * 2**SHIFT).astype(np.int32)
        tone = round(255 * darkness)
        cv2.polylines(self.drawn, [fixed], False, tone, thickness, cv2.LINE_AA, SHIFT)

    def paste(self, ink: np.ndarray, left: int, top: int):
        """Put ink (H, W) on the sheet; what is beyond its edges is lost."""
        foot, right = max(0, top + len(ink)), max(0, left + len(ink[0]))
        here = self.ink[max(0, top) : foot, max(0, left) : right]
        there = ink[max(0, -top) :, max(0, -left) :]
        np.maximum(here, there[: here.shape[0], : here.shape[1]], out=here)


class Pen:
    """A hand that writes on a sheet, and the words that it writes."""

    def __init__(
        self,
        sheet: Sheet,
        hand: hands.Hand,
        source: hands.Source,
        rng: np.random.Generator,
    ):
        self.sheet, self.hand, self.rng = sheet, hand, rng
        self._source = source
        self._words: Iterator[str] = filter(None, hands.words(source, hand, rng))
        self._next = next(self._words)

    def other(self, hand: hands.Hand) -> "Pen":
        """Return another hand that writes on the same sheet."""
        return Pen(self.sheet, hand, self._source, self.rng)

    @property
    def size(self) -> int:
        """The height of the letters, in pixels."""
        return self.hand.size

    def line(self, width: float) -> str:
        """Return the next words, as many as fit into a width; at least one."""
        text = self._word()
        space, end = hands.space(self.hand), self.length(text)
        while (end := end + space + self.length(self._next)) <= width:
            text += " " + self._word()
        return text

    def phrase(self, count: int) -> str:
        """Return the next words, so many."""
        return " ".join(self._word() for _ in range(count))

    def fill(self, kind: str) -> str:
        """Return what stands for {kind}: of the text that is given, or invented."""
        if self._source.text and kind in WORDS:
            return self.phrase(WORDS[kind])
        return prose.fill(kind, self.rng)

    def length(self, text: str) -> float:
        """Return about how long a text is."""
        return hands.length(self.hand, text)

    def write(self, text: str, x: float, y: float, degrees: float = 0.0) -> float:
        """Write a line that begins at (x, y); return the x at which it ends.

        degrees: how far it is turned anticlockwise.
        """
        text = hands.spelt(self.hand, text).strip()
        if not text:
            return x
        strip = hands.write(self.hand, text, self.rng)
        ink, points = strip.ink, strip.baseline
        outline = _outline(strip)
        if degrees:
            ink, matrix = _turned(ink, degrees)
            points, outline = (
                p @ matrix[:, :2].T + matrix[:, 2] for p in (points, outline)
            )
        # Whole pixels, so that the ink need not be drawn again.
        corner = np.round([x, y] - points[0]).astype(int)
        self.sheet.paste(ink, *corner)
        self.sheet.lines.append(
            Written(text, points + corner, outline + corner, strip.above, strip.below)
        )
        return float(points[-1, 0] + corner[0])

    def _word(self) -> str:
        word, self._next = self._next, next(self._words)
        return word


def _outline(strip: hands.Strip) -> np.ndarray:
    """Return the outline (n, 2) of a line: a band along its baseline."""
    points = strip.baseline.copy()
    points[0, 0] -= 0.3 * strip.above
    points[-1, 0] += 0.3 * strip.above
    upper = points - np.array([0, strip.above])
    lower = points + np.array([0, strip.below])
    return np.concatenate([upper, lower[::-1]])


def _turned(ink: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn ink (H, W); return it and what maps its points (2, 3)."""
    height, width = ink.shape
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    around = np.array([[cos, sin], [-sin, cos]])
    size = np.ceil(np.abs(around) @ [width, height]).astype(int) + 2
    shift = (size - 1) / 2 - around @ [(width - 1) / 2, (height - 1) / 2]
    matrix = np.column_stack([around, shift])
    return cv2.warpAffine(ink, matrix, tuple(map(int, size))), matrix
