"""A picture of lines with their transcripts, to look at what was prepared."""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr_jax.data import lines_file
from ocr_jax.errors import UserError

WIDTH = 1400  # pixels; a line wider than the sheet is cut off at its edge
TEXT_SIZE = 18
MARGIN = 8


def draw(file_path: Path, out: Path, split_name: str, count: int):
    """Draw `count` lines, evenly spread over a split, as ink on white, into a PNG."""
    if out.suffix.lower() != ".png":
        raise UserError(f"--out={out}: expected a name that ends in .png")
    with lines_file.LinesFile(file_path) as file:
        split = file.split(split_name)
        chosen = np.linspace(0, len(split) - 1, min(count, len(split))).round()
        rows = [_row(split, int(index)) for index in chosen]
    sheet = Image.new("L", (WIDTH, sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (MARGIN, top))
        top += row.height
    sheet.save(out)
    print(f"{out}: {len(rows)} of {len(split):,} {split_name} lines")


def _row(split: lines_file.Split, index: int) -> Image.Image:
    """One line of writing, black on white, its transcript and id below."""
    image = split.image(index)
    row = Image.new("L", (WIDTH, split.height + TEXT_SIZE + 2 * MARGIN), "white")
    row.paste(Image.fromarray(255 - image), (0, MARGIN))
    caption = f"{split.transcripts[index]}    [{split.line_ids[index]}]"
    below = (0, split.height + MARGIN)
    ImageDraw.Draw(row).text(below, caption, fill=90, font=_font())
    return row


def _font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings: it has the accents of most scripts."""
    path = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")
    return ImageFont.truetype(path, TEXT_SIZE)
