"""Random variation of line images, in JAX, as a part of the training step.

Slant, scale, rotation, shift and elastic displacement are one map from output pixels to
input coordinates, so that a line is resampled once. What a line becomes depends on the
key and its row alone, and its ink stays within the frame.

Of the ways to resample sixteen lines of 64 x 1024 pixels on two CPU cores, the four
bilinear taps of jax.scipy took 5 ms, a gather of 2 x 2 patches 10, one of corners
packed into a uint32 13, and vertical tents before a horizontal gather 37; all kinds
together take 19 ms.
"""

import jax
import jax.numpy as jnp
import numpy as np

GEOMETRY = ("slant", "scale", "rotation", "shift", "elastic")
KINDS = (*GEOMETRY, "stroke", "contrast", "noise")
# A line is squeezed to this share of its width, at most, to make room for its slant.
LEAST_WIDTH = 0.8
# Rotation moves the ends of a line by this share of the height, at most.
MOST_RISE = 1 / 16
# The share of the ink, above and below the writing, that may be specks.
SPECKS = 0.005


def augment(key, images, widths, config):
    """Vary each line at random: `(images, widths)` of the same shapes.

    images (B, H, W) float32 in [0, 1], zero beyond each line's width; widths (B,)
    int32, 0 for a filler row. config: `probability`, the share of lines that each kind
    touches, and the greatest strength of each of KINDS, 0 being off; plain floats.
    """
    strengths = {kind: getattr(config, kind) for kind in KINDS}
    if not config.probability or not any(strengths.values()):
        return images, widths
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(len(widths)))
    draw = jax.vmap(_draw, (0, None, None))(keys, config.probability, strengths)
    if strengths["stroke"]:
        images = jax.vmap(_change_stroke)(images, draw["stroke"])
    if any(strengths[kind] for kind in GEOMETRY):
        images, widths = jax.vmap(_warp)(keys, images, widths, draw)
    if strengths["contrast"]:
        images = jax.vmap(_change_contrast)(images, draw["contrast"])
    if strengths["noise"]:
        images = jax.vmap(_add_noise)(keys, images, draw["noise"])
    real = jnp.arange(images.shape[2]) < widths[:, None, None]
    return jnp.where(real, images, 0.0), widths


def _draw(key, probability: float, strengths: dict) -> dict:
    """One line's strengths, two of each kind: from -greatest to greatest, or zeros."""
    value_key, touch_key = jax.random.split(key)
    values = jax.random.uniform(value_key, (len(KINDS), 2), minval=-1.0, maxval=1.0)
    touched = jax.random.bernoulli(touch_key, probability, (len(KINDS), 1))
    values = jnp.where(touched, values, 0.0)
    return {kind: values[i] * strengths[kind] for i, kind in enumerate(KINDS)}


