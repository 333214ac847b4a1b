"""The experiments that come with ocr_jax, one a file: `--config=NAME` finds them."""
