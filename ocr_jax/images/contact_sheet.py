"""Draws lines with their transcripts, to check what was prepared."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from ocr_jax import extras, regular_files
from ocr_jax.data import lines_file, stretching
from ocr_jax.errors import UserError, is_disk_full, reason
from ocr_jax.images import opening

LEAST_WIDTH = 1000  # pixels; a sheet is as wide as its widest line
TEXT_SIZE = 18
MARGIN = 8
VARIATIONS = 4  # per line, drawn below it
MARK = ("Software", "ocr_jax prepare show")  # of PNGs that may be replaced


def draw(file_path: Path, out: Path, split_name: str, *, count: int, config=None):
    """Draw `count` lines, evenly spread over a split, black on white, into a PNG.

    config: if given, lines are as wide as its training would have them, and VARIATIONS
    of each follow it.
    """
    with lines_file.LinesFile(file_path) as file:
        split = file.split(split_name)
        if config:
            dense_from = stretching.dense_from(config)
            lengths = [len(text) for text in split.transcripts]
            split = split.stretched(
                stretching.factors(lengths, split.widths, file.height, dense_from)
            )
        indices = spread(len(split), count)
        images = [[split.image(index)] for index in indices]
    if config:
        images = _with_variations(images, config.augment)
    width = max(LEAST_WIDTH, split.widths[indices].max() + 2 * MARGIN)
    captions = [f"{split.transcripts[i]}    [{split.line_ids[i]}]" for i in indices]
    rows = [_row(*row, width) for row in zip(images, captions, strict=True)]
    save(Image.fromarray(np.concatenate(rows)), out)
    print(f"{out}: {len(rows)} of {len(split):,} {split_name} lines")


def spread(size: int, count: int) -> np.ndarray:
    """Return `count` indices at most, evenly spread over `size` things."""
    return np.linspace(0, size - 1, min(count, size)).round().astype(int)


def _with_variations(lines: list[list[np.ndarray]], strengths) -> list[np.ndarray]:
    """Stack each line image (H, W), then its variations: (1 + VARIATIONS, H, max W).

    Training pads lines less; these have more space on the right.
    """
    import jax  # takes a second, so the processes that prepare lines skip it

    from ocr_jax.augmentation import augment

    widths = np.array([image.shape[1] for (image,) in lines], np.int32)
    images = np.zeros((len(lines), lines[0][0].shape[0], widths.max()), np.float32)
    for row, (image,) in zip(images, lines, strict=True):
        row[:, : image.shape[1]] = image / 255.0
    vary = jax.jit(lambda key, *batch: augment.augment(key, *batch, strengths)[0])
    keys = (jax.random.key(number) for number in range(VARIATIONS))
    varied = [images, *(np.asarray(vary(key, images, widths)) for key in keys)]
    return list((255.0 * np.stack(varied, axis=1)).round().astype(np.uint8))


def save(sheet: Image.Image, out: Path):
    """Write a PNG whole, or not at all. Raises UserError if that can't be done."""
    if out.suffix.lower() != ".png":
        raise UserError(f"--out={out}: expected a file name that ends in .png")
    if _is_other_image(out):
        raise UserError(f"{out} exists and is no such drawing: choose another --out")
    info = PngImagePlugin.PngInfo()
    info.add_text(*MARK)
    try:
        with regular_files.replaced(out) as partial:
            sheet.save(partial, pnginfo=info)
    except OSError as error:
        if is_disk_full(error):
            raise
        raise UserError(f"can't write --out={out}: {reason(error, out)}") from None


def _is_other_image(path: Path) -> bool:
    """Return whether a file is an image that was not drawn here, a scan perhaps."""
    try:
        with opening.opened(path) as image:
            return image.info.get(MARK[0]) != MARK[1]
    except opening.BROKEN:
        return False


def _row(images: Sequence[np.ndarray], caption: str, width: int) -> np.ndarray:
    """Stack images (H, W) as black on white above a caption: (H', width)."""
    below = sum(len(image) for image in images) + MARGIN
    row = Image.new("L", (width, below + TEXT_SIZE + MARGIN), "white")
    for number, image in enumerate(images):
        row.paste(Image.fromarray(255 - image), (MARGIN, MARGIN + number * len(image)))
    ImageDraw.Draw(row).text((MARGIN, below), caption, fill=90, font=_font())
    return np.asarray(row)


def caption(text: str, width: int) -> np.ndarray:
    """Return a text as a strip (H, width, 3), dark on white."""
    strip = Image.new("RGB", (width, TEXT_SIZE + 2 * MARGIN), "white")
    ImageDraw.Draw(strip).text((MARGIN, MARGIN), text, fill=(90, 90, 90), font=_font())
    return np.asarray(strip)


def _font() -> ImageFont.FreeTypeFont:
    """Load DejaVu Sans from matplotlib: it has the accents of most scripts.

    Without matplotlib, load Pillow's font, which covers western European languages.
    """
    if not extras.is_installed("matplotlib"):
        return ImageFont.load_default(TEXT_SIZE)
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")
    return ImageFont.truetype(path, TEXT_SIZE)
