"""Random variation of line images, in JAX: what is drawn, and in which order.

What a line becomes depends on the key and its row alone (and, for bleed, on the next
line of the batch, which shows through). Of sixteen lines of 64 x 1024 pixels, all kinds
together take a CPU core 13 ms (experiments/benchmarks/augment.py).
"""

import jax
import jax.numpy as jnp

from ocr_jax.augmentation import geometry, ink

KINDS = geometry.KINDS + ink.KINDS


def augment(key, images, widths, config):
    """Vary each line at random: `(images, widths)` of the same shapes.

    images (B, H, W) float32 in [0, 1], zero beyond each line's width; widths (B,)
    int32, 0 for a filler row. config: `probability`, the share of lines that each kind
    touches, and the greatest strength of each of KINDS, 0 being off; plain floats.
    """
    strengths = {kind: config[kind] for kind in KINDS if config[kind]}
    if not config.probability or not strengths:
        return images, widths
    keys = line_keys(key, len(widths))
    draws = draw(keys, config.probability, strengths)
    return apply(keys, draws, images, widths)


def line_keys(key, count: int):
    """A key for each row of a batch, which does not depend on how many there are."""
    return _fold_in(key, jnp.arange(count))


_fold_in = jax.vmap(jax.random.fold_in, (None, 0))


def draw(keys, probability, strengths: dict) -> dict:
    """Two values for each line (B, 2), by kind: of -strength to strength, or zeros."""

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


def apply(keys, draws: dict, images, widths):
    """The lines varied by the kinds of `draws`; keys (B,) are for what else is random.

    The writing comes first, then what lies over it, then how the picture is taken.
    """
    first = {kind: values[:, 0] for kind, values in draws.items()}
    size = {kind: jnp.abs(values) for kind, values in first.items()}

    def seeds(kind):
        return jax.vmap(jax.random.fold_in, (0, None))(keys, 1 + KINDS.index(kind))

    # From the images as they came: on a CPU, XLA would repeat the warp for each reader
    # of its result, and take twenty times as long.
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
