"""Opens image files of any kind as gray."""

import io
import os
import warnings
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ocr_jax import errors, regular_files
from ocr_jax.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".jp2")
DEEP_COLOURS = ("RGB", "RGBA", "LA")
# How a TIFF begins; the last two are BigTIFF.
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# What Pillow raises for files that are torn, or no images.
BROKEN = (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError)
# No scan of a page is larger; a small file that claims more is a decompression bomb.
# Pillow's own limit is 178,956,970.
MAX_PIXELS = 150_000_000
# No scan has more. To count a million pages of a TIFF, Pillow would take hours.
MOST_PAGES = 5_000


class Picture(NamedTuple):
    """A gray image (H, W) uint8 as people see it, and the EXIF tag that turned it.

    The tag is 1 if the image stands as it is stored.
    """

    gray: np.ndarray
    tag: int


def read_image(source) -> np.ndarray:
    """Read a path, bytes, file, PIL image or (H, W[, 1, 3 or 4]) array as gray (H, W).

    Colour, palette, transparent (over white), deep and 1-bit images are read, and
    turned upright by their EXIF tag. Raises UserError if it is not a complete image.
    """
    return read_picture(source).gray


def read_picture(source, page: int = 0) -> Picture:
    """Read an image like `read_image`, with the tag that turned it.

    page: of a TIFF of several, from 0.
    """
    name = describe(source)
    try:
        if isinstance(source, Image.Image):  # its file may be torn
            return Picture(_to_gray(ImageOps.exif_transpose(source)), tag(source))
        if hasattr(source, "__array__"):  # numpy's, and jax's
            return Picture(_to_gray(_from_array(np.asarray(source))), 1)
        if page and not isinstance(source, bytes):
            content = regular_files.checked(source)  # its first pages need no reading
        else:
            data = source if isinstance(source, bytes) else _read_bytes(source)
            if not data:
                raise UserError(f"{name} is empty: 0 bytes")
            content = io.BytesIO(data)
        with warnings.catch_warnings(), opened(content) as image:
            warnings.simplefilter("ignore")
            return Picture(*_decode(image, content, name, page))
    except UnidentifiedImageError:
        reason = "unsupported image format"
    except Image.DecompressionBombError:
        reason = f"it claims to have more than {MAX_PIXELS:,} pixels"
    except IsADirectoryError:
        reason = "that is a folder"
    except BROKEN as error:
        reason = errors.reason(error, name)
    raise UserError(f"{name} can't be read as an image: {reason}")


