"""Line images with their transcripts beside them: NAME.png and NAME.gt.txt.

Kraken, Calamari and OCRopus use this layout. Sub-folders train, validation and test are
the splits; without them, lines are split by writer.
"""

import argparse
import os
from pathlib import Path
from typing import NamedTuple

from ocr_jax import charset, regular_files, sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.images import cleaning, opening

TRANSCRIPT = ".gt.txt"


class Task(NamedTuple):
    """One line: the paths of its image and transcript; one of them may be missing."""

    name: str
    split: str
    writer: str
    path: Path | None
    transcript: Path | None


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    parser.add_argument(
        "--source", required=True, type=Path, help="folder of NAME.png and NAME.gt.txt"
    )
    sources.add_split_flags(parser)


def tasks(args: argparse.Namespace) -> list[Task]:
    """Return one task per name, sorted. Raises UserError if the folder has no lines."""
    if not args.source.is_dir():
        raise UserError(f"--source={args.source} is not a folder")
    pairs = _pairs(args.source)
    if not any(image and transcript for image, transcript in pairs.values()):
        raise UserError(
            f"no lines in {args.source}: expected images such as NAME.png with "
            f"transcripts NAME{TRANSCRIPT} beside them"
        )
    names = sorted(pairs)
    writers = sources.writers_of(names, args)
    splits = sources.splits_of(writers, names, args)
    return [
        Task(name, split, writer, *pairs[name])
        for name, split, writer in zip(names, splits, writers, strict=True)
    ]


def read(task: Task, height: int) -> list[sources.Item]:
    """Read the line of a task, or say why it is left out."""
    if task.path is None:
        return [sources.Skipped(task.name, "transcript without an image")]
    if task.transcript is None:
        return [sources.Skipped(task.name, "image without a transcript")]
    try:
        text = charset.normalize(
            regular_files.checked(task.transcript).read_text("utf-8-sig")
        )
    except UnicodeDecodeError:
        return [sources.Skipped(task.name, "transcript is not UTF-8")]
    except OSError as error:
        reason = f"transcript can't be read: {error.strerror}"
        return [sources.Skipped(task.name, reason)]
    if not text:
        return [sources.Skipped(task.name, "empty transcript")]
    image = cleaning.line_image(opening.read_image(task.path), height)
    return [(task.split, lines_file.Line(image, text, task.name, task.writer))]


def _pairs(folder: Path) -> dict[str, tuple[Path | None, Path | None]]:
    """Return name, relative and without suffix, → (image, transcript)."""
    pairs = {}
    for root, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = Path(root, file)
            if file.endswith(TRANSCRIPT):
                name, place = file.removesuffix(TRANSCRIPT), 1
            elif path.suffix.lower() in opening.SUFFIXES:
                name, place = path.stem, 0
            else:
                continue
            key = (path.parent / name).relative_to(folder).as_posix()
            pair = pairs.get(key, (None, None))
            pairs[key] = (path, pair[1]) if place == 0 else (pair[0], path)
    return pairs
