"""The IAM database of English handwriting, as downloaded, in published splits.

It takes the lines (lines.tgz) or forms (formsA-D.tgz, …), with ascii.tgz and xml.tgz,
extracted or not, in any sub-folders. (Marti and Bunke, 2002)

Transcripts are `xml`, as written ("Gaitskell."), or `ascii`, in tokens ("Gaitskell .").
By default they are `xml` where the downloads have them, else `ascii`. `ascii` has two
quirks: initials are spaced out ("M P", "B B C"), and a few tokens contain a space. CER
and WER differ between the two, so the choice is stored with the lines.
"""

import argparse
import collections
import hashlib
import importlib.resources
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ocr_jax import sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.images import cleaning, opening
from ocr_jax.sources.iam import archives, label_files

# name → split → its lists of line ids, in ocr_jax/sources/iam/splits
SPLITS = {
    "aachen": {
        "train": ("aachen/train",),
        "validation": ("aachen/validation",),
        "test": ("aachen/test",),
    },
    "lwitlrt": {
        "train": ("lwitlrt/train",),
        "validation": ("lwitlrt/validation1",),
        "validation2": ("lwitlrt/validation2",),
        "test": ("lwitlrt/test",),
    },
    "lab": {
        "train": ("lwitlrt/train", "lwitlrt/validation2"),
        "validation": ("lwitlrt/validation1",),
        "test": ("lwitlrt/test",),
    },
}
EXAMPLES = {
    "lines": "line images such as a01-000u-00.png (lines.tgz)",
    "forms": "forms such as a01-000u.png (formsA-D.tgz, …)",
    "xml": "labels such as a01-000u.xml",
    "ascii": "lines.txt",
}
# What to download, by what --images takes; the labels of either kind will do.
REGISTER = "https://fki.tic.heia-fr.ch/databases/iam-handwriting-database"
ARCHIVES = {"lines": "lines.tgz", "forms": "formsA-D.tgz, formsE-H.tgz, formsI-Z.tgz"}
# Margin around a line cut from its form, as a share of its height.
ROOM = 0.1


NO_LABEL = label_files.Label("", np.empty((0, 4), int))


class Cut(NamedTuple):
    """One line to take from an image: all of it, or the `boxes` of a form.

    others (m, 4): the boxes of the form's other lines, which are blanked. size: that of
    the form as its labels name it (width, height), if they do.
    """

    line_id: str
    split: str
    writer: str
    text: str
    boxes: np.ndarray | None = None
    others: np.ndarray | None = None
    size: tuple[float, float] | None = None


class Task(NamedTuple):
    """An image and the lines to take from it; image is None if it is missing."""

    name: str
    image: bytes | None
    cuts: list[Cut]


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    add = parser.add_argument
    add("--source", required=True, type=Path, help="folder of the IAM downloads")
    add("--split", choices=SPLITS, default="aachen", help="(default: aachen)")
    add(
        "--images",
        choices=("lines", "forms"),
        default="lines",
        help="images to cut lines from (default: lines)",
    )
    add(
        "--transcripts",
        choices=("auto", "xml", "ascii"),
        default="auto",
        help="auto: xml, or ascii without xml.tgz (default: auto)",
    )
    add("--allow_incomplete", action="store_true", help="accept missing lines")


def metadata(args: argparse.Namespace) -> dict[str, str]:
    """Return the metadata that scores depend on, kept with the lines."""
    ids = "\n".join(f"{split} {line}" for line, split in line_ids(args.split).items())
    return {
        "split_name": args.split,
        "split_digest": hashlib.sha256(ids.encode()).hexdigest(),
        "transcripts": args.transcripts,
    }


def tasks(args: argparse.Namespace) -> sources.Lazy:
    """Return one task per image; set args.transcripts to the kind that it found.

    Raises UserError without labels or images.
    """
    if not os.path.isdir(args.source):  # Path.is_dir raises in a closed folder
        raise UserError(f"{args.source} is not a folder. {_how_to_get(args)}")
    files = archives.Files(args.source)
    cuts = _cuts(files, args)
    names = {}
    for name in files:
        stem, _, suffix = name.rpartition(".")
        if stem in cuts and f".{suffix.lower()}" in opening.SUFFIXES:
            names[name] = stem
    if not names:
        raise UserError(
            f"{args.source} holds no {EXAMPLES[args.images]}, extracted or not. "
            f"{_how_to_get(args)}"
        )
    return sources.Lazy(len(cuts), lambda: _tasks(files, names, cuts))


def read(task: Task, height: int) -> list[sources.Item]:
    """Read the lines of an image, or say why they are left out."""
    if task.image is None:
        return [sources.Skipped(cut.line_id, "no image") for cut in task.cuts]
    try:
        gray = opening.read_image(task.image)
        for cut in task.cuts:
            if cut.boxes is not None:
                boxes = np.concatenate([cut.boxes, cut.others])
                label_files.require_size(gray.shape[::-1], boxes, cut.size)
    except UserError as error:
        return [sources.Skipped(cut.line_id, str(error)) for cut in task.cuts]
    items = []
    for cut in task.cuts:
        try:
            image = _cut(gray, cut, height)
        except UserError as error:
            items.append(sources.Skipped(cut.line_id, str(error)))
        else:
            line = lines_file.Line(image, cut.text, cut.line_id, cut.writer)
            items.append((cut.split, line))
    return items


