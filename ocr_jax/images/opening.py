"""Opens image files of any kind as gray."""

import io
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ocr_jax import regular_files
from ocr_jax.errors import UserError, one_line

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".jp2")
# No scan of a page is larger; a small file that claims more is a decompression bomb.
# Pillow's own limit is 178,956,970.
MAX_PIXELS = 150_000_000


def read_image(source) -> np.ndarray:
    """Read a path, bytes, file or (H, W[, 3 or 4]) uint8 array as (H, W) uint8 gray.

    Colour, palette, transparent (over white), 16-bit and 1-bit images are read, and
    turned upright by their EXIF tag. Raises UserError if it is not a complete image.
    """
    if isinstance(source, np.ndarray):
        return _to_gray(Image.fromarray(source))
    name = describe(source)
    try:
        data = source if isinstance(source, bytes) else _read_bytes(source)
        if not data:
            raise UserError(f"{name} is empty: 0 bytes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _to_gray(_open(data, name))
    except UnidentifiedImageError:
        reason = "unsupported image format"
    except Image.DecompressionBombError:
        reason = f"it claims to have more than {MAX_PIXELS:,} pixels"
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        reason = one_line(error).replace(repr(source), "it")
    raise UserError(f"{name} can't be read as an image: {reason}")


def describe(source) -> str:
    """Return what to call an image in a message: its path, if known."""
    return str(source) if isinstance(source, str | os.PathLike) else "the image"


def count_pages(path: str | os.PathLike) -> int:
    """Return how many pages a TIFF has; 1 for other files, and for what is no image."""
    if Path(path).suffix.lower() not in (".tif", ".tiff"):
        return 1
    try:
        with Image.open(path) as image:
            return getattr(image, "n_frames", 1)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        return 1


def read_line_image(path: str | os.PathLike) -> np.ndarray:
    """Read the only image of a file. Raises UserError for a TIFF of several pages."""
    if (count := count_pages(path)) > 1:
        raise UserError(f"{path} is a TIFF of {count} pages: expected one line")
    return read_image(path)


def _read_bytes(source) -> bytes:
    if isinstance(source, str | os.PathLike):
        return regular_files.checked(source).read_bytes()
    return source.read()


def _open(data: bytes, name: str) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width} x {image.height} px"
        raise UserError(
            f"{name} is {size}: expected a line or page of {MAX_PIXELS:,} pixels at "
            "most"
        )
    image.load()
    return ImageOps.exif_transpose(image)


def _to_gray(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        return _stretch(np.asarray(image, np.float32), image.mode)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return np.asarray(image.convert("L"))


def _stretch(values: np.ndarray, mode: str) -> np.ndarray:
    """Scale deep pixels to 8 bits: 16-bit ones by type, others by their own range."""
    if mode.startswith("I") and values.min() >= 0 and 255 < values.max() <= 65535:
        return (values / 257).round().astype(np.uint8)
    span = max(float(np.ptp(values)), 1e-9)
    return ((values - values.min()) * (255 / span)).round().astype(np.uint8)
