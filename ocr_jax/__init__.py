"""ocr_jax: train, compare and use handwriting line recognisers in JAX and Flax."""

__version__ = "0.1.0"