def lacking(args: argparse.Namespace, counts: dict[str, int]) -> str:
    """Say how many lines the splits lack; "" if they are complete."""
    expected = collections.Counter(line_ids(args.split).values())
    missing = [
        f"{split} lacks {count - counts.get(split, 0):,} of {count:,} lines"
        for split, count in expected.items()
        if counts.get(split, 0) < count
    ]
    if args.allow_incomplete or not missing:
        return ""
    return (
        f"{args.split} is incomplete, and --allow_incomplete was not given: "
        f"{', '.join(missing)}"
    )


def line_ids(split_name: str) -> dict[str, str]:
    """Return line id → split, in the order of the lists."""
    folder = importlib.resources.files("ocr_jax.sources.iam") / "splits"
    return {
        line_id: split
        for split, lists in SPLITS[split_name].items()
        for name in lists
        for line_id in (folder / f"{name}.txt").read_text().split()
    }


def _tasks(
    files: archives.Files, names: dict[str, str], cuts: dict[str, list[Cut]]
) -> Iterator[Task]:
    """Yield the images that exist, in storage order, then the missing ones.

    names: file name → the image's name in `cuts`.
    """
    missing = dict(cuts)
    for name, content in files.each(names):
        if image_cuts := missing.pop(names[name], None):
            yield Task(names[name], content, image_cuts)
    for name, image_cuts in missing.items():
        yield Task(name, None, image_cuts)


def _cuts(files: archives.Files, args: argparse.Namespace) -> dict[str, list[Cut]]:
    """Return image name, without suffix, → the lines to take from it."""
    splits = line_ids(args.split)
    labels, writers = _labels(files, {_form(line_id) for line_id in splits}, args)
    form_labels = collections.defaultdict(dict)
    for line_id, label in labels.items():
        form_labels[_form(line_id)][line_id] = label
    cuts = collections.defaultdict(list)
    for line_id, split in splits.items():
        form, label = _form(line_id), labels.get(line_id, NO_LABEL)
        cut = Cut(line_id, split, writers.get(form, ""), label.text)
        if args.images == "lines":
            cuts[line_id].append(cut)
        else:
            others = [
                other.boxes
                for other_id, other in form_labels[form].items()
                if other_id != line_id
            ]
            others = np.concatenate([NO_LABEL.boxes, *others])
            cut = cut._replace(boxes=label.boxes, others=others, size=label.size)
            cuts[form].append(cut)
    return dict(cuts)


def _labels(
    files: archives.Files, forms: set[str], args: argparse.Namespace
) -> tuple[dict[str, label_files.Label], dict[str, str]]:
    """Return (labels by line id, writers by form) from the XML or from lines.txt."""
    labels, writers = {}, {}
    if args.transcripts == "auto":
        has_xml = any(f"{form}.xml" in files for form in forms)
        args.transcripts = "xml" if has_xml or "lines.txt" not in files else "ascii"
        print(f"transcripts of {args.source}: {args.transcripts}")
    for _, content in files.each(["forms.txt"]):
        writers = label_files.parse_writers(content.decode("utf-8-sig", "replace"))
    if args.transcripts == "ascii":
        for name, content in files.each(["lines.txt"]):
            text = label_files.decoded(content, name)
            labels = label_files.parse_lines(text, name)
    else:
        for name, content in files.each([f"{form}.xml" for form in forms]):
            writer, form_labels = label_files.parse_form(content, name)
            writers[name.removesuffix(".xml")] = writer
            labels |= form_labels
    if not labels:
        raise UserError(
            f"{args.source} holds no {EXAMPLES[args.transcripts]}, extracted or not: "
            "--transcripts=xml needs IAM's xml.tgz, --transcripts=ascii its ascii.tgz. "
            f"{_how_to_get(args)}"
        )
    return labels, writers


def _how_to_get(args: argparse.Namespace) -> str:
    return (
        f"To get IAM, register at {REGISTER}, download {ARCHIVES[args.images]} and "
        f"xml.tgz (or ascii.tgz), and put them into {args.source} as they are"
    )


def _form(line_id: str) -> str:
    return line_id.rpartition("-")[0]


def _cut(gray: np.ndarray, cut: Cut, height: int) -> np.ndarray:
    """Cut the line's image (height, W). Raises UserError if it has nothing to read."""
    if not cut.text:
        raise UserError("no transcript")
    if cut.boxes is None:
        return cleaning.line_image(gray, height)
    if not len(cut.boxes):
        raise UserError("no outline")
    left, top = cut.boxes[:, :2].min(axis=0)
    right, bottom = (cut.boxes[:, :2] + cut.boxes[:, 2:]).max(axis=0)
    room = round(ROOM * (bottom - top))
    rows = slice(max(0, top - room), max(0, bottom + room))
    columns = slice(max(0, left - room), max(0, right + room))
    mask = np.ones(gray.shape, bool)
    for x, y, width, height_ in np.maximum(cut.others, 0):
        mask[y : y + height_, x : x + width] = False
    for x, y, width, height_ in np.maximum(cut.boxes, 0):
        mask[y : y + height_, x : x + width] = True
    if not gray[rows, columns].size:
        raise UserError("a line outside its form")
    return cleaning.line_image(gray[rows, columns], height, mask[rows, columns])
