"""Writing made more upright: each line's slant is estimated, and a share taken out."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

# Shears that are tried, in columns a row; writing that leans to the right needs one
# above zero to stand upright.
TRIED = np.linspace(-1.0, 1.5, 26)
# What most writing has: a line keeps as much of its slant, and of what it has beyond.
USUAL = 0.2
# A line is widened by as many columns on either side, and sheared by no more.
MARGIN = 16
SHARE = 0.5  # of the slant beyond the usual: more misled on lines of few strokes
# A cell of 2 x 2 pixels is ink from this brightness on. No mean of four grey levels of
# 0 to 255 comes near it: programs that round it differently agree.
INK = 0.4005


def uprightest(images: Float[ArrayLike, "b h w"]) -> Int[Array, " b"]:
    """Return the index of the shear, of those TRIED, that makes each line upright.

    Upright strokes fill few columns each and leave gaps: the sum of the squares of the
    columns' ink is the highest (Vinciarelli and Luettin, "A new normalization technique
    for cursive handwritten words", 2001). The same alone and under more padding.
    """
    cells = jnp.pad(
        images, ((0, 0), (0, images.shape[1] % 2), (0, images.shape[2] % 2))
    )
    batch, rows, columns = cells.shape
    cells = cells.reshape(batch, rows // 2, 2, columns // 2, 2).mean(axis=(2, 4))
    kernel = sheared_columns(rows // 2)
    reach = kernel.shape[1] - 1
    ink = jax.lax.conv_general_dilated(
        (cells > INK).astype(jnp.float32)[..., None],
        kernel,
        window_strides=(1, 1),
        padding=((0, 0), (reach, reach)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    squares = jnp.square(ink).sum(axis=(1, 2))
    return jnp.argmax(squares, axis=1)


def sheared_columns(rows: int) -> Float[np.ndarray, "rows k 1 s"]:
    """Return a kernel that sums up the ink of a column after each of TRIED."""
    shifts = np.rint(-TRIED[:, None] * places(rows)).astype(int)
    reach = np.abs(shifts).max()
    kernel = np.zeros((rows, 2 * reach + 1, 1, len(TRIED)), np.float32)
    for index, shift in enumerate(shifts):
        kernel[np.arange(rows), shift + reach, 0, index] = 1.0
    return kernel


def places(rows: int) -> Float[np.ndarray, " rows"]:
    """Return how far each row is below the middle one."""
    return (np.arange(rows) - (rows - 1) / 2).astype(np.float32)


def shears(height: int) -> Float[np.ndarray, " s"]:
    """Return the shear that is applied for each of TRIED to lines of a height."""
    most = 2 * MARGIN / height
    return np.clip(SHARE * (TRIED - USUAL), -most, most).astype(np.float32)


def straighten(
    images: Float[ArrayLike, "b h w"], widths: Int[ArrayLike, " b"]
) -> tuple[Float[Array, "b h v"], Int[ArrayLike, " b"]]:
    """Take out SHARE of each line's slant beyond the usual; return the widened lines.

    Images are blank beyond their widths, and are widened by MARGIN on either side.
    """
    _, height, width = images.shape
    shear = jnp.asarray(shears(height))[uprightest(images)]
    columns = jnp.arange(width + 2 * MARGIN) - MARGIN
    columns = columns - shear[:, None, None] * places(height)[:, None]
    left = jnp.floor(columns).astype(jnp.int32)
    padded = jnp.pad(images, ((0, 0), (0, 0), (1, 1)))
    first, second = (
        jnp.take_along_axis(padded, jnp.clip(left + n, 0, width + 1), axis=2)
        for n in (1, 2)
    )
    return first + (columns - left) * (second - first), wider(widths)


def wider(widths: Int[ArrayLike, "..."]) -> Int[ArrayLike, "..."]:
    """Return the widths of straightened lines; a line without ink keeps none."""
    return widths + 2 * MARGIN * (widths > 0)
