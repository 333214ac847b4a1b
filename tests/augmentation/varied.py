"""Lines that tests vary, by one program for all of them."""

import jax
import numpy as np

from ocr_jax.augmentation import augment

HEIGHT, WIDTH = 32, 192
STRENGTHS = {
    "slant": 0.3,
    "scale": 0.15,
    "rotation": 1.0,
    "shift": 0.05,
    "elastic": 0.08,
    "grid": 0.15,
    "stroke": 0.8,
    "bleed": 0.5,
    "ruled_lines": 0.8,
    "blur": 1.0,
    "contrast": 0.3,
    "brightness": 0.1,
    "noise": 0.03,
    "mask": 0.2,
}
OFF = dict.fromkeys(augment.KINDS, 0.0)
KEY = jax.random.key(8)
KEYS = augment.line_keys(KEY, 7)
# One program for all tests: what is off has a strength of 0.
draw, apply = (jax.jit(function) for function in (augment.draw, augment.apply))


def vary(images, widths, key=KEY, probability=1.0, **strengths):
    """The augmented batch as NumPy arrays, by a program that knows all kinds."""
    keys = augment.line_keys(key, len(widths))
    strengths = OFF | strengths
    varied = apply(keys, draw(keys, probability, strengths), images, widths)
    return [np.asarray(array) for array in varied]


def force(images, widths, **values):
    """The same of lines that all draw these values, a pair for each kind."""
    draws = dict.fromkeys(augment.KINDS, (0.0, 0.0)) | values
    draws = {kind: np.full((7, 2), pair, np.float32) for kind, pair in draws.items()}
    return [np.asarray(array) for array in apply(KEYS, draws, images, widths)]


def pad(images, width):
    return np.pad(images, ((0, 0), (0, 0), (0, width - images.shape[2])))
