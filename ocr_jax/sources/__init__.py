"""Sources of lines: one module per kind of raw data, all with the same three calls.

    add_flags(parser)     adds the source's own options
    tasks(args)           returns small picklable objects, in a fixed order
                          and may set options that the source decides, args.height too
    read(task, height)    returns the task's (split, Line)s and Skippeds

A source may have two more calls. metadata(args) returns what scores on its lines depend
on, under the names of lines_file.ABOUT. lacking(args, counts of lines by split) says
which lines are missing, or "" if it is complete.

A task that reads a file has a name and a path. A UserError from read becomes a Skipped.
This module also draws splits for collections that have none of their own.
"""

import argparse
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ocr_jax.data import lines_file
from ocr_jax.errors import UserError

# `AD78_0002-0-000`: everything up to the last two dashes.
WRITER_REGEX = r"^(.+)-[^-]+-[^-]+$"


class Skipped(NamedTuple):
    """A line or file that was left out, and why."""

    name: str
    reason: str


class Lazy:
    """Tasks created during iteration, so that they need not fit into memory."""

    def __init__(self, count: int, make: Callable[[], Iterator]):
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator:
        return self._make()


Item = tuple[str, lines_file.Line] | Skipped


def add_split_flags(parser: argparse.ArgumentParser):
    """Add the options that split a collection by writer."""
    add = parser.add_argument
    add(
        "--split",
        default="80,10,10",
        help="shares of train,validation,test (default: 80,10,10)",
    )
    add("--seed", type=int, default=0, help="seed of the drawn splits (default: 0)")
    add(
        "--writer_regex",
        default=WRITER_REGEX,
        help="pattern whose first group is the writer in a file name; lines of one "
        "writer stay in one split (default: all before the last two dashes)",
    )


def writer_of(name: str, regex: str) -> str:
    """Return the writer that a file name contains, or "" if it contains none."""
    try:
        match = re.search(regex, name)
    except re.error as error:
        raise UserError(f"--writer_regex={regex}: {error}") from None
    if not match:
        return ""
    return (match.group(1) or "") if match.re.groups else match.group(0)


def writers_of(names: list[str], args: argparse.Namespace) -> list[str]:
    """Return the writer in each name, ignoring its folders, or "" if there is none."""
    return [writer_of(name.rpartition("/")[2], args.writer_regex) for name in names]


def splits_of(
    writers: list[str], names: list[str], args: argparse.Namespace
) -> list[str]:
    """Return the split of each name: the collection's own, or a drawn one.

    Top-level folders train, validation and test are the splits. Raises UserError if
    other folders or files lie beside them: a new draw could train on test lines.
    """
    folders = [name.rpartition("/")[0].partition("/")[0] for name in names]
    own = sorted({folder for folder in folders if folder in lines_file.SPLITS})
    if not own:
        return assign_splits(writers, names, args)
    for name, folder in zip(names, folders, strict=True):
        if folder not in lines_file.SPLITS:
            raise UserError(
                f"{name!r} is in no split, but there are folders named "
                f"{', '.join(own)}: move it into a folder named "
                f"{', '.join(lines_file.SPLITS)}, or rename those folders"
            )
    return folders


def assign_splits(
    writers: list[str], names: list[str], args: argparse.Namespace
) -> list[str]:
    """Draw the split of each name; all names of a writer get the same one.

    A name without a writer counts as its own writer. Writers are placed largest first,
    ties in a seeded order. Each goes to the split that is furthest below its share, so
    the shares are met as closely as whole writers allow.
    """
    require_at_least(args, seed=0)
    shares = _shares(args.split)
    units = [writer or f"\0{name}" for writer, name in zip(writers, names, strict=True)]
    unique, counts = np.unique(units, return_counts=True)
    order = np.random.default_rng(args.seed).permutation(len(unique))
    filled, split_of = np.zeros(len(shares)), {}
    for index in order[np.argsort(-counts[order], kind="stable")]:
        deficits = shares * len(names) - filled
        choice = int(np.argmax(np.where(shares > 0, deficits, -np.inf)))
        split_of[str(unique[index])] = lines_file.SPLITS[choice]
        filled[choice] += counts[index]
    return [split_of[unit] for unit in units]


def require_at_least(args: argparse.Namespace, **bounds: int):
    """Raise UserError for the first option that is below its bound."""
    for name, bound in bounds.items():
        if (value := getattr(args, name)) < bound:
            raise UserError(f"--{name}={value}: expected {bound} or more")


def _shares(text: str) -> np.ndarray:
    try:
        shares = np.array([float(part) for part in text.split(",")])
    except ValueError:
        shares = np.array([])
    if shares.shape != (3,) or not np.all(shares >= 0) or shares[0] <= 0:
        raise UserError(
            f"--split={text}: expected three shares for train,validation,test, such "
            "as 80,10,10"
        )
    return shares / shares.sum()
