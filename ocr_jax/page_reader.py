"""Reads whole pages: finds their lines, and reads each.

from ocr_jax import PageReader

page = PageReader.load().read("page.jpg")
print(page.text)
"""

import os

import numpy as np

from ocr_jax import pretrained
from ocr_jax import recognizer as recognizer_lib
from ocr_jax.images import opening
from ocr_jax.pages import finder as finder_lib
from ocr_jax.pages import line_reading, turning
from ocr_jax.readings import Page
from ocr_jax.recognizer import Recognizer

# A page less sure than this is read other ways up as well. Of 37 pages, those on their
# side are read with up to 0.66, upside down with up to 0.69, upright with 0.59 to 0.96.
DOUBTFUL = 0.72
# Ways that lines may run, and their opposites. One is tried if this share of the length
# of the longest is found along it.
AXES, LONG = (0, 45, 90, 135), 0.5
# A page whose brightness differs by less has no writing.
BLANK = 16
# There is next to no evidence of text up to so many characters that are certain.
LEAST = 3.0
# A page is turned if there is so many times the evidence, and its characters are surer
# by that much, or where there was next to no evidence, at least as sure as SURE.
MORE, CLEARLY, SURE = 1.3, 0.04, 0.5
# Grass, fur and circuit boards are read with up to 0.56, the least sure of 37 pages of
# writing with 0.59.
UNSURE = 0.56


class PageReader:
    """A finder of lines and a recogniser, ready to read pages."""

    def __init__(self, finder: finder_lib.Finder, recognizer: Recognizer):
        self.finder, self.recognizer = finder, recognizer

    @classmethod
    def load(
        cls,
        workdir: str | os.PathLike = pretrained.RECOGNIZER,
        *,
        finder: str | os.PathLike = pretrained.FINDER,
        decoder: str | None = None,
    ) -> "PageReader":
        """Load a recogniser and a finder of lines: workdirs, or networks that ship.

        decoder: see Recognizer.load. Raises UserError if there is no such network or
        decoder.
        """
        recognizer = Recognizer.load(workdir, decoder)
        return cls(finder_lib.load(finder), recognizer)

    def read(self, image: recognizer_lib.Source) -> Page:
        """Read a page of any size, colour or bit depth.

        Raises UserError if it can't be read as an image.
        """
        return self.read_gray(opening.read_image(image))

    def read_gray(self, gray: np.ndarray) -> Page:
        """Read a page (H, W) uint8, dark ink; if that is surer, another way up."""
        page = self._read(gray)
        is_text = (evidence := _evidence(page)) > LEAST
        if (sure := page.sureness) > DOUBTFUL and is_text:
            return page
        sure += CLEARLY
        sure = sure if is_text else min(sure, SURE)
        best, needed = page, max(LEAST, MORE * evidence)
        for degrees in self._ways_up(gray):
            turned = turning.turn(gray, degrees)
            other = self._read(turned.image)
            if other.sureness > sure and (evidence := _evidence(other)) > needed:
                back = turning.turn_back(other, turned.back, page.size)
                best, needed = back._replace(turned=degrees), evidence
                if best.sureness > DOUBTFUL:  # as no page is the wrong way up
                    break
        return best

    def _read(self, gray: np.ndarray) -> Page:
        found = line_reading.in_order(self.finder.find(gray), gray.shape[1])
        return line_reading.read_found(self.recognizer, gray, found)

    def _ways_up(self, gray: np.ndarray) -> list[int]:
        """Return by how many degrees a page may be turned, the likeliest first.

        They are those along which its lines are long.
        """
        if np.ptp(gray) < BLANK:
            return []
        lengths = {}
        for degrees in AXES:
            lines = self.finder.find(turning.turn(gray, degrees).image)
            along = [
                np.hypot(*np.diff(line.baseline, axis=0).T).sum() for line in lines
            ]
            lengths[degrees] = sum(along)
        longest = max(lengths.values())
        longest_first = sorted(AXES, key=lengths.get, reverse=True)
        axes = [d for d in longest_first if longest and lengths[d] >= LONG * longest]
        return [d + half for d in axes for half in (0, 180) if d + half]


def doubt(page: Page) -> str:
    """Say what is doubtful about a page that was read from an image; or ""."""
    if not page.lines:
        return "has no lines that the finder sees"
    doubts = []
    if page.turned:
        doubts.append(
            f"reads better turned clockwise by {page.turned} degrees: it was read so"
        )
    if page.sureness < UNSURE:
        doubts.append("is hardly legible to the network: is it writing that it knows?")
    return "; ".join(doubts)


def _evidence(page: Page) -> float:
    """Return how much text there is, in characters that are certain."""
    return sum(line.reading.weight for line in page.lines)
