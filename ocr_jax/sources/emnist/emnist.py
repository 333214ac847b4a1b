"""Single characters, 62 classes: EMNIST, balanced, or drawn in handwriting fonts.

Makes a lines file of 28 x 28 images, whose transcripts are one character long.
"""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from ocr_jax import extras, sources
from ocr_jax.data import lines_file
from ocr_jax.sources.emnist import characters

BLOCK = 512  # characters per task
DRAWN = 1000  # training characters per class if fonts draw them


class Task(NamedTuple):
    """Class ids (n,) of a split from `first` on; images (n, 28, 28) or None to draw."""

    name: str
    split: str
    first: int
    seed: int
    labels: np.ndarray
    images: np.ndarray | None


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    add = parser.add_argument
    add("--source", choices=("tfds", "fonts"), default="tfds", help="(default: tfds)")
    add(
        "--per_class",
        type=int,
        default=0,
        help="most training characters per class; validation and test get a tenth each "
        f"(default: the mean over classes, or {DRAWN} with fonts)",
    )
    add("--seed", type=int, default=0, help="(default: 0)")
    parser.set_defaults(height=characters.SIZE)


def tasks(args: argparse.Namespace) -> list[Task]:
    """Return one task per block of characters, in a seeded order."""
    sources.require_at_least(args, per_class=0, seed=0)
    splits = _drawn(args) if args.source == "fonts" else _emnist(args)
    return [
        Task(
            f"{split}[{first}]",
            split,
            first,
            args.seed,
            labels[first : first + BLOCK],
            None if images is None else images[first : first + BLOCK],
        )
        for split, labels, images in splits
        for first in range(0, len(labels), BLOCK)
    ]


def read(task: Task, height: int) -> list[sources.Item]:
    """Read the characters of a block as lines (height, height)."""
    items = []
    for row, label in enumerate(task.labels):
        index, character = task.first + row, characters.CLASSES[label]
        if task.images is None:
            split_index = lines_file.SPLITS.index(task.split)
            rng = np.random.default_rng((task.seed, split_index, index))
            writer = str(rng.choice(characters.fonts_of(character)))
            image = characters.draw(character, writer, rng)
        else:
            image, writer = task.images[row], ""
        image = cv2.resize(image, (height, height), interpolation=cv2.INTER_AREA)
        name = f"emnist-{task.split}-{index:06}"
        items.append((task.split, lines_file.Line(image, character, name, writer)))
    return items


def _drawn(args: argparse.Namespace) -> Iterator[tuple[str, np.ndarray, None]]:
    extras.require("fontTools", "fontpkg")
    count = args.per_class or DRAWN
    for index, split in enumerate(lines_file.SPLITS):
        each = count if split == "train" else max(1, count // 10)
        labels = np.tile(np.arange(len(characters.CLASSES)), each)
        generator = np.random.default_rng((args.seed, index))
        yield split, generator.permutation(labels), None


def _emnist(args: argparse.Namespace) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Take validation from EMNIST's train, whose characters name no writers."""
    generator = np.random.default_rng(args.seed)
    images, labels = characters.emnist("train")
    count = args.per_class or max(1, len(labels) // len(characters.CLASSES))
    tenth = max(1, count // 10)
    ranks = _ranks(labels, generator)
    of_split = {
        "train": (tenth <= ranks) & (ranks < tenth + count),
        "validation": ranks < tenth,
    }
    for split, taken in of_split.items():
        indices = generator.permutation(np.flatnonzero(taken))
        yield split, labels[indices], images[indices]
    images, labels = characters.emnist("test")
    taken = np.flatnonzero(_ranks(labels, generator) < tenth)
    indices = generator.permutation(taken)
    yield "test", labels[indices], images[indices]


def _ranks(labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Rank each character within its class, in a random order."""
    order = generator.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    ranks = np.empty(len(labels), int)
    ranks[order] = np.concatenate([np.arange(count) for count in counts])
    return ranks
