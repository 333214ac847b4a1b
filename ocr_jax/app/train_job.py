"""A training of the app: it trains, then learns the language of its lines.

Its options are those of ocr_jax.main, --workdir=DIR among them.
"""

import sys

from ocr_jax import main as main_lib
from ocr_jax import tune_decoder


def main(argv: list[str]) -> int:
    """Run the command line; the exit code is that of what ended first."""
    workdir = [option for option in argv if option.startswith("--workdir=")]
    return main_lib.main(argv) or tune_decoder.main(workdir)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
