"""Whole pages with their baselines in ALTO or PAGE XML, to train a finder of lines.

Pages are gray and at most 1,280 pixels long. A line without a baseline is left out,
and so is a page that has no other lines: training would take them for paper.
Texts are kept where there are any: the finder is then scored by what is read, too.
"""

import argparse
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from ocr_jax import charset, sources
from ocr_jax.data import pages_file
from ocr_jax.errors import UserError
from ocr_jax.images import page_size
from ocr_jax.sources import left_out, splitting, worker_pool
from ocr_jax.sources.pages import any_format, line_cutting

add_flags = any_format.add_flags
tasks = any_format.tasks
# Of the heights of a line's letters along it: tips of a few reach farther.
USUAL = 75
# Pages that may wait in memory, per worker.
AHEAD = 4


def read(task, height: int) -> list[sources.Item]:
    """Return a page, and the lines of it that are left out."""
    if task.problem:
        return [sources.Skipped(task.name, task.problem)]
    parse = any_format.PARSERS[task.format]
    gray, page, scale = line_cutting.open_page(task.path, task.image, parse)
    image, factor = page_size.shrink(gray)
    lines, texts, items = [], [], line_cutting.further_pages(task)
    for line in [page.lines[n] for n in page.order] or page.lines:
        try:
            found = _line(line, scale)
        except UserError as error:
            items.append(sources.Skipped(f"{task.name}/{line.line_id}", str(error)))
        else:
            lines.append(found.scaled(factor))
            outline = pages_file.scaled(line.outline * scale, factor)
            texts.append(pages_file.Text(charset.written(line.text)[0], outline))
    if page.lines and not lines:
        why = "a page whose lines are all left out"
        return [*items, sources.Skipped(task.name, why)]
    if not any(text.text for text in texts):
        texts = []
    whole = pages_file.Page(task.name, 255 - image, tuple(lines), tuple(texts))
    return [(task.split or "train", whole), *items]


def make(args: argparse.Namespace):
    """Write the pages file that the options describe; print a summary."""
    found = tasks(args)
    skipped, incomplete = [], []
    results = worker_pool.read_all(read, found, 0, args.workers, ahead=AHEAD)
    items = _noting_incomplete(results, incomplete)
    pages = left_out.kept(items, skipped, "no page could be read")
    counts = pages_file.save(args.out, pages, f"whole_pages {args.source}")
    print(pages_file.summary(args.out, counts))
    if any(not (task.split or task.problem) for task in found):
        print(
            "splits: the only page is in train, and training needs validation pages: "
            "add other pages"
        )
    else:
        print(f"splits: {found.splits}")
        if "validation" not in counts:
            print(splitting.no_validation("pages"))
    if incomplete:
        print(
            f"pages that have only some of their lines: {len(incomplete):,}; training "
            "takes the others for paper: give them baselines"
        )
    left_out.report(skipped, args.out)


def _noting_incomplete(
    results: Iterable[list[sources.Item]], incomplete: list[str]
) -> Iterator[sources.Item]:
    """Yield all items, and add the names of pages that lack some lines."""
    for items in results:
        left = [item for item in items if isinstance(item, sources.Skipped)]
        for item in items:
            if not isinstance(item, sources.Skipped):
                _, page = item
                # Other pages of its TIFF have the page's name, its lines their own.
                if any(one.name != page.page_id for one in left):
                    incomplete.append(page.page_id)
            yield item


def _line(line: line_cutting.TextLine, scale: np.ndarray) -> pages_file.Line:
    """Return a line in the page's pixels. Raises UserError if it has no place."""
    if line.problem:
        raise UserError(line.problem)
    if len(line.baseline) < 2 or len(line.outline) < 3:
        raise UserError("a line without a baseline")
    baseline, outline = line.baseline * scale, line.outline * scale
    if np.abs(np.concatenate([baseline, outline])).max() > line_cutting.FARTHEST:
        raise UserError("a line whose outline or baseline is far off the page")
    return pages_file.Line(baseline, *reach(outline, baseline))


def reach(outline: np.ndarray, baseline: np.ndarray) -> tuple[float, float]:
    """Return how far an outline usually reaches above and below a baseline."""
    low = np.floor(outline.min(axis=0))
    size = np.ceil(outline.max(axis=0) - low).astype(int) + 1
    # Few columns tell as much as all, of a line that is as long as a page.
    shrunk = min(1.0, 2000 / size.max())
    columns, rows = np.maximum(1, np.ceil(size * shrunk)).astype(int)
    mask = np.zeros((rows, columns), np.uint8)
    cv2.fillPoly(mask, [np.round((outline - low) * shrunk).astype(np.int32)], 1)
    inside = np.flatnonzero(mask.any(axis=0))
    top = mask.argmax(axis=0)[inside]
    bottom = rows - 1 - mask[::-1].argmax(axis=0)[inside]
    points = (baseline[np.argsort(baseline[:, 0])] - low) * shrunk
    middle = np.interp(inside, *points.T)
    above = np.percentile(middle - top, USUAL) / shrunk
    below = np.percentile(bottom - middle, USUAL) / shrunk
    return max(1.0, float(above)), max(1.0, float(below))
