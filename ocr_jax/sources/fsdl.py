"""The HDF5 of IAM lines that the Full Stack Deep Learning lab of 2019 distributed.

It holds x_train and x_test (n, 28, 952) uint8, ink bright, and y_train and y_test
(n, 97), class ids padded at the end. It names no writers. Validation is one block at
the end of x_train, so train and validation share at most one writer. The lab itself
validated on its test lines.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from ocr_jax import sources
from ocr_jax.data import hdf5_files, lines_file
from ocr_jax.errors import UserError, one_line
from ocr_jax.images import line_size
from ocr_jax.sources.emnist import characters

CLASSES = characters.CLASSES + " !\"#&'()*+,-./:;?"
PADDING = len(CLASSES)
PARTS = ("train", "test")
BLOCK = 64  # lines per task


class Task(NamedTuple):
    """Rows `first` to `last` of x_PART and y_PART, for one of our splits."""

    name: str
    split: str
    path: Path
    part: str
    first: int
    last: int


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    add = parser.add_argument
    add("--source", required=True, type=Path, help="the lab's iam_lines.h5")
    add(
        "--validation_lines",
        type=int,
        default=710,
        help="from the end of x_train (default: 710)",
    )
    parser.set_defaults(height=28)


def tasks(args: argparse.Namespace) -> list[Task]:
    """Return one task per block of rows. Raises UserError for another file."""
    try:
        with hdf5_files.open_to_read(args.source) as file:
            counts = {part: _count(file, part, args.source) for part in PARTS}
    except OSError as error:
        raise UserError(
            f"--source={args.source} can't be read as HDF5: {one_line(error)}"
        ) from None
    first = counts["train"] - args.validation_lines
    if not 0 < first <= counts["train"]:
        raise UserError(
            f"--validation_lines={args.validation_lines}: expected 0 or more, but "
            f"fewer than the {counts['train']} lines of x_train"
        )
    spans = (
        ("train", "train", 0, first),
        ("validation", "train", first, counts["train"]),
        ("test", "test", 0, counts["test"]),
    )
    return [
        Task(f"{part}[{row}]", split, args.source, part, row, min(row + BLOCK, end))
        for split, part, start, end in spans
        for row in range(start, end, BLOCK)
    ]


def read(task: Task, height: int) -> list[sources.Item]:
    """Read the lines of a block; lines without label or ink are left out."""
    try:
        with hdf5_files.open_to_read(task.path) as file:
            images = file[f"x_{task.part}"][task.first : task.last]
            labels = file[f"y_{task.part}"][task.first : task.last]
    except lines_file.BROKEN as error:
        raise UserError(f"damaged: {one_line(error)}") from None
    items = []
    for row, (image, label) in enumerate(zip(images, labels, strict=True), task.first):
        name = f"fsdl-{task.part}-{row:04}"
        text = "".join(CLASSES[i] for i in label[label != PADDING]).strip()
        columns = np.flatnonzero(image.max(axis=0))
        if not text or not len(columns):
            reason = "no ink" if text else "empty transcript"
            items.append(sources.Skipped(name, reason))
            continue
        line = image[:, : columns[-1] + 1]
        line = line_size.to_height(line, height)
        items.append((task.split, lines_file.Line(line, text, name)))
    return items


def _count(file: h5py.File, part: str, path: Path) -> int:
    """Return the rows of a part. Raises UserError unless the arrays are the lab's."""
    found = "damaged parts"
    try:
        found = ", ".join(file)
        images, labels = file[f"x_{part}"], file[f"y_{part}"]
        is_lab = (
            (images.ndim, labels.ndim) == (3, 2)
            and images.dtype == np.uint8
            and len(images) == len(labels)
            and labels.dtype.kind in "iu"
            and 0 <= labels[()].min() <= labels[()].max() <= PADDING
        )
    except lines_file.BROKEN:
        is_lab = False
    if not is_lab:
        raise UserError(
            f"{path} is not the lab's file: expected x_{part} (n, 28, 952) uint8 and "
            f"y_{part} (n, 97) of classes 0 to {PADDING}, found {found}"
        )
    return len(images)
