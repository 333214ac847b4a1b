"""A table of lines: each row is an image path, a tab and the transcript.

A first row may name the columns, in any order: image, text, writer, split; others are
not used. Paths are relative to the table, or else to the current folder. Folders named
like splits are the splits; otherwise lines are split by writer, or else by page.
`scan.tif[2]` is the second page of a TIFF.
"""

import argparse
import collections
import os
import re
from pathlib import Path
from typing import NamedTuple

from ocr_jax import charset, sources
from ocr_jax.data import lines_file
from ocr_jax.images import cleaning, finding, opening
from ocr_jax.sources import splitting, tables

PAGE_OF_TIFF = re.compile(r"(.+\.tiff?)\[([1-9]\d{0,5})\]", re.I | re.DOTALL)


class Image(NamedTuple):
    """An image that a row names. name: divided by "/". page: of a TIFF, from 0."""

    name: str
    path: Path
    page: int = 0


class Task(NamedTuple):
    """One row. page: of a TIFF of several, from 0."""

    name: str
    split: str
    writer: str
    path: Path
    transcript: str
    problem: str = ""
    page: int = 0


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    parser.add_argument(
        "--source", required=True, type=Path, help="table of lines, in UTF-8"
    )
    splitting.add_flags(parser)


def tasks(args: argparse.Namespace) -> sources.Tasks:
    """Return one task per row. Raises UserError if a row has no tab."""
    rows, remarks = tables.read(args.source)
    for remark in remarks:
        print(f"{args.source}: {remark}")
    images = [_located(args.source.parent, row.image) for row in rows]
    entries = [
        # The pages of a TIFF are in one file, but are no copies of each other.
        splitting.Entry(
            name, None if image.page else image.path, False, row.writer, row.split
        )
        for name, row, image in zip(_names(images), rows, images, strict=True)
    ]
    placed, note = splitting.place(entries, args)
    first: dict[tuple[str, int], int] = {}
    tasks = []
    for row, entry, one, image in zip(rows, entries, placed, images, strict=True):
        problem = row.problem or one.problem
        has_text = bool(charset.normalize(row.text))
        key = os.path.realpath(image.path), image.page
        takes = has_text and not problem  # what is left out takes no image
        if takes and (number := first.setdefault(key, row.number)) != row.number:
            problem = f"an earlier row with its image is taken: {number}"
        place = one.split, one.writer, image.path
        tasks.append(Task(entry.name, *place, row.text, problem, image.page))
    return sources.Tasks(tasks, note)


def read(task: Task, height: int) -> list[sources.Item]:
    """Read the line of a task, or say why it is left out."""
    if task.problem:
        return [sources.Skipped(task.name, task.problem)]
    text = charset.normalize(task.transcript)
    if not text:
        return [sources.Skipped(task.name, "empty transcript")]
    gray = opening.read_picture(task.path, task.page).gray
    image = cleaning.line_image(gray, height)
    return [(task.split, lines_file.Line(image, text, task.name, task.writer))]


def _names(images: list[Image]) -> list[str]:
    """Return the names of the images, without what all absolute paths begin with.

    A folder such as /home/dev says nothing of splits. A suffix stays where several
    images had one name without it.
    """
    by_stem = collections.defaultdict(set)
    for image in images:
        by_stem[_stem(image.name)].add(image)
    names = [
        stem if len(by_stem[stem := _stem(image.name)]) == 1 else image.name
        for image in images
    ]
    absolute = [os.path.dirname(name) for name in names if os.path.isabs(name)]
    common = os.path.commonpath(absolute) if absolute else ""
    return [
        os.path.relpath(name, common) if os.path.isabs(name) else name for name in names
    ]


def _stem(image: str) -> str:
    """Return a name without its suffix; the page of a TIFF stays in it."""
    of_tiff = PAGE_OF_TIFF.fullmatch(image)
    file, page = (of_tiff[1], f"[{of_tiff[2]}]") if of_tiff else (image, "")
    return os.path.splitext(file)[0] + page


def _located(folder: Path, image: str) -> Image:
    """Return the image that a row names, by its path or divided as on Windows."""
    for name in (image, image.replace("\\", "/")):
        if found := _existing(folder, name):
            return Image(name, found)
        of_tiff = PAGE_OF_TIFF.fullmatch(name)
        if of_tiff and (found := _existing(folder, of_tiff[1])):
            return Image(name, found, int(of_tiff[2]) - 1)
    return Image(image, folder / image)


def _existing(folder: Path, image: str) -> Path | None:
    """Return a file by its name, relative to the table or to where we are.

    The name may be in another Unicode normalisation, or escaped as `predict` does.
    """
    for name in (image, _unescaped(image)):
        for base in (folder, Path()):
            if found := finding.existing(base / name):
                return found
    return None


def _unescaped(name: str) -> str:
    r"""Undo the escapes of what is not UTF-8 (\udce9) or a control character (\t)."""
    return re.sub(
        r"\\(udc[89a-f][0-9a-f]|x[01][0-9a-f]|[tnr])",
        lambda match: match[0].encode().decode("unicode_escape"),
        name,
    )
