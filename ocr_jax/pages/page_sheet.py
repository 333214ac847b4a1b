"""Draws pages with their lines: where they truly run, and where a finder sees them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ocr_jax import errors
from ocr_jax.data import pages_file
from ocr_jax.errors import UserError
from ocr_jax.images import contact_sheet, page_images, page_size
from ocr_jax.pages import finder as finder_lib
from ocr_jax.pages import line_reading

# Found lines are thin and lie on the true ones.
TRUE, FOUND = ((60, 190, 90), 5), ((210, 30, 30), 2)
IN_A_ROW = 4


def draw_file(path: Path, out: Path, split: str, *, count: int, finder: str):
    """Draw pages of a pages file, evenly spread over a split, into a PNG.

    finder: what finds lines as well (see run_names), or "".
    """
    splits = pages_file.read(path, (split,))
    if split not in splits:
        raise UserError(f"{path} has no {split} pages: name another --split")
    pages = splits[split].pages
    network = finder_lib.load(finder) if finder else None
    chosen = contact_sheet.spread(len(pages), count)
    _save([_with_lines(pages[index], network) for index in chosen], out)
    print(f"{out}: {len(chosen)} of {len(pages):,} {split} pages; true lines are green")


def draw_images(paths: Sequence[Path], out: Path, *, count: int, finder: str):
    """Draw page images with the lines that are found on them into a PNG.

    Raises UserError if the PNG is one of the pages.
    """
    pages = list(page_images.find(list(map(str, paths))))
    if os.path.realpath(out) in {os.path.realpath(page.source) for page in pages}:
        raise UserError(f"--out={out} is a page to draw: name another file")
    network = finder_lib.load(finder)
    chosen = [pages[index] for index in contact_sheet.spread(len(pages), count)]
    drawn = list(_found(chosen, network))
    if not drawn:
        raise UserError("no page could be read")
    _save(drawn, out)
    print(f"{out}: {len(drawn)} of {len(pages):,} pages")


def _found(pages: Sequence[page_images.PageImage], network) -> Iterator[np.ndarray]:
    for page in pages:
        try:
            image, _ = page_size.shrink(page.read())
        except UserError as error:
            errors.say(f"{page.name}: {error}")
        else:
            yield _with_lines(pages_file.Page(page.name, 255 - image, ()), network)


def _with_lines(page: pages_file.Page, network) -> np.ndarray:
    """Return a page as RGB (H, W, 3), with its lines numbered in reading order."""
    canvas = np.stack([255 - page.image] * 3, axis=-1)
    _lines(canvas, page.lines, *TRUE)
    caption = (
        f"{page.page_id}   {len(page.lines)} lines" if page.lines else page.page_id
    )
    if network:
        found = network.find_at_size(page.image)
        _lines(canvas, line_reading.in_order(found, canvas.shape[1]), *FOUND)
        caption += f"   {len(found)} found"
    return np.concatenate([canvas, contact_sheet.caption(caption, canvas.shape[1])])


def _lines(canvas: np.ndarray, lines: Sequence[pages_file.Line], color, thickness: int):
    for number, line in enumerate(lines, 1):
        points = np.rint(line.baseline).astype(np.int32)
        cv2.polylines(canvas, [points], False, color, thickness, cv2.LINE_AA)
        x, y = points[0]
        place = max(2, int(x) - 14 - 4 * thickness), int(y)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(canvas, str(number), place, font, 0.4, color, 1, cv2.LINE_AA)


def _save(drawn: Sequence[np.ndarray], out: Path):
    """Put pages beside each other, IN_A_ROW at most, and below."""
    height = max(len(page) for page in drawn)
    width = max(page.shape[1] for page in drawn)
    columns = min(IN_A_ROW, len(drawn))
    rows = -(-len(drawn) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, page in enumerate(drawn):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + len(page), left : left + page.shape[1]] = page
    contact_sheet.save(Image.fromarray(sheet), out)
