"""How papers lie before a camera: on a table, in a book, in what light."""

import math
from typing import NamedTuple

import cv2
import numpy as np

from ocr_jax.images import page_size
from ocr_jax.sources.synthetic import handwriting
from ocr_jax.sources.synthetic_pages.sheets import Box

PAD = 64  # px that the flat sheet has beyond the image, for what turns into it
FACING, HALF = 0.22, 0.2  # images of two pages, of one and a part of the next
PORTRAIT, LANDSCAPE = (0.6, 0.8), (0.62, 0.8)  # short side / long side
TIGHT = 0.35  # images that show nothing beyond the paper
BORDER = 0.0, 0.09  # of a side that does
EDGES, SHADED, BLURRED, BITONAL = 0.5, 0.6, 0.4, 0.06


class Scene(NamedTuple):
    """An image's shape, and the papers on the flat sheet behind it."""

    shape: tuple[int, int]
    papers: tuple[Box, ...]  # to write on, the next page's beyond the image, too
    whole: Box  # all that is paper
    folds: tuple[float, ...]  # at which x two papers meet, or a book is bound

    @property
    def flat_shape(self) -> tuple[int, int]:
        """The shape of the flat sheet."""
        return self.shape[0] + 2 * PAD, self.shape[1] + 2 * PAD


def place(rng: np.random.Generator) -> Scene:
    """Draw how many papers there are, and where."""
    kind = rng.random()
    is_facing, is_half = kind < FACING, FACING <= kind < FACING + HALF
    short = round(page_size.LONG * rng.uniform(*(LANDSCAPE if is_facing else PORTRAIT)))
    height, width = (short, page_size.LONG) if is_facing else (page_size.LONG, short)
    share = rng.uniform(*BORDER, 4) * rng.integers(0, 2, 4) * (rng.random() > TIGHT)
    at_left = rng.random() < 0.5
    if is_half:  # the image ends within the next page
        share[0 if at_left else 2] = 0
    seen = Box(PAD, PAD, PAD + width, PAD + height)
    seen = seen.inside(*share * [width, height, width, height])
    whole = seen.inside(*np.where(share == 0, -2.0 * PAD, 0.0))
    if is_facing:
        fold = seen.left + seen.width * rng.uniform(0.46, 0.54)
        papers = seen._replace(right=fold), seen._replace(left=fold)
    elif is_half:
        rest = seen.width * rng.uniform(0.04, 0.15)
        fold = seen.left + rest if at_left else seen.right - rest
        one, other = seen._replace(right=fold), seen._replace(left=fold)
        if at_left:
            papers = one._replace(left=fold - width), other
        else:
            papers = one, other._replace(right=fold + width)
    else:
        fold, papers = seen.left if at_left else seen.right, (seen,)
    is_bound = len(papers) == 2 or rng.random() < 0.5
    return Scene((height, width), papers, whole, (fold,) if is_bound else ())


def around(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Return what is behind the papers (H, W) float32: a table, a cloth, nothing."""
    tone = (rng.uniform(0, 20), rng.uniform(20, 90), rng.uniform(90, 255))
    behind = np.full(scene.flat_shape, tone[rng.choice(3, p=[0.45, 0.3, 0.25])])
    behind = behind.astype(np.float32)
    behind += rng.uniform(0, 6) * handwriting.smooth_noise(
        scene.flat_shape, rng.uniform(20, 300), rng
    )
    return behind


def mask(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Return where papers are (H, W) float32, 0 to 1; their edges are uneven."""
    there = np.zeros(scene.flat_shape, np.uint8)
    spread = rng.uniform(0.2, 2.5)
    low, high = np.array(scene.whole[:2]), np.array(scene.whole[2:])
    steps = np.linspace(0, 1, 30)[:-1]
    zero, one = np.zeros_like(steps), np.ones_like(steps)
    sides = (steps, zero), (one, steps), (1 - steps, one), (zero, 1 - steps)
    points = np.concatenate([np.stack(side, 1) for side in sides])
    points = low + points * (high - low) + rng.normal(0, spread, points.shape)
    fixed = np.round(points * 16).astype(np.int32)
    cv2.fillPoly(there, [fixed], 255, cv2.LINE_AA, 4)
    return there.astype(np.float32) / 255


def edges(image: np.ndarray, scene: Scene, rng: np.random.Generator):
    """Draw the edges of a book's other leaves beside its papers."""
    if rng.random() > EDGES:
        return
    left, top, right, bottom = scene.whole
    for x, side in ((left, -1), (right, 1)):
        for number in range(int(rng.integers(0, 9)), 0, -1):
            at = x + side * number * rng.uniform(2, 6)
            ends = np.array([(at, top + 2 * number), (at, bottom - number)])
            tone, width = rng.uniform(60, 230), int(rng.integers(1, 5))
            cv2.line(image, *np.round(ends).astype(int), tone, width, cv2.LINE_AA)


def shade(image: np.ndarray, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Return the flat sheet as folds shade it."""
    x = np.arange(image.shape[1])
    light = np.ones(len(x))
    for fold in scene.folds:
        distance = np.abs(x - fold)
        light *= 1 - rng.uniform(0.1, 0.6) * np.exp(-distance / rng.uniform(10, 70))
        light *= 1 - rng.uniform(0.0, 0.8) * np.exp(-((distance / 2.5) ** 2))
    return image * light.astype(np.float32)


def develop(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return what a camera makes of the light (H, W): uint8."""
    height, width = image.shape
    if rng.random() < SHADED:
        turn, fall = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.2)
        x = math.cos(turn) * np.linspace(-1, 1, width)
        y = math.sin(turn) * np.linspace(-1, 1, height)[:, None]
        image = image * (1 - fall * (0.5 + (x + y) / 2)).astype(np.float32)
    if rng.random() < BLURRED:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.0))
    image = image + rng.uniform(0, 3) * rng.standard_normal(image.shape, np.float32)
    if rng.random() < BITONAL:
        image = _bitonal(image, rng)
    return np.clip(image, 0, 255).astype(np.uint8)


def _bitonal(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return black and white (H, W), with specks, as old copiers made it."""
    usual = cv2.blur(image, (101, 101))
    ink = image < usual * rng.uniform(0.75, 0.88)
    ink |= rng.random(image.shape, np.float32) < rng.uniform(0, 0.01)
    ink |= image < 30
    return cv2.GaussianBlur(np.where(ink, 0, 255).astype(np.float32), (0, 0), 0.6)
