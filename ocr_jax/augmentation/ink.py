"""Ink and paper of augmentation: strokes, ruled lines, the other side, tone, noise.

Each function except other_side takes one image (H, W) in [0, 1], ink bright, and stays
in that range. A strength of 0 leaves every bit unchanged.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, Key, PRNGKeyArray

Image = Float[Array, "h w"]
Scalar = Float[ArrayLike, ""]

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
# The maximum thickness and the maximum rise of a ruled line, in heights.
THICKEST, STEEPEST = 1 / 20, 1 / 8
# The reach of blur to each side, in pixels: two deviations of the widest Gaussian.
REACH = 4
# The minimum and maximum width of a masked span, in heights.
SPAN = 1 / 8, 1 / 2


def change_stroke(image: Image, pixels: Scalar) -> Image:
    """Make strokes thicker (pixels > 0) or thinner, by at most 2 pixels.

    Dilation or erosion by 3 x 3 pixels changes a stroke by two pixels. A smaller change
    is a blend with the original image.
    """
    sign = jnp.sign(pixels)
    padded = jnp.pad(sign * image, ((0, 0), (1, 1)))
    padded = jnp.pad(padded, ((1, 1), (0, 0)), mode="edge")
    rows = jnp.maximum(jnp.maximum(padded[:-2], padded[1:-1]), padded[2:])
    most = jnp.maximum(jnp.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    share = jnp.minimum(jnp.abs(pixels) / 2.0, 1.0)
    return image + share * (sign * most - image)


def other_side(
    keys: Key[Array, " b"],
    images: Float[ArrayLike, "b h w"],
    widths: Int[ArrayLike, " b"],
) -> Float[Array, "b h w"]:
    """Return what shows through from the other side: the next line of the batch.

    It is mirrored, blurred and displaced. The last line gets the first one; a single
    line gets itself.
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
    """Return weights (size, points) that interpolate between points `spacing` apart."""
    points = np.arange(-(-(size - 1) // spacing) + 1)
    distance = np.abs(np.arange(size)[:, None] / spacing - points)
    return np.maximum(1.0 - distance, 0.0).astype(np.float32)


def _mirror(key, image, end, steps):
    """Mirror a line image (H, W) at its end, displaced by at most a quarter."""
    down, right = jax.random.uniform(key, (2,), minval=-0.25, maxval=0.25)
    rows = jnp.arange(image.shape[0]) - down * image.shape[0]
    columns = end * (1.0 + right) - steps
    at = jnp.broadcast_arrays(rows[:, None], columns)
    return jax.scipy.ndimage.map_coordinates(image, at, order=1)


def rule(
    key: PRNGKeyArray, image: Image, width: Int[ArrayLike, ""], strength: Scalar
) -> Image:
    """Draw some nearly level pen lines, each with its own ink up to the strength."""
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


def blur(image: Image, deviation: Scalar) -> Image:
    """Blur with a Gaussian of that standard deviation in pixels, at most 2."""
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
    """Return weights (..., n) that sum to 1; a deviation of 0 keeps distance 0 only."""
    weights = jnp.exp(-(distance**2) / (2.0 * deviation**2 + 1e-6))
    weights = jnp.where(jnp.abs(distance) <= REACH, weights, 0.0)
    return weights / weights.sum(axis=-1, keepdims=True)


def change_contrast(image: Image, gain: Scalar, tone: Scalar) -> Image:
    """Scale the ink by 1 + gain, and shift its middle tones by `tone`."""
    toned = image + tone * image * (1.0 - image)
    return jnp.clip((1.0 + gain) * toned, 0.0, 1.0)


def add_noise(key: PRNGKeyArray, image: Image, deviation: Scalar) -> Image:
    """Add nearly Gaussian noise of that standard deviation: two dice of 16 sides.

    One random 32-bit number serves four pixels; jax.random.normal took four times as
    long.
    """
    height, width = image.shape
    keys = jax.random.split(key, -(-height // 4))
    bits = jax.vmap(lambda key: jax.random.bits(key, (width,)))(keys)
    shifts = jnp.arange(0, 32, 8, dtype=bits.dtype)[:, None, None]
    pixels = (bits >> shifts).reshape(-1, width)[:height]
    dice = ((pixels & 15) + ((pixels >> 4) & 15)).astype(jnp.int32) - 15
    return jnp.clip(image + deviation / 42.5**0.5 * dice, 0.0, 1.0)


def mask_spans(
    key: PRNGKeyArray, image: Image, width: Int[ArrayLike, ""], share: Scalar
) -> Image:
    """Set vertical spans to 0, at most `share` of the width in all.

    Span masking (SpecAugment, Park et al. 2019; HTR-VT, Li et al. 2024): each square
    section of the line has at most one span.
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
