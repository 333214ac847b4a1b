"""Lines set from images of single characters that overlap their neighbours.

These are the lab's EMNIST lines, with a new image for each character. Fonts draw the
punctuation that EMNIST lacks.
"""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ocr_jax import extras, sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.images import line_size
from ocr_jax.sources.emnist import characters
from ocr_jax.sources.synthetic import fonts, prose

FONTS = tuple(font for font in fonts.FONTS if font not in fonts.CAPITALS_ONLY)


class Task(NamedTuple):
    """One line: its text and, by position in it, EMNIST's images (28, 28)."""

    split: str
    index: int
    seed: int
    text: str
    overlap: float
    glyphs: dict[int, np.ndarray]

    @property
    def name(self) -> str:
        """The id of the line."""
        return f"emnist_lines-{self.split}-{self.index:06}"


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    add = parser.add_argument
    add("--source", choices=("tfds", "fonts"), default="tfds", help="(default: tfds)")
    add("--lines", type=int, default=10_000, help="training lines (default: 10000)")
    add("--validation_lines", type=int, default=1000, help="(default: 1000)")
    add("--test_lines", type=int, default=1000, help="(default: 1000)")
    add(
        "--max_length",
        type=int,
        default=34,
        help="longest line, in characters (default: 34)",
    )
    add(
        "--min_overlap",
        type=float,
        default=0.0,
        help="smallest overlap, as a share (default: 0)",
    )
    add(
        "--max_overlap",
        type=float,
        default=0.33,
        help="largest overlap, as a share (default: 0.33)",
    )
    add("--seed", type=int, default=0, help="(default: 0)")
    parser.set_defaults(height=characters.SIZE)


def tasks(args: argparse.Namespace) -> sources.Lazy:
    """Return one task per line. Raises UserError for impossible options."""
    extras.require("fontTools", "fontpkg", "wonderwords")
    sources.require_at_least(
        args,
        lines=1,
        validation_lines=0,
        test_lines=0,
        seed=0,
        max_length=fonts.LEAST_MAX_CHARACTERS,
    )
    if not 0 <= args.min_overlap <= args.max_overlap < 1:
        raise UserError(
            f"--min_overlap={args.min_overlap}, --max_overlap={args.max_overlap}: "
            "expected shares from 0 to below 1, the first no larger than the second"
        )
    banks = _banks(args.seed) if args.source == "tfds" else {}
    counts = args.lines, args.validation_lines, args.test_lines
    return sources.Lazy(sum(counts), lambda: _tasks(args, counts, banks))


def read(task: Task, height: int) -> list[sources.Item]:
    """Set the line: characters one step apart, added up, ink bright on zero."""
    rng = _generator(task.seed, task.split, task.index, purpose=1)
    font = str(rng.choice(FONTS))
    size = characters.SIZE
    step = size - int(size * task.overlap)
    canvas = np.zeros((size, step * (len(task.text) - 1) + size), np.uint16)
    for place, character in enumerate(task.text):
        if character != " ":
            glyph = task.glyphs.get(place)
            if glyph is None:
                glyph = characters.draw(character, font, rng)
            canvas[:, place * step : place * step + size] += glyph
    image = np.minimum(canvas, 255).astype(np.uint8)
    image = line_size.to_height(image, height)
    return [(task.split, lines_file.Line(image, task.text, task.name))]


def _tasks(
    args: argparse.Namespace,
    counts: tuple[int, ...],
    banks: dict[str, dict[str, np.ndarray]],
) -> Iterator[Task]:
    for split, count in zip(lines_file.SPLITS, counts, strict=True):
        bank = banks.get(split, {})
        for index in range(count):
            rng = _generator(args.seed, split, index, purpose=0)
            text = prose.line(split, args.max_length, rng)
            overlap = rng.uniform(args.min_overlap, args.max_overlap)
            glyphs = {
                place: bank[character][rng.integers(len(bank[character]))]
                for place, character in enumerate(text)
                if character in bank
            }
            yield Task(split, index, args.seed, text, overlap, glyphs)


def _banks(seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Return split → character → EMNIST's images; no image is in two splits."""
    images, labels = characters.emnist("train")
    kept = np.random.default_rng(seed).random(len(labels)) < 0.1
    return {
        "train": _by_character(images[~kept], labels[~kept]),
        "validation": _by_character(images[kept], labels[kept]),
        "test": _by_character(*characters.emnist("test")),
    }


def _by_character(images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    groups = np.split(images[order], starts[1:])
    return {
        characters.CLASSES[label]: group
        for label, group in zip(present, groups, strict=True)
    }


def _generator(seed: int, split: str, index: int, purpose: int) -> np.random.Generator:
    """Return a generator for one line and purpose: 0 for its text, 1 to draw it."""
    split_index = lines_file.SPLITS.index(split)
    return np.random.default_rng((seed, split_index, index, purpose))
