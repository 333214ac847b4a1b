"""Splits of a collection: its own, or drawn so that no writer, page or image leaks."""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.sources import image_copies

# `AD78_0002-0-000`: everything up to the last two dashes.
WRITER_REGEX = r"^(.+)-[^-]+-[^-]+$"
# How people name the splits, in any case of letters.
SPELLINGS = {
    "train": ("train", "training", "trn", "train_set", "trainset"),
    "validation": ("validation", "valid", "val", "dev", "devel", "development"),
    "test": ("test", "testing", "tst", "test_set", "testset"),
}
SPLIT_OF = {name: split for split, names in SPELLINGS.items() for name in names}
# The validation lines, or, where there are others, the test lines.
EVALUATION = ("eval", "evaluation")
# `page_12_line_03`, `scan[2]`: what names a line within its page, or within its TIFF.
LINE_PART = re.compile(
    r"([-_. ]*(?:line|ligne|zeile|l|r\d+l)?[-_. ]*\d+[a-z]?)?(\[\d+\])?$", re.I
)
SHOWN_SPELLINGS = 6
MOST_SHARE = 1e12  # whose sum is finite; shares may be numbers of lines


class Entry(NamedTuple):
    """What is put into a split as a whole: a line, or a page of lines.

    name: unique, its folders divided by "/". path: of its image, if that is known.
    split: that of the collection, as it is spelt there; "" if the name has it, if any.
    lines: how many it has, about.
    """

    name: str
    path: Path | None = None
    is_page: bool = False
    writer: str = ""
    split: str = ""
    lines: int = 1


class Placed(NamedTuple):
    """The split and the writer of an entry. problem: why it is left out, or ""."""

    split: str
    writer: str
    problem: str = ""


def add_flags(parser: argparse.ArgumentParser):
    """Add the options that split a collection."""
    add = parser.add_argument
    add(
        "--split",
        default="80,10,10",
        help="shares of train,validation,test where the collection has no splits of "
        "its own (default: 80,10,10)",
    )
    add("--seed", type=int, default=0, help="seed of the drawn splits (default: 0)")
    add(
        "--writer_regex",
        default=WRITER_REGEX,
        help="pattern whose first group is the writer in a file name; lines of one "
        "writer stay in one split (default: all before the last two dashes)",
    )


def place(
    entries: Sequence[Entry], args: argparse.Namespace
) -> tuple[list[Placed], str]:
    """Place entries in splits; say whose the splits are.

    They are the collection's own where folders or a table name them. Otherwise whole
    writers are drawn; with fewer writers than splits, whole pages; with fewer of these,
    lines. Copies of one image are never in two splits. Raises UserError if only some
    entries have a split: a new draw could train on test lines.
    """
    writers = [
        entry.writer or writer_of(entry.name.rpartition("/")[2], args.writer_regex)
        for entry in entries
    ]
    gone = [bool(entry.path) and not os.path.isfile(entry.path) for entry in entries]
    if any(gone):  # reading says why; they must not take a share of the draw
        here = [e for e, is_gone in zip(entries, gone, strict=True) if not is_gone]
        placed, note = place(here, args)
        left = iter(placed)
        return [Placed("train", "") if g else next(left) for g in gone], note
    if not entries:
        return [], "none"
    copies = image_copies.find(entries)
    spelt = [entry.split or spelling(entry.name) for entry in entries]
    if not any(spelt):
        splits, note = _draw(entries, writers, copies, args)
        return list(map(Placed, splits, writers)), note
    splits = _own(entries, spelt)
    problems, warning = _leaks(entries, splits, copies)
    shown = ", ".join(sorted(set(spelt))[:SHOWN_SPELLINGS])
    note = f"the collection's own ({shown}){warning}"
    return list(map(Placed, splits, writers, problems)), note


def writer_of(name: str, regex: str) -> str:
    """Return the writer that a file name contains, or "" if it contains none."""
    try:
        match = re.search(regex, name)
    except re.error as error:
        raise UserError(f"--writer_regex={regex}: {error}") from None
    if not match:
        return ""
    return (match.group(1) or "") if match.re.groups else match.group(0)


def page_of(entry: Entry) -> str:
    """Return what is the same for the lines of a page: the name without the line's."""
    return entry.name if entry.is_page else LINE_PART.sub("", entry.name)


def draw(
    units: Sequence[str],
    args: argparse.Namespace,
    lines: Sequence[int] | None = None,
) -> list[str]:
    """Draw the split of each unit's occurrences; equal units get the same one.

    lines: of each occurrence, 1 if absent. Units are placed largest first, ties in a
    seeded order. Each goes to the split that is furthest below its share, so the shares
    are met as closely as whole units allow. The last ones go to splits that are empty
    still.
    """
    if args.seed < 0:
        raise UserError(f"--seed={args.seed}: expected 0 or more")
    wanted = shares(args.split)
    unique, indices = np.unique(units, return_inverse=True)
    counts = np.bincount(indices, lines)
    order = np.random.default_rng(args.seed).permutation(len(unique))
    filled, split_of = np.zeros(len(wanted)), {}
    ordered = order[np.argsort(-counts[order], kind="stable")]
    for left, index in zip(range(len(ordered), 0, -1), ordered, strict=True):
        empty = (wanted > 0) & (filled == 0)
        allowed = empty if empty.sum() >= left else wanted > 0
        deficits = wanted * counts.sum() - filled
        choice = int(np.argmax(np.where(allowed, deficits, -np.inf)))
        split_of[str(unique[index])] = lines_file.SPLITS[choice]
        filled[choice] += counts[index]
    return [split_of[unit] for unit in units]


