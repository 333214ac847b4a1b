"""The geometry of augmentation: a line resampled through one map, its ink in the frame.

Slant, scale, rotation, shift, elastic and grid displacement are one map from output
pixels to input coordinates, so that a line is resampled once.

Of the ways to resample sixteen lines of 64 x 1024 pixels on two CPU cores, the four
bilinear taps of jax.scipy took 5 ms, a gather of 2 x 2 patches 10, one of corners
packed into a uint32 13, and vertical tents before a horizontal gather 37.
"""

import jax
import jax.numpy as jnp
import numpy as np

KINDS = ("slant", "scale", "rotation", "shift", "elastic", "grid")
# Points of elastic displacement, half a height apart, from one of the grid to the next.
GRID = 4.0
# A line is squeezed to this share of its width, at most, to make room for its slant.
LEAST_WIDTH = 0.8
# Rotation moves the ends of a line by this share of the height, at most.
MOST_RISE = 1 / 16
# The share of the ink, above and below the writing, that may be specks.
SPECKS = 0.005


def warp(key, image, width, draws):
    """Resample an image (H, W) through its map: the result and the width it needs.

    draws: two values of each of KINDS that is on.
    """
    height = image.shape[0]
    draw = {kind: draws.get(kind, jnp.zeros(2)) for kind in KINDS}
    slope = _slope(draw["rotation"][0], width, height)
    # Turning a line up to the right turns its upstrokes to the left.
    slant, stretch, margin = _fit_width(
        draw["slant"][0] - slope, draw["scale"][0], width, image.shape
    )
    new_width = jnp.ceil(stretch * width + 2.0 * margin - 1e-3).astype(jnp.int32)
    new_width = jnp.clip(new_width, jnp.minimum(width, 1), image.shape[1])
    rise = jnp.abs(slope) * new_width / 2.0
    zoom, shift = _fit_height(
        image, draw["scale"][1] / 2.0, draw["shift"][0] * height, rise
    )
    down, right = _displacement(key, draw, new_width, image.shape)
    middle = (height - 1) / 2.0
    y = (jnp.arange(height) - middle)[:, None]
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


def _displacement(key, draw, width, shape: tuple[int, int]):
    """(down, right): smooth random displacements (H, W) in pixels, 0 along the frame.

    Elastic distortion (Simard, Steinkraus and Platt 2003) as cubic B-splines over
    random points half a height apart, the size of a letter (Wigington et al. 2017);
    none is larger than |draw["elastic"][0]| heights, and a grid's come on top.
    """
    spacing = max(shape[0] / 2.0, 1.0)
    over_rows, over_columns = (jnp.array(_splines(n, spacing)) for n in shape)
    # Columns of points come first: those of a wider image begin with these.
    size = over_columns.shape[1], over_rows.shape[1]
    elastic_key, grid_key = jax.random.split(key)
    points = jax.random.uniform(elastic_key, (*size, 2), minval=-1.0, maxval=1.0)
    points = points * jnp.abs(draw["elastic"][0])
    points += _grid(grid_key, size, width / spacing) * jnp.abs(draw["grid"][0])
    points *= shape[0]
    down, right = jnp.einsum("yi,xj,jik->kyx", over_rows, over_columns, points)
    y, x = jnp.arange(shape[0])[:, None], jnp.arange(shape[1])
    down = down * _inside(y, shape[0], spacing)
    return down, right * _inside(x, width, spacing)


def _grid(key, size: tuple[int, int], width):
    """Displacements (columns, rows, 2) at points that vary from word to word.

    Of 1 down at most, and of GRID, the points that they take to vary, to the right;
    from a point before the ends of a line, which is `width` points wide, less and less.
    """
    columns, rows = (jnp.array(_splines(n, GRID)) for n in size)
    shape = columns.shape[1], rows.shape[1], 2
    values = jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)
    values = jnp.einsum("ja,ib,abk->jik", columns, rows, values)
    # The first point is one before the line.
    fade = _inside(jnp.arange(size[0]) - 2.5, width - 2.0, GRID)
    return values * jnp.stack([jnp.ones_like(fade), GRID * fade], axis=-1)[:, None]


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
