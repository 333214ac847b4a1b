"""Line images with their transcripts beside them: NAME.png and NAME.gt.txt.

Kraken, Calamari and OCRopus use this layout; the image may also be NAME.nrm.png or
NAME.bin.png. Sub-folders named like splits (train, val, test …) are the splits, at any
depth; without them, lines are split by writer, or else by page.
"""

import argparse
import collections
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ocr_jax import charset, regular_files, sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.images import cleaning, finding, opening
from ocr_jax.sources import splitting

TRANSCRIPT = ".gt.txt"
# What binarisers put before an image's suffix, the best to read first.
VARIANTS = ("", ".nrm", ".raw", ".color", ".dew", ".bin")


class Task(NamedTuple):
    """One line: the paths of its image and transcript, or why it has none."""

    name: str
    split: str
    writer: str
    path: Path | None
    transcript: Path | None
    problem: str = ""


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    parser.add_argument(
        "--source", required=True, type=Path, help="folder of NAME.png and NAME.gt.txt"
    )
    splitting.add_flags(parser)


def tasks(args: argparse.Namespace) -> sources.Tasks:
    """Return one task per name, sorted. Raises UserError if the folder has no lines."""
    if not finding.is_folder(args.source):
        raise UserError(f"--source={args.source} is not a folder")
    transcripts, images, others = _files(args.source)
    names = sorted(set(transcripts) & set(images))
    if not names:
        raise UserError(
            f"no lines in {args.source}: expected images such as NAME.png with "
            f"transcripts NAME{TRANSCRIPT} beside them"
        )
    entries = [splitting.Entry(name, images[name]) for name in names]
    placed, note = splitting.place(entries, args)
    lines = [
        Task(name, one.split, one.writer, images[name], transcripts[name], one.problem)
        for name, one in zip(names, placed, strict=True)
    ]
    left_out = [*others, *_alone(transcripts, images)]
    lines += [Task(name, "", "", path, None, why) for name, path, why in left_out]
    return sources.Tasks(lines, note)


def read(task: Task, height: int) -> list[sources.Item]:
    """Read the line of a task, or say why it is left out."""
    if task.problem:
        return [sources.Skipped(task.name, task.problem)]
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
    gray = opening.read_line_image(task.path)
    image = cleaning.line_image(gray, height)
    return [(task.split, lines_file.Line(image, text, task.name, task.writer))]


Left = tuple[str, Path, str]  # name, path, and why it is left out


def _files(folder: Path) -> tuple[dict[str, Path], dict[str, Path], list[Left]]:
    """Return the transcripts and the images by name, and the files left out."""
    transcripts, images, others = {}, collections.defaultdict(list), []
    found = list(finding.files(folder))
    for path in found:
        if path.name.lower().endswith(TRANSCRIPT):
            name = _name(path, folder, len(TRANSCRIPT))
            if name in transcripts:
                why = f"a second transcript: {transcripts[name].name} is taken"
                others.append((name, path, why))
            transcripts.setdefault(name, path)
    for path in filter(finding.is_image, found):
        name, variant = _image_name(path, folder, transcripts)
        rank = VARIANTS.index(variant), opening.SUFFIXES.index(path.suffix.lower())
        images[name].append((*rank, path))
    for name, ranked in images.items():
        (*_, taken), *rest = sorted(ranked)
        images[name] = taken
        why = f"a second image of a line: {taken.name} is taken"
        others += [(_name(path, folder), path, why) for *_, path in rest]
    return transcripts, dict(images), others


def _image_name(path: Path, folder: Path, transcripts: dict) -> tuple[str, str]:
    """Return the name of the line that an image shows, and the variant it is."""
    name = _name(path, folder, len(path.suffix))
    for variant in VARIANTS[1:]:
        if name not in transcripts and name.lower().endswith(variant):
            return name[: -len(variant)], variant
    return name, ""


def _name(path: Path, folder: Path, ending: int = 0) -> str:
    """Return a path within the folder, without the last characters, as a name."""
    name = path.relative_to(folder).as_posix()
    return finding.key(name[: len(name) - ending])


def _alone(transcripts: dict, images: dict) -> Iterator[Left]:
    for name in sorted(set(transcripts) ^ set(images)):
        if name in images:
            yield name, images[name], "image without a transcript"
        else:
            yield name, transcripts[name], "transcript without an image"