def no_validation(kind: str) -> str:
    """Say that no lines or pages are in validation, and what to do."""
    return (
        f"no validation {kind}, and training needs some: give them a share with "
        "--split or, where the collection has splits of its own, a folder val"
    )


def shares(text: str) -> np.ndarray:
    """Parse the shares (3,) of lines_file.SPLITS. Raises UserError if they are none."""
    try:
        parts = np.array([float(part) for part in text.split(",")])
    except ValueError:
        parts = np.array([])
    is_finite = np.all((parts >= 0) & (parts < MOST_SHARE))
    if parts.shape != (3,) or not is_finite or parts[0] <= 0:
        raise UserError(
            f"--split={text}: expected three shares for train,validation,test, such "
            "as 80,10,10"
        )
    return parts / parts.sum()


def spelling(name: str) -> str:
    """Return the topmost folder in a name that is called like a split, or ""."""
    folders = name.split("/")[:-1]
    return next((f for f in folders if f.lower() in (*SPLIT_OF, *EVALUATION)), "")


def _own(entries: Sequence[Entry], spelt: Sequence[str]) -> list[str]:
    """Return the collection's own splits. Raises UserError if an entry has none."""
    known = SPLIT_OF | dict.fromkeys(
        EVALUATION,
        "test"
        if "validation" in {SPLIT_OF.get(word.lower()) for word in spelt}
        else "validation",
    )
    spellings = sorted(set(filter(None, spelt)))
    for entry, word in zip(entries, spelt, strict=True):
        if word.lower() not in known:
            found = f"is in the split {word!r}" if word else "is in no split"
            raise UserError(
                f"{entry.name!r} {found}, but others are in "
                f"{', '.join(spellings[:SHOWN_SPELLINGS])}: put all lines in "
                f"{', '.join(lines_file.SPLITS)}, or none"
            )
    return [known[word.lower()] for word in spelt]


def _leaks(
    entries: Sequence[Entry], splits: Sequence[str], copies: Sequence[str]
) -> tuple[list[str], str]:
    """Return why entries are left out: a copy of their image is in a later split.

    Where this would leave a split without lines, none is left out but a warning given.
    """
    order = lines_file.SPLITS
    last: dict[str, int] = {}
    for index, copy in enumerate(copies):
        best = last.setdefault(copy, index)
        if order.index(splits[index]) > order.index(splits[best]):
            last[copy] = index
    problems = [
        f"a copy of its image is in {splits[last[copy]]}: {entries[last[copy]].name}"
        if splits[last[copy]] != split
        else ""
        for split, copy in zip(splits, copies, strict=True)
    ]
    kept = {s for s, problem in zip(splits, problems, strict=True) if not problem}
    if kept < set(splits):
        count = sum(map(bool, problems))
        warning = (
            f"; WARNING: {count} images have copies in another split, where scores "
            "will be too good"
        )
        return [""] * len(entries), warning
    return problems, ""


def _draw(
    entries: Sequence[Entry],
    writers: Sequence[str],
    copies: Sequence[str],
    args: argparse.Namespace,
) -> tuple[list[str], str]:
    """Draw splits of whole writers, or pages, or lines, whichever there are enough of.

    Enough is one for each split that has a share. Returns also how they were drawn.
    """
    needed = int(np.sum(shares(args.split) > 0))
    lines = [entry.lines for entry in entries]
    pages = [page_of(entry) for entry in entries]
    names = [entry.name for entry in entries]
    by_writer = [
        f"writer {writer}" if writer else f"page {page}"
        for writer, page in zip(writers, pages, strict=True)
    ]
    seen = "its hands are in train, too: scores say little about other hands"
    choices = [
        ("writer", by_writer, "no writer is in two of them"),
        ("page", pages, seen),
        ("line", names, seen),
    ]
    if len(set(filter(None, writers))) < needed:
        del choices[0]
    if all(entry.is_page for entry in entries):
        del choices[-1]
    joined = [(k, _joined(units, copies), remark) for k, units, remark in choices]
    enough = [choice for choice in joined if len(set(choice[1])) >= needed]
    kind, units, remark = (enough or joined[-1:])[0]
    if needed == 1:
        return draw(units, args, lines), f"all lines are in train, --split={args.split}"
    note = f"drawn by {kind}, --split={args.split} --seed={args.seed}; {remark}"
    return draw(units, args, lines), note


def _joined(units: Sequence[str], copies: Sequence[str]) -> list[str]:
    """Return units such that those with copies of one image are one."""
    parent = {unit: unit for unit in units}

    def root(unit):
        while parent[unit] != unit:
            parent[unit] = unit = parent[parent[unit]]
        return unit

    first: dict[str, str] = {}
    for unit, copy in zip(units, copies, strict=True):
        one, other = sorted((root(unit), root(first.setdefault(copy, unit))))
        parent[other] = one
    return [root(unit) for unit in units]