def _change_stroke(image, draw):
    """Strokes of an image (H, W) thicker (draw[0] > 0) or thinner, by 2 pixels at most.

    The greatest, or the least, of 3 x 3 neighbours changes a stroke by two pixels; less
    than that is a blend with the image as it was.
    """
    sign = jnp.sign(draw[0])
    padded = jnp.pad(sign * image, ((0, 0), (1, 1)))
    padded = jnp.pad(padded, ((1, 1), (0, 0)), mode="edge")
    rows = jnp.maximum(jnp.maximum(padded[:-2], padded[1:-1]), padded[2:])
    most = jnp.maximum(jnp.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    share = jnp.minimum(jnp.abs(draw[0]) / 2.0, 1.0)
    return image + share * (sign * most - image)


def _warp(key, image, width, draw):
    """Resample an image (H, W) through its map: the result and the width it needs."""
    slope = _slope(draw["rotation"][0], width, image.shape[0])
    # Turning a line up to the right turns its upstrokes to the left.
    slant, stretch, margin = _fit_width(
        draw["slant"][0] - slope, draw["scale"][0], width, image.shape
    )
    new_width = jnp.ceil(stretch * width + 2.0 * margin - 1e-3).astype(jnp.int32)
    new_width = jnp.clip(new_width, jnp.minimum(width, 1), image.shape[1])
    rise = jnp.abs(slope) * new_width / 2.0
    zoom, shift = _fit_height(
        image, draw["scale"][1] / 2.0, draw["shift"][0] * image.shape[0], rise
    )
    down, right = _displacement(key, draw["elastic"][0], new_width, image.shape)
    middle = (image.shape[0] - 1) / 2.0
    y = (jnp.arange(image.shape[0]) - middle)[:, None]
    x = jnp.arange(image.shape[1]) + 0.5
    rows = (y - shift + slope * (x - new_width / 2.0)) / zoom + middle + down
    columns = (x - margin + slant * y) / stretch - 0.5 + right
    warped = jax.scipy.ndimage.map_coordinates(image, [rows, columns], order=1)
    return jnp.where(width > 0, warped, 0.0), jnp.where(width > 0, new_width, 0)


def _slope(degrees, width, height: int):
    """The tangent of a rotation; less for a line so long that its ends would leave."""
    most = 2.0 * MOST_RISE * height / jnp.maximum(width, 1)
    return jnp.clip(jnp.tan(jnp.deg2rad(degrees)), -most, most)


def _fit_width(slant, scale, width, shape: tuple[int, int]):
    """(slant, stretch, margin): what was asked for, or as much as there is room for.

    stretch is the factor in x, margin the columns that the slant takes at either side.
    """
    most = (shape[1] - LEAST_WIDTH * width) / shape[0]
    slant = jnp.clip(slant, -most, most)
    margin = jnp.abs(slant) * shape[0] / 2.0
    room = shape[1] - 2.0 * margin
    stretch = jnp.minimum(1.0 + scale, room / jnp.maximum(width, 1))
    return slant, stretch, margin


def _fit_height(image, scale, shift, rise):
    """(zoom, shift): the factor in y and the rows down that keep the ink in the frame.

    rise: the rows that the rotation takes above and below.
    """
    height = image.shape[0]
    ink = jnp.cumsum(jnp.sum(image, axis=1))
    specks = SPECKS * ink[-1]
    top = jnp.sum(ink < specks) - (height - 1) / 2.0
    bottom = jnp.sum(ink < ink[-1] - specks) - (height - 1) / 2.0
    room = height - 1 - 2.0 * rise
    zoom = jnp.minimum(1.0 + scale, room / jnp.maximum(bottom - top, 1.0))
    shift = jnp.clip(shift, -room / 2.0 - zoom * top, room / 2.0 - zoom * bottom)
    return zoom, shift


def _displacement(key, strength, width, shape: tuple[int, int]):
    """(down, right): smooth random displacements (H, W) in pixels, 0 along the frame.

    Elastic distortion (Simard, Steinkraus and Platt 2003) as cubic B-splines over
    random points half a height apart, the size of a letter (Wigington et al. 2017);
    none is larger than |strength| heights.
    """
    spacing = max(shape[0] / 2.0, 1.0)
    over_rows, over_columns = (jnp.array(_splines(n, spacing)) for n in shape)
    # Columns of points come first: those of a wider image begin with these.
    size = over_columns.shape[1], over_rows.shape[1], 2
    points = jax.random.uniform(key, size, minval=-1.0, maxval=1.0)
    points = points * jnp.abs(strength) * shape[0]
    down, right = jnp.einsum("yi,xj,jik->kyx", over_rows, over_columns, points)
    y, x = jnp.arange(shape[0])[:, None], jnp.arange(shape[1])
    down = down * _inside(y, shape[0], spacing)
    return down, right * _inside(x, width, spacing)


def _splines(size: int, spacing: float) -> np.ndarray:
    """The weight of each point at each pixel, (size, points) float32; rows sum to 1."""
    positions = np.arange(size) / spacing
    points = np.arange(-1, int(positions[-1]) + 3)
    distance = np.abs(positions[:, None] - points)
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(2 - distance, 0) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def _inside(position, size, spacing: float):
    """0 at either end of a range of pixels, 1 from `spacing` inwards."""
    to_end = jnp.minimum(position + 0.5, size - 0.5 - position)
    return jnp.clip(to_end / spacing, 0.0, 1.0)


def _change_contrast(image, draw):
    """Ink stronger or weaker by a share, and its middle tones apart from that."""
    gain, tone = draw
    toned = image + tone * image * (1.0 - image)
    return jnp.clip((1.0 + gain) * toned, 0.0, 1.0)


def _add_noise(key, image, draw):
    """Gaussian noise of standard deviation |draw[0]|."""
    noise = jax.random.normal(jax.random.fold_in(key, 1), image.T.shape).T
    return jnp.clip(image + jnp.abs(draw[0]) * noise, 0.0, 1.0)
