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
from ocr_jax.pages import line_reading
from ocr_jax.readings import Page
from ocr_jax.recognizer import Recognizer

# A page less sure than this is tried upside down as well, and one less sure than the
# second on its sides: it is turned if that is surer by this. Pages of wills that lie on
# their side are read with 0.38 to 0.47, upside down with 0.57 to 0.61, else with 0.69
# to 0.78.
DOUBTFUL, ON_ITS_SIDE, CLEARLY = 0.65, 0.5, 0.08


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
        decoder: str = "greedy",
    ) -> "PageReader":
        """Load a recogniser and a finder of lines: workdirs, or networks that ship.

        decoder: greedy, or beam if ocr_jax.tune_decoder has been run. Raises UserError
        if there is no such network or decoder.
        """
        recognizer = Recognizer.load(workdir, decoder)
        return cls(finder_lib.load(finder), recognizer)

    def read(self, image: recognizer_lib.Source) -> Page:
        """Read a page of any size, colour or bit depth.

        Raises UserError if it can't be read as an image.
        """
        return self.read_gray(opening.read_image(image))

    def read_gray(self, gray: np.ndarray) -> Page:
        """Read a page (H, W) uint8, dark ink."""
        found = line_reading.in_order(self.finder.find(gray), gray.shape[1])
        return line_reading.read_found(self.recognizer, gray, found)

    def doubt(self, gray: np.ndarray, page: Page) -> str:
        """Say what is doubtful about a page that was read from an image; or "".

        What is read with little confidence is read the other ways up.
        """
        if not page.lines:
            return "has no lines that the finder sees"
        if page.confidence > DOUBTFUL:
            return ""
        turned = [
            (self.read_gray(np.rot90(gray, -degrees // 90)).confidence, degrees)
            for degrees in (180, 90, 270)[: 3 if page.confidence < ON_ITS_SIDE else 1]
        ]
        confidence, degrees = max(turned)
        if confidence < page.confidence + CLEARLY:
            return ""
        return (
            f"may be turned: clockwise by {degrees} degrees, its reading has "
            f"confidence {confidence:.2f} instead of {page.confidence:.2f}"
        )
