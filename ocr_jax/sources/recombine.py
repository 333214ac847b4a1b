"""Recombines lines: cuts them at spaces and joins the pieces in another order.

Each writer's lines are cut at some of their spaces. The pieces, image and transcript
together, are joined into lines of the same lengths. A network that sees the same few
thousand lines many times memorises them; recombined lines prevent that. The network of
--workdir finds the ends of the words by alignment; training on synthetic lines alone is
enough for that. `prepare join` then adds the new lines to the collection.
"""

import argparse
import collections
import functools
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ocr_jax import display_order, errors, run_names, sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.images import line_size

BLOCK = 64  # lines per task
CUT = 0.5  # share of the spaces, chosen at random
# A cut crosses at most this much ink (in pixels of full brightness), at a space that is
# at least this many pixels wide.
MOST_INK, NARROWEST = 1.0, 6


class Piece(NamedTuple):
    """Columns `left` to `right` of a line, and their text in display order."""

    line: int
    left: int
    right: int
    text: str

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left


class Task(NamedTuple):
    """Some new lines, each as a list of pieces."""

    name: str
    path: Path
    first: int
    lines: list[list[Piece]]
    direction: str = ""  # see display_order


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    add = parser.add_argument
    add("--source", required=True, type=Path, help="the collection's lines file")
    whose = "whose network finds the spaces"
    add("--workdir", required=True, help=f"{whose}: {run_names.HELP}")
    add(
        "--times",
        type=int,
        default=1,
        help="new versions of each training line (default: 1)",
    )
    add("--seed", type=int, default=0, help="(default: 0)")
    parser.set_defaults(height=None)


def tasks(args: argparse.Namespace) -> list[Task]:
    """Return one task per block of new lines.

    Without args.height or args.license, the file's are set. Raises UserError if no line
    can be cut.
    """
    # These import jax, which workers do not need.
    from ocr_jax import trained
    from ocr_jax.sources import word_gaps

    sources.require_at_least(args, times=1, seed=0)
    if os.path.realpath(args.out) == os.path.realpath(args.source):
        raise UserError(
            f"--out={args.out} is --source itself, whose other splits would be lost: "
            "choose another --out"
        )
    split = _train(args.source)
    args.height = args.height or split.height
    args.license = args.license or lines_file.licenses([args.source])
    if unknown := split.writers.count(""):
        errors.say(f"{unknown:,} lines name no writer: they are taken for one hand's")
    run = trained.open_run(args.workdir)
    if run.best.height != split.height:
        raise UserError(
            f"{args.workdir} reads lines {run.best.height} px high, but these are "
            f"{split.height} px: prepare both with the same --height"
        )
    cuts = [
        find_cuts(split.image(i), gaps)
        for i, gaps in enumerate(word_gaps.find(run, split))
    ]
    if not any(cuts):
        raise UserError(
            f"{args.source}: no training line can be cut, because {args.workdir} finds "
            "no space in it: expected lines of several words, in the network's alphabet"
        )
    rng = np.random.default_rng(args.seed)
    direction = run.best.charset.direction
    lines = [
        line
        for _ in range(args.times)
        for line in recombine(split, cuts, rng, direction)
    ]
    return [
        Task(f"{args.source}[{i}]", args.source, i, lines[i : i + BLOCK], direction)
        for i in range(0, len(lines), BLOCK)
    ]


def find_cuts(image: np.ndarray, gaps: list) -> list[tuple[int, int]]:
    """Return (index of the space, column to cut at) for the gaps blank enough."""
    ink = image.sum(axis=0, dtype=np.float32) / 255
    cuts = []
    for index, left, right in gaps:
        first = round(left) + 1
        between = ink[first : round(right)]
        if len(between) < NARROWEST:
            continue
        smooth = np.convolve(np.pad(between, 1, "edge"), np.full(3, 1 / 3), "valid")
        blankest = np.flatnonzero(smooth <= smooth.min() + 0.05)
        column = blankest[np.argmin(np.abs(blankest - len(between) / 2))]
        if smooth[column] <= MOST_INK:
            cuts.append((index, first + int(column)))
    return cuts


def recombine(
    split: lines_file.Split,
    cuts: list[list[tuple[int, int]]],
    rng: np.random.Generator,
    direction: str = "",
) -> Iterator[list[Piece]]:
    """Yield new lines as lists of pieces: every piece once, writer by writer."""
    by_writer = collections.defaultdict(list)
    for index, writer in enumerate(split.writers):
        by_writer[writer].append(index)
    for lines in by_writer.values():
        pieces = [
            piece
            for line in lines
            for piece in _cut(split, line, _some(cuts[line], rng), direction)
        ]
        widths = itertools.cycle(split.widths[rng.permutation(lines)])
        yield from _join([pieces[i] for i in rng.permutation(len(pieces))], widths)


def _some(cuts: list, rng: np.random.Generator) -> list:
    return [cut for cut in cuts if rng.random() < CUT]


def _cut(
    split: lines_file.Split, line: int, cuts: list, direction: str
) -> Iterator[Piece]:
    text, _ = display_order.display(split.transcripts[line], direction)
    left, first = 0, 0
    for index, column in [*cuts, (len(text), int(split.widths[line]))]:
        yield Piece(line, left, column, text[first:index])
        left, first = column, index + 1


def _join(pieces: list[Piece], widths: Iterator[int]) -> Iterator[list[Piece]]:
    """Group the pieces, in their order, into lines of about these widths."""
    line, room = [], next(widths)
    for piece in pieces:
        if line and piece.width / 2 > room:
            yield line
            line, room = [], next(widths)
        line.append(piece)
        room -= piece.width
    yield line


def read(task: Task, height: int) -> list[sources.Item]:
    """Build the task's lines, scaled to the height."""
    split, items = _train(task.path), []
    for number, pieces in enumerate(task.lines, task.first):
        image = np.concatenate(
            [split.image(p.line)[:, p.left : p.right] for p in pieces], axis=1
        )
        displayed = " ".join(piece.text for piece in pieces)
        line = lines_file.Line(
            image=line_size.to_height(image, height),
            transcript=display_order.logical(displayed, task.direction)[0],
            line_id=f"recombined-{number:06}",
            writer=split.writers[pieces[0].line],
        )
        items.append(("train", line))
    return items


@functools.lru_cache(1)
def _train(path: Path) -> lines_file.Split:
    with lines_file.LinesFile(path) as file:
        return file.split("train")
