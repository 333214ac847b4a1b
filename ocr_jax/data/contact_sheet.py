"""A picture of lines with their transcripts, to look at what was prepared."""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr_jax.data import lines_file
from ocr_jax.errors import UserError, is_disk_full, one_line

LEAST_WIDTH = 1000  # pixels; a sheet is as wide as its widest line
TEXT_SIZE = 18
MARGIN = 8


def draw(file_path: Path, out: Path, split_name: str, *, count: int):
    """Draw `count` lines, evenly spread over a split, as ink on white, into a PNG."""
    if out.suffix.lower() != ".png":
        raise UserError(f"--out={out}: expected a name that ends in .png")
    with lines_file.LinesFile(file_path) as file:
        split = file.split(split_name)
        chosen = np.linspace(0, len(split) - 1, min(count, len(split))).round()
        indices = chosen.astype(int)
        width = max(LEAST_WIDTH, split.widths[indices].max() + 2 * MARGIN)
        rows = [_row(split, index, width) for index in indices]
    _save(Image.fromarray(np.concatenate(rows)), out)
    print(f"{out}: {len(rows)} of {len(split):,} {split_name} lines")


def _save(sheet: Image.Image, out: Path):
    try:
        sheet.save(out)
    except OSError as error:
        if is_disk_full(error):
            raise
        raise UserError(f"can't write --out={out}: {one_line(error)}") from None


def _row(split: lines_file.Split, index: int, width: int) -> np.ndarray:
    """One line of writing, black on white, its transcript and id below: (H, width)."""
    image = split.image(index)
    row = Image.new("L", (width, split.height + TEXT_SIZE + 2 * MARGIN), "white")
    row.paste(Image.fromarray(255 - image), (MARGIN, MARGIN))
    caption = f"{split.transcripts[index]}    [{split.line_ids[index]}]"
    below = (MARGIN, split.height + MARGIN)
    ImageDraw.Draw(row).text(below, caption, fill=90, font=_font())
    return np.asarray(row)


def _font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings: it has the accents of most scripts."""
    path = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")
    return ImageFont.truetype(path, TEXT_SIZE)
