"""A lines file with a share of another's training lines, the rest as it is.

    python experiments/data_tools/fewer_lines.py data/lines.h5 --share=0.1 --out=few.h5

To see what a recipe does with fewer lines, and what starting from others is worth then.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from ocr_jax import errors
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.errors import UserError


def main():
    """Run the command line; which lines are taken depends on the seed alone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--share", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if not 0 < args.share <= 1:
        parser.error(f"--share={args.share}: expected more than 0 and at most 1")
    sys.exit(errors.exit_code(lambda: write(args)))


def write(args: argparse.Namespace):
    """Copy the splits, of training the share that is asked for."""
    with lines_file.LinesFile(args.file) as file:
        size = len(file.split("train"))
        splits = {name: file.split(name) for name in file.splits}
    chosen = {name: range(len(split)) for name, split in splits.items()}
    count = round(args.share * size)
    if not count:
        raise UserError(
            f"--share={args.share} of {size} training lines is none: name a larger one"
        )
    order = np.random.default_rng(args.seed).permutation(size)
    chosen["train"] = np.sort(order[:count])
    source = f"{args.share} of {args.file.name}, seed {args.seed}"
    with lines_writer.LinesWriter(
        args.out, height=file.height, source=source, about=file.about
    ) as writer:
        for name, split in splits.items():
            for index in chosen[name]:
                writer.add(name, split.line(index))
    print(f"{args.out}: {count} of {size} training lines")


if __name__ == "__main__":
    main()
