"""How a page that lay flat is seen by a camera: turned, askew, curved at the fold."""

import math
from typing import NamedTuple

import cv2
import numpy as np

from ocr_jax.sources.synthetic import handwriting

TILTED, TILT, FARTHEST = 0.8, 0.8, 5.0  # usual degrees, the largest of the others
SHEAR, KEYSTONE = 0.006, 8.0  # standard deviations, the second in pixels at a corner
WAVES, WAVE_LENGTH = 3.0, (350.0, 1500.0)  # px
CURL, CURL_WIDTH = (-16.0, 16.0), (110.0, 300.0)  # px
ENOUGH = 20  # steps that find a point again; each takes two thirds of the error


class Wave(NamedTuple):
    """A swing of the page: in which direction, and along which."""

    shift: np.ndarray  # (2,) px
    along: np.ndarray  # (2,) turns per pixel
    phase: float


class Curl(NamedTuple):
    """The rise of the page to a fold at x."""

    x: float
    width: float
    rise: float  # px


class Bend(NamedTuple):
    """Maps points (n, 2) of what the camera sees to those of the flat sheet.

    It turns around a centre, and then shifts by waves, curls and a keystone.
    """

    matrix: np.ndarray  # (2, 2)
    centre: np.ndarray  # (2,) of the image
    flat_centre: np.ndarray
    keystone: np.ndarray  # (2,) px at a corner
    waves: tuple[Wave, ...]
    curls: tuple[Curl, ...]

    def to_flat(self, points: np.ndarray) -> np.ndarray:
        """Return where points of the image are on the flat sheet."""
        turned = (points - self.centre) @ self.matrix.T + self.flat_centre
        return turned + self._shift(turned)

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Return where points of the flat sheet are in the image."""
        turned = points
        for _ in range(ENOUGH):
            turned = points - self._shift(turned)
        back = np.linalg.inv(self.matrix)
        return (turned - self.flat_centre) @ back.T + self.centre

    def maps(self, shape: tuple[int, int]) -> list[np.ndarray]:
        """Return x and y (h, w) of the flat sheet for each pixel, for cv2.remap."""
        x, y = handwriting.coarse_grid(shape)
        flat = self.to_flat(np.stack([x.ravel(), y.ravel()], 1)).astype(np.float32)
        return [cv2.resize(f.reshape(x.shape), shape[::-1]) for f in flat.T]

    def _shift(self, points: np.ndarray) -> np.ndarray:
        from_centre = (points - self.flat_centre) / self.flat_centre
        shift = np.outer(from_centre.prod(axis=1), self.keystone)
        for wave in self.waves:
            swing = np.sin(2 * math.pi * (points @ wave.along + wave.phase))
            shift += np.outer(swing, wave.shift)
        for curl in self.curls:
            near = np.clip(1 - np.abs(points[:, 0] - curl.x) / curl.width, 0, 1)
            shift[:, 1] += curl.rise * near**2
        return shift


def draw(
    shape: tuple[int, int],
    flat_shape: tuple[int, int],
    folds: list[float],
    rng: np.random.Generator,
) -> Bend:
    """Draw how a flat sheet is seen in an image of a shape. folds: at which x."""
    is_usual = rng.random() < TILTED
    degrees = rng.normal(0, TILT) if is_usual else rng.uniform(-FARTHEST, FARTHEST)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = np.array([[cos, -sin], [sin, cos]])
    matrix[0, 1] += rng.normal(0, SHEAR)
    middle, flat_middle = (
        (np.array(size[::-1]) - 1) / 2 for size in (shape, flat_shape)
    )
    return Bend(
        matrix,
        middle,
        flat_middle,
        rng.normal(0, KEYSTONE, 2),
        tuple(_wave(rng) for _ in range(int(rng.integers(0, 4)))),
        tuple(Curl(x, rng.uniform(*CURL_WIDTH), rng.uniform(*CURL)) for x in folds),
    )


def _wave(rng: np.random.Generator) -> Wave:
    direction = rng.uniform(0, 2 * math.pi)
    along = np.array([math.cos(direction), math.sin(direction)])
    return Wave(
        rng.normal(0, WAVES, 2) * [0.5, 1.0],
        along / rng.uniform(*WAVE_LENGTH),
        float(rng.random()),
    )
