"""Hands that write the lines of a page: a font, its size, style and ink."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ocr_jax.sources.synthetic import excerpts, fonts, handwriting, prose, typefaces
from ocr_jax.sources.synthetic.hand_styles import HAND_STYLES, HandStyle

SIZES = 18.0, 50.0  # px, from the top of an l to the foot of a g
VARIED = 0.4  # of the hands
# A hand keeps this share of what differs between the lines of its style.
KEPT = 0.15
TILT = 0.012  # standard deviation of how hands rise, upwards / sideways
STEEPEST = 0.08
USUAL_LINE = 20.0  # h
DARKNESS = 0.5, 0.98
X_HEIGHT, FOOT = handwriting.X_HEIGHT, 0.1  # where letters stand, h from the baseline
# People draw outlines around letters with this margin, and at least so far above and
# below the baseline, h.
MARGIN, LEAST_ABOVE, LEAST_BELOW = 0.08, 0.5, 0.25
STRETCH = 4  # h: in so long a part of a line, its tallest letters count
INK = 80  # brightness from which on a pixel is one of a letter


class Hand(NamedTuple):
    """What all lines of one writer on a page share."""

    font: str
    size: int  # px
    style: HandStyle
    darkness: float  # of the ink, 0 to 1


class Strip(NamedTuple):
    """A line that is written: its ink, and where its letters stand in it."""

    ink: np.ndarray  # (H, W) uint8
    baseline: np.ndarray  # (n, 2) points (x, y)
    above: float
    below: float


class Source(NamedTuple):
    """Where the words of a page come from."""

    split: str
    text: str  # a file, "" for invented prose
    fonts: tuple[str, ...]


class Plan(NamedTuple):
    """What the pages of an opening have in common."""

    kind: str
    source: Source
    hand: Hand
    distance: float  # of two lines, px
    is_ruled: bool
    darkness: float  # of drawn rules

    def other_hand(self, size: float, rng: np.random.Generator) -> Hand:
        """Return a smaller or larger hand; often the same person's."""
        if rng.random() < 0.5:
            return new_hand(self.source, self.hand.size * size, rng)
        return self.hand._replace(size=max(8, round(self.hand.size * size)))


def new_hand(source: Source, size: float, rng: np.random.Generator) -> Hand:
    """Return a hand in a font of the source."""
    style = HAND_STYLES["varied" if rng.random() < VARIED else "neat"]
    kept = {"lift": 0.01, "margin": style.margin, "steepest": STEEPEST}
    for field in dataclasses.fields(style):
        if field.name not in kept:
            kept[field.name] = _narrowed(getattr(style, field.name), rng)
    rise = rng.normal(0, TILT) * USUAL_LINE
    kept["rise"] = rise - 0.2, rise + 0.2
    font = source.fonts[rng.integers(len(source.fonts))]
    return Hand(
        font, max(8, round(size)), HandStyle(**kept), float(rng.uniform(*DARKNESS))
    )


def length(hand: Hand, text: str) -> float:
    """Return about how long a text is in this hand, in pixels."""
    letters, words = typefaces.letters(hand.font, hand.size), text.split()
    inked = sum(map(letters.getlength, words)) * sum(hand.style.aspect) / 2
    return inked + space(hand) * (len(words) - 1)


def space(hand: Hand) -> float:
    """Return about how far this hand's words are apart, in pixels."""
    own = typefaces.letters(hand.font, hand.size).getlength(" ")
    wide = max(sum(hand.style.space) / 2 * own, handwriting.LEAST_SPACE * hand.size)
    return wide * sum(hand.style.aspect) / 2


def words(source: Source, hand: Hand, rng: np.random.Generator) -> Iterator[str]:
    """Yield words that follow each other, without end, as the hand writes them."""
    known = fonts.spelt(hand.font)
    if not source.text:
        while True:
            yield from (spelt(hand, word) for word in prose.sentence(rng))
    here = excerpts.words(source.text, source.split, known)
    start = int(rng.integers(len(here)))
    while True:
        yield from (spelt(hand, word) for word in here[start:])
        start = 0


def spelt(hand: Hand, text: str) -> str:
    """Return a text as the hand writes it: without what its font lacks."""
    text = text.upper() if hand.font in fonts.CAPITALS_ONLY else text
    known = typefaces.characters(hand.font)
    return "".join(letter for letter in text if letter in known)


def write(hand: Hand, text: str, rng: np.random.Generator) -> Strip:
    """Write a line; `text` has something to draw, and only what the font knows."""
    page, _, curve = handwriting.write(text, hand.font, hand.size, rng, hand.style)
    inked = page > INK
    rows, columns = (np.flatnonzero(inked.any(axis)) for axis in (1, 0))
    if not len(rows):  # a stroke so fine that nothing is left of it
        inked = page > 0
        rows, columns = (np.flatnonzero(inked.any(axis)) for axis in (1, 0))
    band = np.clip(
        [curve.min() - X_HEIGHT * hand.size, curve.max() + FOOT * hand.size],
        rows[0],
        rows[-1] + 1,
    ).astype(int)
    stand = np.flatnonzero(inked[band[0] : band[1]].any(0))
    first, last = (stand if len(stand) > 1 else columns)[[0, -1]]
    xs = np.linspace(first, last, 2 + int((last - first) / (2 * hand.size)))
    above, below = _reach(inked, curve, hand.size)
    top, foot = max(0, rows[0] - 2), rows[-1] + 3
    left, right = max(0, columns[0] - 2), columns[-1] + 3
    cut = page[top:foot, left:right]
    ink = handwriting.unevenly(cut, hand.size, hand.style, rng)
    ink = np.minimum(ink, 1) * (255 * hand.darkness)
    points = np.stack([xs - left, np.interp(xs, np.arange(len(curve)), curve) - top], 1)
    return Strip(ink.astype(np.uint8), points, above, below)


def _narrowed(ends: tuple[float, float], rng: np.random.Generator):
    low, high = ends
    kept = KEPT * (high - low)
    low = float(rng.uniform(low, high - kept))
    return low, low + kept


def _reach(inked: np.ndarray, curve: np.ndarray, size: int) -> tuple[float, float]:
    """Return how far letters usually reach above and below the curve."""
    rows = np.arange(len(inked))[:, None]
    highest = np.where(inked, curve - rows, 0).max(0)
    lowest = np.where(inked, rows - curve, 0).max(0)
    columns = np.flatnonzero(inked.any(0))
    starts = np.arange(columns[0], columns[-1] + 1, STRETCH * size)
    above, below = (
        float(np.percentile(np.maximum.reduceat(reach, starts), 75)) + MARGIN * size
        for reach in (highest[: columns[-1] + 1], lowest[: columns[-1] + 1])
    )
    return max(above, LEAST_ABOVE * size), max(below, LEAST_BELOW * size)
