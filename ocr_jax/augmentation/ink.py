"""Ink and paper of augmentation: strokes, ruled lines, the other side, tone, noise.

Each function but other_side takes one image (H, W) in [0, 1], ink bright, and stays
in that range; a strength of 0 leaves every bit as it was.
"""

import jax
import jax.numpy as jnp
import numpy as np

KINDS = (
    "stroke",
    "bleed",
    "ruled_lines",
    "blur",
    "contrast",
    "brightness",
    "noise",
    "mask",
)
RULED_LINES = 3
# Heights: the thickest ruled line, and how far one rises or falls, at most.
THICKEST, STEEPEST = 1 / 20, 1 / 8
# Pixels to either side that blur reaches; their Gaussian ends at two deviations.
REACH = 4
# Heights that one masked span is wide, at least and at most.
SPAN = 1 / 8, 1 / 2


def change_stroke(image, pixels):
    """Strokes thicker (pixels > 0) or thinner, by 2 pixels at most.

    The greatest, or the least, of 3 x 3 neighbours (dilation, erosion) changes a stroke
    by two pixels; less than that is a blend with the image as it was.
    """
    sign = jnp.sign(pixels)
    padded = jnp.pad(sign * image, ((0, 0), (1, 1)))
    padded = jnp.pad(padded, ((1, 1), (0, 0)), mode="edge")
    rows = jnp.maximum(jnp.maximum(padded[:-2], padded[1:-1]), padded[2:])
    most = jnp.maximum(jnp.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    share = jnp.minimum(jnp.abs(pixels) / 2.0, 1.0)
    return image + share * (sign * most - image)


def other_side(keys, images, widths):
    """Lines (B, H, W) as they show through: each gets the next one of the batch.

    Mirrored, out of focus, somewhere else. The last line gets the first; a line alone
    gets itself.
    """
    height, width = images.shape[1:]
    block = max(height // 16, 1)
    tents = _tents(height, block)
    small = jnp.einsum("yi,byx->bix", tents / tents.sum(axis=0), images)
    small = jnp.pad(small, ((0, 0), (0, 0), (0, -width % block)))
    small = small.reshape(*small.shape[:2], -1, block).mean(axis=-1)
    small, ends = (jnp.roll(array, -1, axis=0) for array in (small, widths))
    steps = jnp.arange(width) / block
    mirrored = jax.vmap(_mirror, (0, 0, 0, None))(keys, small, ends / block, steps)
    return jnp.einsum("yi,bix->byx", tents, mirrored)


def _tents(size: int, spacing: int) -> np.ndarray:
    """Weights (size, points) that interpolate between points `spacing` pixels apart."""
    points = np.arange(-(-(size - 1) // spacing) + 1)
    distance = np.abs(np.arange(size)[:, None] / spacing - points)
    return np.maximum(1.0 - distance, 0.0).astype(np.float32)


def _mirror(key, image, end, steps):
    """A line image (H, W) right to left from its end on, moved by a quarter at most."""
    down, right = jax.random.uniform(key, (2,), minval=-0.25, maxval=0.25)
    rows = jnp.arange(image.shape[0]) - down * image.shape[0]
    columns = end * (1.0 + right) - steps
    at = jnp.broadcast_arrays(rows[:, None], columns)
    return jax.scipy.ndimage.map_coordinates(image, at, order=1)


def rule(key, image, width, strength):
    """Some nearly level pen lines, each of an ink of its own up to the strength."""
    height = image.shape[0]
    draws = jax.random.uniform(key, (RULED_LINES, 6))
    x = (jnp.arange(image.shape[1]) + 0.5) / jnp.maximum(width, 1)
    y = jnp.arange(height)[:, None] + 0.5
    for place, rise, thickness, ink, middle, length in draws:
        level = height * (place + STEEPEST * (2.0 * rise - 1.0) * (x - 0.5))
        there = strength * ink * (jnp.abs(x - middle) < 0.1 + length)
        half = 0.5 + 0.5 * thickness * THICKEST * height
        line = there * jnp.clip(half - jnp.abs(y - level), 0.0, 1.0)
        image = jnp.maximum(image, line)
    return image


def blur(image, deviation):
    """A Gaussian of that standard deviation, in pixels; 2 at most."""
    height, width = image.shape
    rows = jnp.arange(height)
    over_rows = _gaussian(rows[:, None] - rows, deviation)
    over_columns = _gaussian(jnp.arange(-REACH, REACH + 1), deviation)
    # One matrix along the short side takes half the time of shifted copies.
    image = jnp.matmul(over_rows, image, precision=jax.lax.Precision.HIGHEST)
    padded = jnp.pad(image, ((0, 0), (REACH, REACH)))
    return sum(
        weight * padded[:, i : i + width] for i, weight in enumerate(over_columns)
    )


def _gaussian(distance, deviation):
    """Weights (..., n) that sum to 1; a deviation of 0 leaves those at distance 0."""
    weights = jnp.exp(-(distance**2) / (2.0 * deviation**2 + 1e-6))
    weights = jnp.where(jnp.abs(distance) <= REACH, weights, 0.0)
    return weights / weights.sum(axis=-1, keepdims=True)


def change_contrast(image, gain, tone):
    """Ink stronger or weaker by a share, and its middle tones apart from that."""
    toned = image + tone * image * (1.0 - image)
    return jnp.clip((1.0 + gain) * toned, 0.0, 1.0)


def add_noise(key, image, deviation):
    """Noise of that standard deviation: two dice of 16 sides, nearly Gaussian.

    One random number in 32 bits is enough for four pixels: jax.random.normal took four
    times as long.
    """
    height, width = image.shape
    keys = jax.random.split(key, -(-height // 4))
    bits = jax.vmap(lambda key: jax.random.bits(key, (width,)))(keys)
    shifts = jnp.arange(0, 32, 8, dtype=bits.dtype)[:, None, None]
    pixels = (bits >> shifts).reshape(-1, width)[:height]
    dice = ((pixels & 15) + ((pixels >> 4) & 15)).astype(jnp.int32) - 15
    return jnp.clip(image + deviation / 42.5**0.5 * dice, 0.0, 1.0)


def mask_spans(key, image, width, share):
    """0 in vertical spans that are `share` of the width in all, at most.

    Span masking (SpecAugment, Park et al. 2019; HTR-VT, Li et al. 2024): each height of
    the width holds one span, or none.
    """
    height = image.shape[0]
    left = height * jnp.arange(-(-image.shape[1] // height))
    there, size, place = jax.random.uniform(key, (len(left), 3)).T
    least, most = SPAN
    size = height * (least + (most - least) * size)
    often = share / ((least + most) / 2.0)
    size *= (there < often) & (left < width)
    size *= jnp.minimum(1.0, share * width / jnp.maximum(size.sum(), 1.0))
    size = jnp.floor(size)
    start = left + jnp.floor(place * (height - size))
    x = jnp.arange(image.shape[1])[:, None]
    masked = jnp.any((x >= start) & (x < start + size), axis=1)
    return jnp.where(masked, 0.0, image)
