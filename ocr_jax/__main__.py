"""`python -m ocr_jax COMMAND` is `ocr-jax COMMAND`."""

import sys

from ocr_jax import cli

sys.exit(cli.main())
