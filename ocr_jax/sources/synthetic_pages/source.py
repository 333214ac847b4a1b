"""Synthetic pages: invented text in handwriting fonts on old paper, with baselines.

They train a finder of lines beside real pages: see `prepare join`. Pages in columns,
tables, letters, verses and notes differ in hands, papers, light and angle. Every page
follows from (seed, split, index) alone, with any number of workers.
"""

import argparse
import itertools
from typing import NamedTuple

import cv2
import numpy as np

from ocr_jax import extras, sources
from ocr_jax.data import lines_file, pages_file, polylines
from ocr_jax.sources import left_out, worker_pool
from ocr_jax.sources.synthetic import fonts
from ocr_jax.sources.synthetic_pages import bends, layouts, paper, scans
from ocr_jax.sources.synthetic_pages.hands import Source
from ocr_jax.sources.synthetic_pages.sheets import Sheet, Written

AHEAD = 4  # pages per worker that wait to be written
SPACING = 10.0  # px between the points of a baseline


class Task(NamedTuple):
    """One page to draw."""

    split: str
    index: int
    seed: int
    fonts: tuple[str, ...]
    text: str  # file to take words from, "" for invented prose

    @property
    def name(self) -> str:
        """The page's id."""
        return f"synthetic-{self.split}-{self.index:06}"


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    add = parser.add_argument
    add("--pages", type=int, default=500, help="training pages (default: 500)")
    add("--validation_pages", type=int, default=20, help="(default: 20)")
    fonts.add_drawing_flags(parser)


def tasks(args: argparse.Namespace) -> list[Task]:
    """Return one task per page. Raises UserError for an invalid count, text or font."""
    extras.require("fontTools", "fontpkg", "wonderwords")
    sources.require_at_least(args, pages=1, validation_pages=0, seed=0)
    all_fonts = fonts.FONTS + (fonts.own_fonts(args) if args.fonts else ())
    counts = {"train": args.pages, "validation": args.validation_pages}
    chosen = {
        split: fonts.fitting(all_fonts, args.text, split) if args.text else all_fonts
        for split, count in counts.items()
        if count
    }
    return [
        Task(split, index, args.seed, able, args.text)
        for split, able in chosen.items()
        for index in range(counts[split])
    ]


def read(task: Task, height: int) -> list[tuple[str, pages_file.Page]]:
    """Draw the task's page, a function of the task alone."""
    split_index = lines_file.SPLITS.index(task.split)
    rng = np.random.default_rng((task.seed, split_index, task.index))
    source = Source(task.split, task.text, task.fonts)
    image, written = draw(source, rng)
    lines = tuple(pages_file.Line(w.baseline, w.above, w.below) for w in written)
    texts = tuple(pages_file.Text(w.text, w.outline) for w in written)
    return [(task.split, pages_file.Page(task.name, 255 - image, lines, texts))]


def make(args: argparse.Namespace):
    """Write the pages file that the options describe; print a summary."""
    drawn = worker_pool.read_all(read, tasks(args), 0, args.workers, ahead=AHEAD)
    skipped = []
    items = itertools.chain.from_iterable(drawn)
    pages = left_out.kept(items, skipped, "no page could be drawn")
    counts = pages_file.save(args.out, pages, f"synthetic_pages --seed={args.seed}")
    print(pages_file.summary(args.out, counts))
    left_out.report(skipped, args.out)


def draw(source: Source, rng: np.random.Generator) -> tuple[np.ndarray, list[Written]]:
    """Return a page (H, W) uint8, dark ink, and the lines on it, in its pixels."""
    scene = scans.place(rng)
    sheet = Sheet(scene.flat_shape)
    plan = layouts.plan(source, scene.papers[0].width, rng)
    for box in scene.papers:
        layouts.write(sheet, box, plan, rng)
    ink = np.maximum(sheet.ink, sheet.drawn)
    there = scans.mask(scene, rng)
    ink = (ink * (there > 0.5)).astype(np.uint8)
    bare = paper.show_through(paper.draw(scene.flat_shape, rng), ink, rng)
    behind = scans.around(scene, rng)
    scans.edges(behind, scene, rng)
    seen = scans.shade(paper.inked(bare, ink), scene, rng)
    flat = behind + there * (seen - behind)
    bend = bends.draw(scene.shape, scene.flat_shape, list(scene.folds), rng)
    image = cv2.remap(
        flat, *bend.maps(scene.shape), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return scans.develop(image, rng), _seen(sheet.lines, bend, scene.shape)


def _seen(
    lines: list[Written], bend: bends.Bend, shape: tuple[int, int]
) -> list[Written]:
    """Return the lines of a sheet that an image shows, or what it shows of them."""
    if not lines:
        return []
    size = np.array(shape[::-1]) - 1
    flat = [polylines.resample(line.baseline, SPACING) for line in lines]
    flat += [line.outline for line in lines]
    ends = np.cumsum([len(points) for points in flat])[:-1]
    points = np.split(bend.to_image(np.concatenate(flat)), ends)
    seen = []
    for line, baseline, outline in zip(
        lines, points[: len(lines)], points[len(lines) :], strict=True
    ):
        inside = ((baseline >= 0) & (baseline <= size)).all(axis=1)
        text = line.text if inside.all() else ""
        baseline = baseline[_longest(inside)]
        if len(baseline) > 1 and np.ptp(baseline, axis=0).max() > line.above / 2:
            outline = np.clip(outline, 0, size)
            seen.append(Written(text, baseline, outline, line.above, line.below))
    return seen


def _longest(inside: np.ndarray) -> list[int]:
    """Return the indices of the longest run of points that are inside."""
    runs = itertools.groupby(range(len(inside)), inside.__getitem__)
    return max((list(run) for is_in, run in runs if is_in), key=len, default=[])
