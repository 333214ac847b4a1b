"""Joins pages files: the pages of other files are trained on beside the collection's.

Called by `prepare join`, whose options it shares.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from ocr_jax import sources
from ocr_jax.data import lines_file, pages_file
from ocr_jax.errors import UserError
from ocr_jax.sources import join, left_out, worker_pool


def make(args: argparse.Namespace):
    """Write the joined pages file, page by page; print a summary.

    Raises UserError for a file of another kind, and for options of lines files.
    """
    sources.require_at_least(args, times=1)
    join.refuse_same_names(args.others)
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
    skipped: list[sources.Skipped] = []
    pages = _pages(args, ("train", *own), skipped)
    counts = pages_file.save(
        args.out, worker_pool.shown_progress(pages, total), f"join {args.source}"
    )
    print(pages_file.summary(args.out, counts))
    left_out.report(skipped, args.out)


def _pages(
    args: argparse.Namespace, splits: tuple[str, ...], skipped: list[sources.Skipped]
) -> Iterator[tuple[str, pages_file.Page]]:
    """Yield pages of splits, and add those that are left out to `skipped`."""
    for split in dict.fromkeys(splits):
        for copy in range(1, 1 + (args.times if split == "train" else 1)):
            suffix = "" if copy == 1 else f"{lines_file.COPY}{copy}"
            yield from _renamed(args.source, split, "", suffix)
        if split == "train":
            held_out = _held_out(args.source, splits)
            for added in _added(args):
                if copied := held_out.get(join.digest(added[1].image)):
                    why = join.copy_of(copied)
                    skipped.append(sources.Skipped(added[1].page_id, why))
                else:
                    yield added


def _held_out(path: Path, splits: tuple[str, ...]) -> dict[bytes, str]:
    """Return the split of each image that is not trained on."""
    return {
        join.digest(page.image): split
        for split in splits
        if split != "train"
        for page in pages_file.each(path, split)
    }


def _added(args: argparse.Namespace) -> Iterator[tuple[str, pages_file.Page]]:
    for path in args.others:
        yield from _renamed(path, "train", f"{lines_file.ADDED}{path.stem}/", "")


def _renamed(
    path: Path, split: str, prefix: str, suffix: str
) -> Iterator[tuple[str, pages_file.Page]]:
    for page in pages_file.each(path, split):
        page_id = f"{prefix}{page.page_id}{suffix}"
        yield split, dataclasses.replace(page, page_id=page_id)
