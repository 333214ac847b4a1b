"""A line recogniser as a StableHLO program, for JAX, XLA and IREE without this code.

    program = jax.export.deserialize(bytearray(open(FILE, "rb").read()))
    logits, frames = program.call(images, widths)

images (B, height, W) uint8 as ocr_jax.images.cleaning leaves them, W a multiple of 32;
widths (B,) int32. The logits (B, T, C) of a line count up to its number of frames. The
program reads lines once; ocr_jax/rereading.py says how dense ones are read again.
"""

import jax
import jax.export
import ml_collections
import numpy as np

from ocr_jax import inference, models
from ocr_jax.trained import BestModel

PLATFORMS = ("cpu", "cuda", "tpu")
MULTIPLE = 32  # of widths: a frame is never cut


def serialize(best: BestModel) -> bytes:
    """Return the program with the network's weights, for any B and W."""
    config = ml_collections.ConfigDict(best.config)
    config.lstm_implementation = "scan"  # cuDNN's is of no other platform
    model = models.build_model(config, best.charset.num_classes)

    @jax.jit
    def read(images, widths):
        return inference.predict_logits(model, best.state, images, widths)

    batch, width = jax.export.symbolic_shape(
        f"b, {MULTIPLE}*w", constraints=["b >= 1", "w >= 1"]
    )
    images = jax.ShapeDtypeStruct((batch, best.height, width), np.uint8)
    widths = jax.ShapeDtypeStruct((batch,), np.int32)
    exported = jax.export.export(read, platforms=PLATFORMS)(images, widths)
    return bytes(exported.serialize())
