"""What is read of lines and pages: texts, how sure they are, and where they stand."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Each character of what is read where no text is has this confidence. Evidence of text
# is what characters have above it.
GARBAGE = 0.4


class Part(NamedTuple):
    """A character or a word of a reading.

    confidence: calibrated. x: of the middle, in pixels of the image. width: in pixels;
    a character reaches half-way to its neighbours.
    """

    text: str
    confidence: float
    x: float
    width: float


class Reading(NamedTuple):
    """The text of a line image; confidence is the expected share that is right.

    evidence: how sure the network is of each character that it reads without a language
    model, which finds words in anything.
    """

    text: str
    confidence: float
    characters: list[Part]
    evidence: tuple[float, ...] = ()

    @property
    def sureness(self) -> float:
        """The mean of the evidence; 0 without any."""
        return _mean(self.evidence)

    @property
    def weight(self) -> float:
        """How much evidence of text there is, in characters that are certain."""
        return sum(sure - GARBAGE for sure in self.evidence)

    @property
    def words(self) -> list[Part]:
        """The words, what spaces divide; each as sure as its characters on average."""
        groups = itertools.groupby(self.characters, lambda part: part.text.isspace())
        return [_join(list(parts)) for is_space, parts in groups if not is_space]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _join(parts: list[Part]) -> Part:
    left = min(part.x - part.width / 2 for part in parts)
    right = max(part.x + part.width / 2 for part in parts)
    text = "".join(part.text for part in parts)
    confidence = sum(part.confidence for part in parts) / len(parts)
    return Part(text, confidence, (left + right) / 2, right - left)


# Nothing is on a blank image, which is certain; of an unreadable one nothing is known.
BLANK, UNREADABLE = Reading("", 1.0, []), Reading("", 0.0, [])


class PageLine(NamedTuple):
    """A line of a page: where it is, in the page's pixels, and what it says.

    baseline (n, 2) and outline (m, 2): points (x, y). The x of the reading's characters
    is counted along the baseline from its first point.
    """

    baseline: np.ndarray
    outline: np.ndarray
    reading: Reading


class Page(NamedTuple):
    """A page of `size` (width, height) in pixels, its lines in reading order.

    turned: by how many degrees clockwise it was turned to be read.
    """

    size: tuple[int, int]
    lines: list[PageLine]
    turned: int = 0

    @property
    def text(self) -> str:
        """The lines' texts, each on a line of its own; empty ones are left out."""
        return "\n".join(
            line.reading.text for line in self.lines if line.reading.text.strip()
        )

    @property
    def confidence(self) -> float:
        """The expected share of its characters that are right; 0 without any."""
        return _mean(
            [part.confidence for line in self.lines for part in line.reading.characters]
        )

    @property
    def sureness(self) -> float:
        """The mean of its lines' evidence; 0 without any."""
        return _mean([sure for line in self.lines for sure in line.reading.evidence])
