"""`python -m ocr_jax.app`."""

import sys

from ocr_jax import app

if __name__ == "__main__":
    sys.exit(app.main())
