"""Images as a browser shows them: the page, and a thumbnail that is made once."""

import contextlib
import io
import threading
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ocr_jax import regular_files, workdirs
from ocr_jax.errors import UserError, reason
from ocr_jax.images import opening
from ocr_jax.sources.pages import any_format, line_cutting

# What browsers show as it is, and its MIME type. MPO is what telephones make: a JPEG
# that is followed by others.
JPEG = "image/jpeg"
SHOWN = {"JPEG": JPEG, "MPO": JPEG, "PNG": "image/png", "WEBP": "image/webp"}
THUMBNAIL, QUALITY = 240, 85  # pixels of the longer side
CACHE = ".thumbnails"
WIDTH, HEIGHT = 256, 257  # tags of a TIFF
_ONE = threading.Lock()  # fifty at once would leave nothing for the rest of the app


def size_and_tag(path: Path) -> tuple[tuple[int, int], int]:
    """Return an image's upright (width, height) and its EXIF tag, from its head."""
    with _opened(path) as image:
        tag, size = opening.tag(image), image.size
        if image.format == "TIFF":  # whose size Pillow turns, in some versions
            size = image.tag_v2[WIDTH], image.tag_v2[HEIGHT]
        return size[::-1] if tag >= 5 else size, tag


def shown(path: Path, xml: Path) -> tuple[bytes, str]:
    """Return a page image for a browser, and its MIME type. Raises UserError.

    It lies as the lines of its XML were measured, if it has any.
    """
    with _opened(path) as image:
        mime, tag = SHOWN.get(image.format or ""), opening.tag(image)
    if mime and tag == 1:
        return path.read_bytes(), mime
    gray = gray_page(path, xml)
    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return cv2.imencode(".jpg", gray, quality)[1].tobytes(), JPEG


def gray_page(path: Path, xml: Path) -> np.ndarray:
    """Return a page (H, W) uint8 as the lines of its XML were measured."""
    _, tag = size_and_tag(path)
    if tag != 1 and xml.exists():
        return line_cutting.open_page(xml, path, any_format.parse)[0]
    return opening.read_image(path)


def thumbnail(path: Path, folder: Path) -> bytes:
    """Return a small JPEG of an image, kept in the project's folder.

    Raises UserError if the image is torn.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(f"{path.name}: {reason(error, path)}") from None
    name = f"{path.name}.{status.st_mtime_ns:x}.{status.st_size:x}.jpg"
    kept = folder / CACHE / name
    with contextlib.suppress(OSError):  # none yet, or a name that is too long
        return kept.read_bytes()
    with _ONE:
        content = _small(path)
    with contextlib.suppress(OSError):  # such a folder still shows its pages
        kept.parent.mkdir(exist_ok=True)
        workdirs.write_bytes(kept, content)
    return content


def _small(path: Path) -> bytes:
    with _opened(path) as image:
        if image.mode in ("L", "RGB", "YCbCr") and opening.tag(image) == 1:
            image.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))  # JPEG: not all pixels
            try:
                small = image.convert("RGB")
            except opening.BROKEN as error:
                raise UserError(f"{path.name}: {reason(error, path)}") from None
        else:
            small = Image.fromarray(opening.read_image(path))
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _opened(path: Path) -> Image.Image:
    """Open an image lazily. Raises UserError if it is none, or too large."""
    try:
        image = opening.opened(regular_files.checked(path))
    except (*opening.BROKEN, Image.DecompressionBombError) as error:
        why = reason(error, path)
        raise UserError(f"{path.name} can't be read as an image: {why}") from None
    if image.width * image.height > opening.MAX_PIXELS:
        raise UserError(f"{path.name} has more than {opening.MAX_PIXELS:,} pixels")
    return image