def opened(source) -> Image.Image:
    """Open a path or a file as an image, without its pixels. Raises as Pillow does.

    EPS is refused: it is a program, which Pillow has Ghostscript run.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(source)
    if image.format == "EPS":
        image.close()
        raise UnidentifiedImageError("a program in PostScript, and no image")
    return image


def _from_array(pixels: np.ndarray) -> Image.Image:
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    try:
        return Image.fromarray(pixels)
    except (TypeError, ValueError):
        raise UserError(
            f"the image is an array {pixels.shape} of {pixels.dtype}: expected uint8 "
            "(H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
        ) from None


def describe(source) -> str:
    """Return what to call an image in a message: its path, if known."""
    return str(source) if isinstance(source, str | os.PathLike) else "the image"


def count_pages(source: str | os.PathLike | bytes) -> int:
    """Return how many pages a TIFF has; 1 for other files, and for what is no image.

    Of a torn TIFF of several, the page that is torn counts: reading it says so.
    Raises UserError if there are more than MOST_PAGES.
    """
    is_data = isinstance(source, bytes)
    if is_data and not source.startswith(TIFF):
        return 1
    if not is_data and Path(source).suffix.lower() not in (".tif", ".tiff"):
        return 1
    count = 1
    try:
        content = io.BytesIO(source) if is_data else regular_files.checked(source)
        with warnings.catch_warnings(), opened(content) as image:
            warnings.simplefilter("ignore")
            while True:
                image.seek(count)
                count += 1
                if count > MOST_PAGES:
                    raise UserError(
                        f"{describe(source)} has more than {MOST_PAGES:,} pages: "
                        "split it"
                    )
    except EOFError:
        return count
    except (*BROKEN, Image.DecompressionBombError):
        return count + 1 if count > 1 else 1


def read_line_image(path: str | os.PathLike) -> np.ndarray:
    """Read the only image of a file. Raises UserError for a TIFF of several pages."""
    if (count := count_pages(path)) > 1:
        raise UserError(f"{path} is a TIFF of {count} pages: expected one line")
    return read_image(path)


def _read_bytes(source) -> bytes:
    if isinstance(source, str | os.PathLike):
        return regular_files.checked(source).read_bytes()
    if not hasattr(source, "read"):
        raise UserError(
            f"the image is of type {type(source).__name__}: expected a path, bytes, an "
            "open file, a PIL image or an array"
        )
    return source.read()


def stored(picture: Picture) -> np.ndarray:
    """Return the pixels (H, W) as they are stored, before the tag turns them."""
    gray, tag = picture
    flipped = {2: gray[:, ::-1], 3: gray[::-1, ::-1], 4: gray[::-1], 5: gray.T}
    turned = {6: np.rot90(gray), 7: gray[::-1, ::-1].T, 8: np.rot90(gray, -1)}
    return np.ascontiguousarray((flipped | turned).get(tag, gray))


def _decode(
    image: Image.Image, content, name: str, page: int
) -> tuple[np.ndarray, int]:
    """Return the upright gray image, and the tag that turned it.

    content: what the image was opened from.
    """
    image.seek(page)
    check_size(*image.size, name)
    is_deep = image.mode in DEEP_COLOURS and any(
        ";16" in str(tile[3]) for tile in image.tile
    )
    turned = tag(image)  # loading a TIFF turns it and forgets the tag
    image.load()
    turned = turned if turned != 1 else tag(image)  # in some PNGs it follows the pixels
    if is_deep and turned == 1 and page == 0:
        image = _deep_colour(content.getvalue()) or image
    return _to_gray(ImageOps.exif_transpose(image)), turned


def check_size(width: int, height: int, name: str):
    """Raise UserError for an image of more pixels than any page has."""
    if width * height > MAX_PIXELS:
        raise UserError(
            f"{name} is {width} x {height} px: expected a line or page of "
            f"{MAX_PIXELS:,} pixels at most"
        )


def _deep_colour(data: bytes) -> Image.Image | None:
    """Return an image of 16 bits a colour in 8, from all of its bits, or None.

    Pillow keeps the upper half of them, which is nearly black if 10 or 12 are used.
    """
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        return None
    swapped = [2, 1, 0, 3][: values.shape[2]]  # OpenCV has blue first
    return Image.fromarray(_stretch(values[..., swapped].astype(np.float32), "I"))


def tag(image: Image.Image) -> int:
    """Return an image's EXIF tag of orientation; 1 if it stands as it is stored."""
    found = image.getexif().get(ExifTags.Base.Orientation, 1)
    return found if found in range(1, 9) else 1


def _to_gray(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        return _stretch(np.asarray(image, np.float32), image.mode)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return np.asarray(image.convert("L"))


def _stretch(values: np.ndarray, mode: str) -> np.ndarray:
    """Scale deep pixels to 8 bits: by their depth, others by their own range.

    Scanners of 10, 12 or 14 bits write files of 16: what is brightest shows the depth.
    """
    if not np.isfinite(values).all():
        raise ValueError("some of its pixels are infinite, or no numbers")
    most = values.max()
    if mode.startswith("I") and values.min() >= 0 and 255 < most <= 65535:
        whitest = 2 ** int(most).bit_length() - 1
        return (values * (255 / whitest)).round().astype(np.uint8)
    span = max(float(np.ptp(values)), 1e-9)
    return ((values - values.min()) * (255 / span)).round().astype(np.uint8)
