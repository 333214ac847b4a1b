"""Joins a collection and other lines files, or pages files, to train on.

All splits of --source are kept, so scores remain those of the collection. The other
files, such as synthetic lines (fonts), only add their training lines, without copies of
what --source has in validation or test. They keep a network from memorising a small
collection. Lines keep their height; files of different heights are refused unless
--height says to which height all lines are scaled.
"""

import argparse
import collections
import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ocr_jax import sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.images import line_size

BLOCK = 64  # lines per task
# (width, height) at which lines of any height are compared. Copies correlate by 0.98
# and more, other lines of the same text by 0.97 at most, forms that are printed.
LOOK, SAME_LOOK = (64, 8), 0.975


class Task(NamedTuple):
    """Lines `first` to `last` of a split; prefix and suffix are added to their ids.

    collection: the file whose lines of other splits than train are left out, if any.
    """

    name: str
    path: Path
    split: str
    first: int
    last: int
    prefix: str
    suffix: str
    collection: Path | None = None


class HeldOut(NamedTuple):
    """A line that is not trained on."""

    line_id: str
    look: np.ndarray
    split: str


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    add = parser.add_argument
    add(
        "--source",
        required=True,
        type=Path,
        help="the collection's lines or pages file",
    )
    add(
        "--with",
        required=True,
        type=Path,
        action="append",
        dest="others",
        metavar="FILE",
        help="file whose training lines or pages are added; may be repeated",
    )
    add(
        "--times",
        type=int,
        default=1,
        help="copies of what --source has to train on (default: 1)",
    )
    parser.set_defaults(height=None)


def metadata(args: argparse.Namespace) -> dict[str, str]:
    """Return the collection's own metadata, which scores depend on."""
    with lines_file.LinesFile(args.source) as file:
        return file.about


def tasks(args: argparse.Namespace) -> list[Task]:
    """Return one task per block of lines.

    Where they were not given, args.height and args.license are set. Raises UserError
    for another file, for files of different heights without one, and for files of one
    name.
    """
    sources.require_at_least(args, times=1)
    refuse_same_names(args.others)
    with lines_file.LinesFile(args.source) as file:
        splits, height = file.splits, file.height
    files = args.source, *args.others
    args.license = args.license or lines_file.licenses(files)
    if args.height is None:
        for other in args.others:
            _refuse_other_height(args.source, height, other)
        args.height = height
    parts = [
        (args.source, split, "", "" if copy == 1 else f"{lines_file.COPY}{copy}")
        for split in splits
        for copy in range(1, 1 + (args.times if split == "train" else 1))
    ]
    parts += [
        (path, "train", f"{lines_file.ADDED}{path.stem}/", "", args.source)
        for path in args.others
    ]
    return [task for part in parts for task in _blocks(*part)]


def refuse_same_names(others: list[Path]):
    """Raise UserError if ids, which begin with a file's name, would be there twice."""
    names = [path.stem for path in others]
    for index, path in enumerate(others):
        if path.stem in names[:index]:
            raise UserError(
                f"{path} has the same name as another file of --with, and ids begin "
                "with it: rename one, or name it once"
            )


def _refuse_other_height(source: Path, height: int, other: Path):
    with lines_file.LinesFile(other) as file:
        if file.height != height:
            raise UserError(
                f"{source} has lines of {height} px height, {other} of {file.height} "
                f"px: add --height={height} to scale all of them to {height} px, or "
                f"make {other} with --height={height}"
            )


def _blocks(path: Path, split: str, *rest) -> list[Task]:
    with lines_file.LinesFile(path) as file:
        count = len(file.split(split, in_memory=False))
    return [
        Task(f"{path}[{i}]", path, split, i, min(i + BLOCK, count), *rest)
        for i in range(0, count, BLOCK)
    ]


def read(task: Task, height: int) -> list[sources.Item]:
    """Read the block's lines, scaled to the height."""
    return [_item(task, index, height) for index in range(task.first, task.last)]


@functools.lru_cache(2)  # per worker; tasks arrive file by file
def _split(path: Path, split: str) -> lines_file.Split:
    with lines_file.LinesFile(path) as file:
        return file.split(split, in_memory=False)


def _item(task: Task, index: int, height: int) -> sources.Item:
    line = _split(task.path, task.split).line(index)
    line_id = f"{task.prefix}{line.line_id}{task.suffix}"
    if task.collection and (split := _split_of_copy(line, task.collection)):
        return sources.Skipped(line_id, copy_of(split))
    image = line_size.to_height(line.image, height)
    return task.split, dataclasses.replace(line, image=image, line_id=line_id)


def _split_of_copy(line: lines_file.Line, collection: Path) -> str:
    """Return the split, other than train, that has a copy of a line, or "".

    Copies share the image or, at other heights, the transcript and the name or look.
    """
    split_of, by_transcript = _held_out(collection)
    if split := split_of.get(digest(line.image)):
        return split
    look = _look(line.image)
    for other in by_transcript.get(line.transcript, ()):
        if other.line_id == line.line_id or other.look @ look > SAME_LOOK:
            return other.split
    return ""


@functools.lru_cache(1)
def _held_out(collection: Path) -> tuple[dict[bytes, str], dict[str, list[HeldOut]]]:
    """Return the splits of images that are not trained on, and lines by transcript."""
    split_of, by_transcript = {}, collections.defaultdict(list)
    with lines_file.LinesFile(collection) as file:
        splits = [file.split(name) for name in file.splits if name != "train"]
    for split in splits:
        for line in map(split.line, range(len(split))):
            split_of[digest(line.image)] = split.name
            one = HeldOut(line.line_id, _look(line.image), split.name)
            by_transcript[line.transcript].append(one)
    return split_of, dict(by_transcript)


def _look(image: np.ndarray) -> np.ndarray:
    """Return the image, small, such that products of two are their correlation."""
    small = cv2.resize(image, LOOK, interpolation=cv2.INTER_AREA).ravel()
    look = small.astype(np.float32) - small.mean()
    return look / max(np.linalg.norm(look), 1e-6)


def digest(image: np.ndarray) -> bytes:
    """Return what is equal for equal images."""
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()


def copy_of(split: str) -> str:
    """Say why a line or page of another file is left out."""
    return f"a copy of it is in {split} of --source"
