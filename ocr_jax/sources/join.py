"""Joins a collection and other lines files, or pages files, to train on.

All splits of --source are kept, so scores remain those of the collection. The other
files, such as synthetic lines (fonts), only add their training lines, without copies of
what --source has in validation or test. They keep a network from memorising a small
collection. Lines keep their height; files of different heights are refused unless
--height says to which height all lines are scaled.
"""

import argparse
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

BLOCK = 64  # lines per task


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
    """Return one task per block of lines; set args.height where it was not given.

    Raises UserError for another file, for files of different heights without one, and
    for files of one name.
    """
    sources.require_at_least(args, times=1)
    refuse_same_names(args.others)
    with lines_file.LinesFile(args.source) as file:
        splits, height = file.splits, file.height
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
    count = len(_split(path, split))
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
        return file.split(split)


def _item(task: Task, index: int, height: int) -> sources.Item:
    line = _split(task.path, task.split).line(index)
    line_id = f"{task.prefix}{line.line_id}{task.suffix}"
    held_out = _held_out(task.collection) if task.collection else {}
    for trace in _traces(line):
        if trace in held_out:
            return sources.Skipped(line_id, copy_of(held_out[trace]))
    image = scaled(line.image, height)
    return task.split, dataclasses.replace(line, image=image, line_id=line_id)


@functools.lru_cache(1)
def _held_out(collection: Path) -> dict[object, str]:
    """Return the split of each line that is not trained on, by its traces."""
    with lines_file.LinesFile(collection) as file:
        splits = [file.split(name) for name in file.splits if name != "train"]
    return {
        trace: split.name
        for split in splits
        for index in range(len(split))
        for trace in _traces(split.line(index))
    }


def _traces(line: lines_file.Line) -> tuple[object, object]:
    """Return what copies of a line share: its image or, at other heights, its name."""
    return digest(line.image), (line.line_id, line.transcript)


def digest(image: np.ndarray) -> bytes:
    """Return what is equal for equal images."""
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()


def copy_of(split: str) -> str:
    """Say why a line or page of another file is left out."""
    return f"a copy of it is in {split} of --source"


def scaled(image: np.ndarray, height: int) -> np.ndarray:
    """Scale the image (H, W) to another height."""
    if len(image) == height:
        return image
    width = max(1, round(image.shape[1] * height / len(image)))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
