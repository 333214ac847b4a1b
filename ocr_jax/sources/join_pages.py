"""Joins pages files: the pages of other files are trained on beside the collection's.

Called by `prepare join`, whose options it shares.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from ocr_jax import sources
from ocr_jax.data import lines_file, lines_writer, pages_file
from ocr_jax.errors import UserError
from ocr_jax.sources import join, worker_pool


def make(args: argparse.Namespace):
    """Write the joined pages file, page by page; print a summary.

    Raises UserError for a file of another kind, and for options of lines files.
    """
    sources.require_at_least(args, times=1)
    join.refuse_same_names(args.others)
    lines_writer.check_output(args.out, args.overwrite)
    if args.height is not None:
        raise UserError("--height is for lines files: pages keep their size")
    if args.license:
        raise UserError("--license is for lines files: pages files record none")
    own = pages_file.sizes(args.source)
    others = {path: pages_file.sizes(path).get("train", 0) for path in args.others}
    for path, size in others.items():
        if not size:
            raise UserError(f"{path} has no train pages to add")
    copies = (args.times - 1) * own.get("train", 0)
    total = sum(own.values()) + copies + sum(others.values())
    pages = worker_pool.shown_progress(_pages(args, ("train", *own)), total)
    counts = pages_file.save(args.out, pages, f"join {args.source}")
    print(pages_file.summary(args.out, counts))


def _pages(
    args: argparse.Namespace, splits: tuple[str, ...]
) -> Iterator[tuple[str, pages_file.Page]]:
    for split in dict.fromkeys(splits):
        for copy in range(1, 1 + (args.times if split == "train" else 1)):
            suffix = "" if copy == 1 else f"{lines_file.COPY}{copy}"
            yield from _renamed(args.source, split, "", suffix)
        if split == "train":
            yield from _added(args)


def _added(args: argparse.Namespace) -> Iterator[tuple[str, pages_file.Page]]:
    for path in args.others:
        yield from _renamed(path, "train", f"{lines_file.ADDED}{path.stem}/", "")


def _renamed(
    path: Path, split: str, prefix: str, suffix: str
) -> Iterator[tuple[str, pages_file.Page]]:
    for page in pages_file.each(path, split):
        page_id = f"{prefix}{page.page_id}{suffix}"
        yield split, dataclasses.replace(page, page_id=page_id)
