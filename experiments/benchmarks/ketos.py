"""Kraken on a lines file: `ketos train`'s network and settings, for so many minutes.

    python experiments/benchmarks/ketos.py --lines_file=F --out=DIR

Lines are given as Kraken takes them, dark on white in image files with .gt.txt files,
kept in DIR/lines. B. Kiessling, "Kraken - an Universal Text Recognizer for the
Humanities" (DH 2019). A kraken.py here would hide Kraken itself.
"""

from pathlib import Path

import cv2
import numpy as np
from peers import timed_run

from ocr_jax import errors
from ocr_jax.data import lines_file
from ocr_jax.runtime import huge_pages

# What Kraken 7's default network and settings are, in the words of ocr_jax/config.py.
CONFIG = {
    "name": "kraken",
    "encoder": "Kraken",
    "conv_channels": [32, 32, 64, 64],
    "frame_stride": 8,
    "batch_norm": False,
    "lstm_layers": 3,
    "lstm_dim": 200,
    "dropout": 0.1,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "warmup_steps": 0,
    "weight_decay": 0.0,
    "grad_clip": 1.0,
}


def main():
    """Train, validate after each epoch, and score the best."""
    parser = timed_run.parser(__doc__, batch_size=1)
    parser.add_argument("--augment", action="store_true", help="as Kraken's own option")
    args = parser.parse_args()
    training = timed_run.load("peers.ketos_training")
    config = CONFIG | {"augment": {"probability": 0.5 * args.augment}}
    run = timed_run.TimedRun(args, config, ("torch", "kraken"))
    paths = {
        name: export(split, run.workdir / "lines") for name, split in run.splits.items()
    }
    training.train(run, paths, device=args.device, augment=args.augment)


def export(split: lines_file.Split, folder: Path) -> list[Path]:
    """Write a split's lines as FOLDER/SPLIT/NUMBER.png and .gt.txt; their images."""
    place = folder / split.name
    place.mkdir(parents=True)
    paths = [place / f"{index:06d}.png" for index in range(len(split))]
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), dark_on_white(split.image(index)))
        path.with_suffix(".gt.txt").write_text(split.transcripts[index], "utf-8")
    return paths


def dark_on_white(image: np.ndarray) -> np.ndarray:
    """A line (H, W) uint8 of a lines file, bright on zero, as paper shows it."""
    return 255 - image


if __name__ == "__main__":
    huge_pages.restart_with_huge_pages()
    raise SystemExit(errors.exit_code(main))
