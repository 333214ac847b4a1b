"""Sources of lines: one module per kind of raw data, all with the same three calls.

    add_flags(parser)     the source's own options
    tasks(args)           one small picklable object a piece of work, in a fixed order
    read(task, height)    what that piece gives: (split, Line)s and Skippeds

A source may have two calls more: about(args), what scores on its lines depend on, by
the names of lines_file.ABOUT; and lacking(args, counts of lines by split), what is
missing for it to be whole, "" if nothing is.

A task read from a file has a name and a path. UserError from read is one Skipped more.
The splits of a collection that has none of its own are drawn here.
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
        help="finds the writer (first group) in a file's name; lines of one writer "
        "stay together (default: all before the last two dashes)",
    )


def writer_of(name: str, regex: str) -> str:
    """Return the writer that a file name contains, or "" if it contains none."""
    try:
        found = re.search(regex, name)
    except re.error as error:
        raise UserError(f"--writer_regex={regex}: {error}") from None
    if not found:
        return ""
    return (found.group(1) or "") if found.re.groups else found.group(0)


def writers_of(names: list[str], args: argparse.Namespace) -> list[str]:
    """Return the writer in each name, ignoring its folders, or "" if there is none."""
    return [writer_of(name.rpartition("/")[2], args.writer_regex) for name in names]


def splits_of(
    writers: list[str], names: list[str], args: argparse.Namespace
) -> list[str]:
    """Return the split of each name: the collection's own, or a drawn one.

    First folders train, validation and test are the splits. UserError where other
    folders, or files, are beside them: redrawn, test lines could be trained on.
    """
    folders = [name.rpartition("/")[0].partition("/")[0] for name in names]
    own = sorted({folder for folder in folders if folder in lines_file.SPLITS})
    if not own:
        return assign_splits(writers, names, args)
    for name, folder in zip(names, folders, strict=True):
        if folder not in lines_file.SPLITS:
            raise UserError(
                f"{name!r} is in no split, but others are in the folders "
                f"{', '.join(own)}: rename its folder to one of "
                f"{', '.join(lines_file.SPLITS)}, or rename those"
            )
    return folders


def assign_splits(
    writers: list[str], names: list[str], args: argparse.Namespace
) -> list[str]:
    """Draw the split of each name; all names of a writer get the same one.

    Writers come in a seeded order; each goes to the split that is furthest below its
    share of the names, so that the shares are met as closely as whole writers allow.
    """
    require_at_least(args, seed=0)
    shares = _shares(args.split)
    units = [writer or f"\0{name}" for writer, name in zip(writers, names, strict=True)]
    unique, counts = np.unique(units, return_counts=True)
    order = np.random.default_rng(args.seed).permutation(len(unique))
    filled, split_of = np.zeros(len(shares)), {}
    for index in order[np.argsort(-counts[order], kind="stable")]:
        lacking = shares * len(names) - filled
        choice = int(np.argmax(np.where(shares > 0, lacking, -np.inf)))
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
            f"--split={text}: expected three shares, train,validation,test, such as "
            "80,10,10"
        )
    return shares / shares.sum()
