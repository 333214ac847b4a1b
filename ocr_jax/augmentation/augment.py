"""Random variation of line images in JAX: the random draws, and the order of the kinds.

The variation of a line depends only on the key and its row (and, for bleed, on the next
line of the batch, which shows through). All kinds together take 13 ms on a CPU core for
sixteen lines of 64 x 1024 pixels (experiments/benchmarks/augment.py).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int, Key, PRNGKeyArray, Real

from ocr_jax.augmentation import geometry, ink

KINDS = geometry.KINDS + ink.KINDS


def augment(
    key: PRNGKeyArray,
    images: Float[ArrayLike, "b h w"],
    widths: Int[ArrayLike, " b"],
    config,
) -> tuple[Float[ArrayLike, "b h w"], Int[ArrayLike, " b"]]:
    """Vary each line at random; return images and widths of the same shapes.

    Images are in [0, 1] and zero beyond each line's width; a filler row has width 0.
    config, of plain floats, has `probability`, the share of lines that each kind
    changes, and the maximum strength of each of KINDS (0 switches it off).
    """
    strengths = {kind: config[kind] for kind in KINDS if config[kind]}
    if not config.probability or not strengths:
        return images, widths
    keys = line_keys(key, len(widths))
    draws = draw(keys, config.probability, strengths)
    return apply(keys, draws, images, widths)


def line_keys(key: PRNGKeyArray, count: int) -> Key[Array, " {count}"]:
    """Return a key for each row of a batch, independent of the number of rows."""
    return _fold_in(key, jnp.arange(count))


_fold_in = jax.vmap(jax.random.fold_in, (None, 0))


def draw(
    keys: Key[Array, " b"],
    probability: Float[ArrayLike, ""],
    strengths: dict[str, Real[ArrayLike, ""]],
) -> dict[str, Float[Array, "b 2"]]:
    """Draw two values per line and kind: in [-strength, strength], or zeros."""

    def draw_one(key):
        # Every kind draws, so that switching one off leaves the others as they were.
        draws = jax.random.uniform(jax.random.fold_in(key, 0), (len(KINDS), 3))
        return jnp.where(draws[:, 2:] < probability, 2.0 * draws[:, :2] - 1.0, 0.0)

    values = jax.vmap(draw_one)(keys)
    return {
        kind: strengths[kind] * values[:, i]
        for i, kind in enumerate(KINDS)
        if kind in strengths
    }


def apply(
    keys: Key[Array, " b"],
    draws: dict[str, Float[Array, "b 2"]],
    images: Float[ArrayLike, "b h w"],
    widths: Int[ArrayLike, " b"],
) -> tuple[Float[Array, "b h w"], Int[Array, " b"]]:
    """Vary lines by the kinds in `draws`; the keys serve all further random numbers.

    The writing is changed first, then marks are laid over it, then the exposure varies.
    """
    first = {kind: values[:, 0] for kind, values in draws.items()}
    size = {kind: jnp.abs(values) for kind, values in first.items()}

    def seeds(kind):
        return jax.vmap(jax.random.fold_in, (0, None))(keys, 1 + KINDS.index(kind))

    # Bleed uses the original images: on a CPU, XLA would repeat the warp for each use
    # of its result and take twenty times as long.
    if "bleed" in draws:
        behind = ink.other_side(seeds("bleed"), images, widths)
    if "stroke" in draws:
        images = jax.vmap(ink.change_stroke)(images, first["stroke"])
    if any(kind in draws for kind in geometry.KINDS):
        images, widths = jax.vmap(geometry.warp)(
            seeds("elastic"), images, widths, draws
        )
    if "bleed" in draws:
        images += size["bleed"][:, None, None] * behind * (1.0 - images)
    if "ruled_lines" in draws:
        strength = size["ruled_lines"]
        images = jax.vmap(ink.rule)(seeds("ruled_lines"), images, widths, strength)
    if "blur" in draws:
        images = jax.vmap(ink.blur)(images, size["blur"])
    if "contrast" in draws:
        images = jax.vmap(ink.change_contrast)(images, *draws["contrast"].T)
    if "brightness" in draws:
        images = jnp.clip(images + first["brightness"][:, None, None], 0.0, 1.0)
    if "noise" in draws:
        images = jax.vmap(ink.add_noise)(seeds("noise"), images, size["noise"])
    if "mask" in draws:
        images = jax.vmap(ink.mask_spans)(seeds("mask"), images, widths, size["mask"])
    real = jnp.arange(images.shape[2]) < widths[:, None, None]
    return jnp.where(real, images, 0.0), widths
