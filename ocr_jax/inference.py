"""The network's outputs for lines, without what only training needs: it loads fast."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from ocr_jax.runtime import devices
from ocr_jax.train_state import TrainState


def make_logits_step(model) -> Callable:
    """`logits_step(state, batch) → (logits (B, T, C), logit_lengths (B,))`."""
    read = devices.jit(functools.partial(predict_logits, model))
    # Without the labels, whose lengths would need other programs.
    return lambda state, batch: read(state, batch["image"], batch["width"])


def predict_logits(model, state: TrainState, images, widths):
    """(logits (B, T, C), logit_lengths (B,)) of uint8 images (B, H, W), no dropout."""
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    return model.apply(variables, to_float(images), widths)


def to_float(images: jax.Array) -> jax.Array:
    """uint8 images as float32 in [0, 1]."""
    return images.astype(jnp.float32) / 255.0
