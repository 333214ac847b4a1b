"""Sources of lines and pages: one module per kind of raw data, with the same calls.

    add_flags(parser)     adds the source's own options
    tasks(args)           returns small picklable objects, in a fixed order
                          and may set options that the source decides, args.height too
    read(task, height)    returns the task's (split, Line)s and Skippeds

A source of pages has make(args) besides, which writes the pages file; its read returns
(split, Page)s at a size of their own. A source of lines may have two more calls.
metadata(args) returns what scores on its lines depend on, under the names of
lines_file.ABOUT. lacking(args, counts of lines by split) says which lines are missing,
or "" if it is complete.

A task that reads a file has a name and a path. A UserError from read becomes a Skipped.
splitting.py draws splits for collections that have none of their own.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ocr_jax.data import lines_file, pages_file
from ocr_jax.errors import UserError


class Skipped(NamedTuple):
    """A line or file that was left out, and why."""

    name: str
    reason: str


class Tasks(list):
    """Tasks of a collection, and whose its splits are."""

    def __init__(self, tasks, splits: str):
        super().__init__(tasks)
        self.splits = splits


class Lazy:
    """Tasks created during iteration, so that they need not fit into memory."""

    def __init__(self, count: int, make: Callable[[], Iterator]):
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator:
        return self._make()


Item = tuple[str, lines_file.Line | pages_file.Page] | Skipped


def require_at_least(args: argparse.Namespace, **bounds: int):
    """Raise UserError for the first option that is below its bound."""
    for name, bound in bounds.items():
        if (value := getattr(args, name)) < bound:
            raise UserError(f"--{name}={value}: expected {bound} or more")
