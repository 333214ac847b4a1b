"""A lines file with fewer of another's training lines, the rest as it is.

    python experiments/data_tools/fewer_lines.py data/lines.h5 --lines=100 --out=few.h5

To see what a recipe does with fewer lines, and what starting from others is worth then.
"""

import argparse
import collections
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ocr_jax import errors
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.errors import UserError


def main():
    """Run the command line; which lines are taken depends on the seed alone."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--lines", type=int, required=True, help="training lines to draw"
    )
    parser.add_argument(
        "--writers",
        default="",
        metavar="NAME,NAME",
        help="draw lines of writers whose names begin so (default: of all)",
    )
    parser.add_argument(
        "--even",
        action="store_true",
        help="draw as many of each collection, the writer's name up to its first /, "
        "until a collection has no more: the large ones do not drown the small",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--overwrite", action="store_true")
    write(parser.parse_args())


def write(args: argparse.Namespace):
    """Copy the splits, of training as many lines as are asked for."""
    with lines_file.LinesFile(args.file) as file:
        splits = {name: file.split(name) for name in file.splits}
        train = file.split("train")
    beginnings = tuple(args.writers.split(","))  # "" begins every name
    of_writers = [i for i, w in enumerate(train.writers) if w.startswith(beginnings)]
    if args.seed < 0:
        raise UserError(f"--seed={args.seed}: expected 0 or more")
    if not of_writers:
        raise UserError(f"--writers={args.writers}: {args.file} has no training line")
    if not 0 < args.lines <= len(of_writers):
        of = f" of {args.writers}" if args.writers else ""
        raise UserError(
            f"--lines={args.lines}: expected 1 to {len(of_writers)}, the training "
            f"lines{of} in {args.file}"
        )
    order = np.random.default_rng(args.seed).permutation(of_writers).tolist()
    if args.even:
        order = collections_in_turn(order, train.writers)
    chosen = {name: range(len(split)) for name, split in splits.items()}
    chosen["train"] = sorted(order[: args.lines])
    source = f"{args.lines} lines of {args.file.name}, seed {args.seed}"
    with lines_writer.LinesWriter(
        args.out,
        height=file.height,
        source=source,
        license=file.license,
        about=file.about,
        overwrite=args.overwrite,
    ) as writer:
        for name, split in splits.items():
            for index in chosen[name]:
                writer.add(name, split.line(index))
    print(f"{args.out}: {args.lines} of {len(train)} training lines")


def collections_in_turn(order: list[int], writers: Sequence[str]) -> list[int]:
    """Return the lines with each collection's first before any collection's second."""
    seen = collections.Counter()
    turns = {}
    for index in order:
        collection = writers[index].split("/")[0]
        turns[index] = seen[collection]
        seen[collection] += 1
    return sorted(order, key=turns.get)


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
