"""A lines file with a share of another's training lines, the rest as it is.

    python experiments/benchmarks/fewer_lines.py data/lines.h5 --share=0.1 --out=few.h5

To see what a recipe does with fewer lines, and what starting from others is worth then.
"""

import argparse
from pathlib import Path

import numpy as np

from ocr_jax.data import lines_file, lines_writer


def main():
    """Write the lines file; which lines are taken depends on the seed alone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--share", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with lines_file.LinesFile(args.file) as file:
        splits = {name: file.split(name) for name in file.splits}
    chosen = {name: range(len(split)) for name, split in splits.items()}
    count = round(args.share * len(splits["train"]))
    order = np.random.default_rng(args.seed).permutation(len(splits["train"]))
    chosen["train"] = np.sort(order[:count])
    lines = {
        name: [line(split, index) for index in chosen[name]]
        for name, split in splits.items()
    }
    source = f"{args.share} of {args.file.name}, seed {args.seed}"
    height = splits["train"].height
    lines_writer.write_lines(args.out, lines, height=height, source=source)
    print(f"{args.out}: {count} of {len(splits['train'])} training lines")


def line(split: lines_file.Split, index: int) -> lines_file.Line:
    """One line of a split, with what is known of it."""
    image, transcript = split.image(index), split.transcripts[index]
    return lines_file.Line(
        image, transcript, split.line_ids[index], split.writers[index]
    )


if __name__ == "__main__":
    main()
