"""Finds the pages of a collection: each image once, with the XML that has its lines."""

import argparse
import collections
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ocr_jax import sources
from ocr_jax.errors import UserError
from ocr_jax.images import finding
from ocr_jax.sources import splitting
from ocr_jax.sources.pages import image_index, xml_files


class Task(NamedTuple):
    """One page: its XML and its image, or why it is left out.

    split: "" draws the splits of its lines, from `shares` and `seed`.
    """

    name: str
    split: str
    writer: str
    path: Path
    format: str = ""
    image: Path | None = None
    problem: str = ""
    shares: str = ""
    seed: int = 0


class Found(NamedTuple):
    """An XML file with lines. problem: why it is left out, or ""."""

    name: str
    path: Path
    head: xml_files.Head
    image: Path | None = None
    problem: str = ""


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of the sources of pages."""
    parser.add_argument(
        "--source", required=True, type=Path, help="folder of XML files and page images"
    )
    splitting.add_flags(parser)


def tasks(args: argparse.Namespace, formats: Sequence[str]) -> sources.Tasks:
    """Return one task per page whose XML is of one of the formats, and its problems.

    Raises UserError if the folder has no such XML file.
    """
    pages, others = find(args.source, formats)
    good = [page for page in pages if not page.problem]
    placements, note = _place(good, args)
    placed = {page.name: one for page, one in zip(good, placements, strict=True)}
    tasks = [_task(page, placed.get(page.name), args) for page in [*pages, *others]]
    return sources.Tasks(tasks, note)


def find(folder: Path, formats: Sequence[str]) -> tuple[list[Found], list[Found]]:
    """Find the pages of a folder, each image once, and the XML of other formats.

    Raises UserError if the folder has no XML of one of the formats.
    """
    if not finding.is_folder(folder):
        raise UserError(f"{folder} is not a folder")
    files = list(finding.files(folder))
    found = list(_xml_files(files, folder))
    wanted = [one for one in found if one.head.format in formats]
    if not wanted:
        raise UserError(_nothing(folder, formats, found))
    others = [_other_format(one) for one in found if one.head.format not in formats]
    index = image_index.ImageIndex(files, folder)
    return _once(_of_own_volume([_with_image(one, index) for one in wanted])), others


def _place(pages: Sequence[Found], args) -> tuple[list[splitting.Placed], str]:
    """Place pages in splits; the lines of a lone page are drawn when they are read."""
    if len(pages) == 1 and not splitting.spelling(pages[0].name):
        writer = splitting.writer_of(pages[0].path.stem, args.writer_regex)
        splitting.shares(args.split)
        note = (
            f"drawn by line, as there is one page, --split={args.split} "
            f"--seed={args.seed}; its hands are in train, too: scores say little about "
            "other hands"
        )
        return [splitting.Placed("", writer)], note
    entries = [
        splitting.Entry(
            page.name, page.image, is_page=True, lines=xml_files.count_lines(page.path)
        )
        for page in pages
    ]
    return splitting.place(entries, args)


def _task(page: Found, placed: splitting.Placed | None, args) -> Task:
    if placed is None:
        return Task(page.name, "", "", page.path, problem=page.problem)
    return Task(
        name=page.name,
        split=placed.split,
        # A page without a writer counts as its own.
        writer=placed.writer or page.name,
        path=page.path,
        format=page.head.format,
        image=page.image,
        problem=placed.problem,
        shares=args.split,
        seed=args.seed,
    )


def _xml_files(files: Sequence[Path], folder: Path) -> Iterator[Found]:
    """Yield the XML files that may have lines."""
    for path in files:
        if path.suffix.lower() != ".xml":
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        try:
            head = xml_files.read_head(path)
        except UserError as error:
            reason = str(error).replace(str(path), "it")
            yield Found(name, path, xml_files.Head("", "", "", ""), None, reason)
        else:
            if head.root not in xml_files.IGNORED:
                yield Found(name, path, head)


def _nothing(folder: Path, formats: Sequence[str], found: Sequence[Found]) -> str:
    """Say that a folder has no XML of these formats, and what it has."""
    others = sorted({one.head.format for one in found} - {""})
    if others:
        return (
            f"the XML files in {folder} are {' and '.join(others)}, not "
            f"{' or '.join(formats)}: use prepare {others[0].lower()}, or prepare pages"
        )
    if problems := [one.problem for one in found if one.problem]:
        return f"no page in {folder} can be read: {found[0].name}.xml: {problems[0]}"
    return (
        f"no {' or '.join(formats)} XML in {folder}: expected one file per page, with "
        "its image"
    )


def _other_format(one: Found) -> Found:
    """Say why a file of another format is left out."""
    if one.problem:
        return one
    if one.head.format:
        why = f"{one.head.format} XML: prepare pages reads ALTO and PAGE"
    else:
        why = f"neither ALTO nor PAGE: its root is <{one.head.root}>"
    return one._replace(problem=why)


def _with_image(one: Found, index: image_index.ImageIndex) -> Found:
    try:
        return one._replace(image=index.find(one.path, one.head.image_name))
    except UserError as error:
        return one._replace(problem=str(error))


def _of_own_volume(pages: Sequence[Found]) -> list[Found]:
    """Leave out pages with an image of another volume, which has the same names.

    Volumes are folders whose XML files have images beside or above them.
    """
    homes = {page.path.parent: page.image.parent for page in pages if _is_home(page)}
    return [
        page._replace(image=None, problem=image_index.missing(page.head.image_name))
        if page.image
        and not _is_home(page)
        and page.path.parent in homes
        and page.image.parent in homes.values()
        else page
        for page in pages
    ]


def _is_home(page: Found) -> bool:
    """Return whether a page's image lies beside its XML, or above it."""
    return bool(page.image) and page.image.parent in page.path.parents


def _once(pages: Sequence[Found]) -> list[Found]:
    """Take one XML file for each image; the others are left out.

    Taken is one beside or below the image, of these the one named like it, else PAGE
    before ALTO, else the last changed.
    """
    by_image = collections.defaultdict(list)
    for page in pages:
        if page.image:
            by_image[os.path.realpath(page.image)].append(page)
    for twins in by_image.values():
        # Stable sorts, the least important first.
        twins.sort(key=lambda page: page.head.changed, reverse=True)
        twins.sort(key=lambda page: page.head.format != "PAGE")
        twins.sort(key=lambda page: page.path.stem != page.image.stem)
        twins.sort(key=_is_home, reverse=True)
    taken = {twins[0].path: twins[0] for twins in by_image.values()}
    return [
        page
        if page.problem or page.path in taken
        else page._replace(
            problem="another XML of its image is taken: "
            f"{by_image[os.path.realpath(page.image)][0].name}.xml"
        )
        for page in pages
    ]
