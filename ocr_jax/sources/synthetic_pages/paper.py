"""Old paper: its tone, fibres, stains and folds, and the ink of the other side."""

import cv2
import numpy as np

from ocr_jax.sources.synthetic import handwriting

TONE = 165, 252  # gray of the bare paper
GRAIN, FIBRES, CLOUDS = (0.3, 4.0), (0.0, 4.0), (0.0, 8.0)  # standard deviations
STAINED, FOLDED, LAID, SHOWING_THROUGH = 0.35, 0.25, 0.15, 0.5


def draw(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return bare paper (H, W) float32, gray from 0 to 255."""
    clean = rng.random() < 0.25
    paper = np.full(shape, rng.uniform(*TONE), np.float32)
    calm = 0.2 if clean else 1.0
    # Noise at half the size looks the same and takes a fourth of the time.
    half = tuple(-(-side // 2) for side in shape)
    noise = calm * rng.uniform(*GRAIN) * rng.standard_normal(half, np.float32)
    for grid, spread in ((rng.uniform(2, 6), FIBRES), (rng.uniform(60, 200), CLOUDS)):
        share = calm * rng.uniform(*spread)
        noise += share * handwriting.smooth_noise(half, grid, rng)
    paper += cv2.resize(noise, shape[::-1])
    if rng.random() < LAID:
        paper += _laid(shape, rng)
    if not clean and rng.random() < STAINED:
        paper *= _stains(shape, rng)
    if not clean and rng.random() < FOLDED:
        paper *= _folds(shape, rng)
    return paper


def show_through(
    paper: np.ndarray, ink: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return paper on whose other side there is ink like this."""
    if rng.random() > SHOWING_THROUGH:
        return paper
    back = np.roll(ink[:, ::-1], rng.integers(-60, 60, 2), axis=(0, 1))
    back = cv2.GaussianBlur(back, (0, 0), rng.uniform(1.0, 2.5))
    strength = rng.uniform(0.05, 0.3) ** (2 if rng.random() < 0.5 else 1)
    return paper * (1 - strength / 255 * back.astype(np.float32))


def inked(paper: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """Return paper with ink on it."""
    return paper * (1 - ink.astype(np.float32) / 255)


def _laid(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return the marks of the mould (H, W): chains far apart, wires side by side."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    chains = np.cos(2 * np.pi * x / rng.uniform(50, 110)) ** 16
    wires = np.cos(2 * np.pi * y / rng.uniform(5, 9))
    marks = rng.uniform(-6, 6) * chains + rng.uniform(0, 2.5) * wires
    return marks.astype(np.float32)


def _stains(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return what stains leave of the light (H, W): 1 where there is none."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    edge = handwriting.smooth_noise(shape, 90, rng) / 6
    left = np.ones(shape, np.float32)
    for _ in range(int(rng.integers(1, 5))):
        row, column = rng.uniform(0, 1, 2) * shape
        radius = rng.uniform(30, 300)
        distance = np.hypot(y - row, x - column).astype(np.float32) / radius + edge
        dark = np.clip(rng.uniform(1, 4) * (1 - distance), 0, 1)
        dark *= rng.uniform(0.02, 0.15)
        if rng.random() < 0.4:  # dried water leaves a ring
            dark += rng.uniform(0.02, 0.12) * np.exp(-(((distance - 1) / 0.04) ** 2))
        left *= 1 - dark
    return left


def _folds(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return the light and shade of folds (H, W), across or down the page."""
    light = np.ones(shape, np.float32)
    for axis in (0, 1):
        if rng.random() < 0.6:
            along = np.arange(shape[axis]) - rng.uniform(0.3, 0.7) * shape[axis]
            width, depth = rng.uniform(1, 3), rng.uniform(0.03, 0.2)
            crease = 1 - depth * np.exp(-((along / width) ** 2))
            crease += 0.02 * np.tanh(along / 40)
            light *= np.expand_dims(crease, 1 - axis).astype(np.float32)
    return light
