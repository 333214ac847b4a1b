"""Tiles of pages to train on: each shows a page at another size, angle and light."""

import math

import cv2
import numpy as np

from ocr_jax.data import pages_file
from ocr_jax.pages import maps

SIDE = 512  # pixels of a tile
# How much tiles differ from their page: standard deviations, but for SIZES.
SIZES = 0.65, 1.5
ASPECT = 0.07
DEGREES = 2.0
SHEAR = 0.05
LIGHT, CONTRAST, GAMMA = 0.12, 0.3, 0.3
SLOPE = 0.15  # of the light, from edge to edge
# Some tiles are turned by up to this many degrees, some are mirrored.
TURNED, FARTHEST_TURN = 0.2, 15.0
MIRRORED = 0.15
ON_A_LINE = 0.8  # of the tiles, the others lie anywhere
SOMETIMES = 0.3


def draw(
    page: pages_file.Page, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a tile (SIDE, SIDE) uint8 of a page, and its maps (h, w, 4) float32."""
    turn, is_mirrored = _turn(rng)
    centre = np.array([SIDE / 2, SIDE / 2]) - turn @ _centre(page, rng)
    matrix = np.concatenate([turn, centre[:, None]], axis=1)
    beyond = int(rng.choice([0, 0, 255, rng.integers(256)]))
    image = cv2.warpAffine(page.image, matrix, (SIDE, SIDE), borderValue=beyond)
    size = math.sqrt(abs(np.linalg.det(turn)))
    lines = [
        pages_file.Line(
            (line.baseline @ turn.T + centre)[:: -1 if is_mirrored else 1],
            line.above * size,
            line.below * size,
        )
        for line in page.lines
    ]
    return _lit(image, rng), maps.draw(lines, image.shape)


def _turn(rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Return a matrix (2, 2) that turns points of a page, and whether it mirrors."""
    size = math.exp(rng.uniform(*np.log(SIZES)))
    aspect = math.exp(rng.normal(0, ASPECT))
    degrees = rng.normal(0, DEGREES)
    if rng.random() < TURNED:
        degrees = rng.uniform(-FARTHEST_TURN, FARTHEST_TURN)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([[cos, -sin], [sin, cos]])
    turn = turn @ np.diag([size * aspect, size / aspect])
    turn[0, 1] += rng.normal(0, SHEAR)
    is_mirrored = rng.random() < MIRRORED
    if is_mirrored:
        turn[0] *= -1
    return turn, is_mirrored


def _centre(page: pages_file.Page, rng: np.random.Generator) -> np.ndarray:
    """Return a point (2,) of a page: near one of a line's, or any."""
    if page.lines and rng.random() < ON_A_LINE:
        baseline = page.lines[rng.integers(len(page.lines))].baseline
        return rng.choice(baseline) + rng.normal(0, SIDE / 5, 2)
    return rng.uniform(0, 1, 2) * page.image.shape[::-1]


def _lit(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the image as another camera would see it in another light."""
    x = image.astype(np.float32) / 255
    if rng.random() < SOMETIMES:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.3, 1.2))
    x = np.clip(x, 0, 1) ** math.exp(rng.normal(0, GAMMA))
    x = (x - 0.5) * math.exp(rng.normal(0, CONTRAST)) + 0.5 + rng.normal(0, LIGHT)
    if rng.random() < SOMETIMES:
        across, down = rng.normal(0, SLOPE, 2)
        ramp = np.linspace(-1, 1, SIDE, dtype=np.float32)
        x = x + across * ramp + down * ramp[:, None]
    if rng.random() < SOMETIMES:
        x = x + rng.uniform(0.02, 0.1) * (rng.random(x.shape, np.float32) - 0.5)
    return np.clip(x * 255, 0, 255).astype(np.uint8)
