"""Page images that are dropped on the app: checked, split into pages, and kept."""

import io
import re
import tempfile
import unicodedata
from pathlib import Path

import cv2
from PIL import Image

from ocr_jax import workdirs
from ocr_jax.errors import UserError, reason
from ocr_jax.images import page_images

LARGEST = 500 * 2**20  # bytes
TOO_LARGE = f"a file of more than {LARGEST // 2**20} MB: split it"
LONGEST_NAME = 80
# What is kept as it is, if it is one image that a browser shows.
KEPT = {"JPEG": ".jpg", "PNG": ".png"}
# The first bytes of a file, and the suffix that it is opened by.
STARTS = (
    (b"%PDF", ".pdf"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG", ".png"),
)


def add(folder: Path, name: str, content: bytes) -> list[str]:
    """Keep the pages of a file; return their names. Raises UserError if it has none."""
    if len(content) > LARGEST:
        raise UserError(TOO_LARGE)
    stem = safe_stem(name)
    added = []
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, stem + _suffix(content))
        path.write_bytes(content)
        for page in page_images.find([str(path)]):
            try:
                gray = page.read()
            except UserError as error:
                shown = str(error).replace(str(path), name[:LONGEST_NAME])
                raise UserError(shown) from None
            kept = _kept(content) if page.count == 1 else None
            suffix, data = kept or (".png", cv2.imencode(".png", gray)[1].tobytes())
            added.append(_write(folder, page.name, suffix, data))
    return added


def safe_stem(name: str) -> str:
    """Return what of a file's name can be a page's: letters, digits, `-`, `_`, `.`."""
    stem = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    stem = stem.rpartition(".")[0] or stem
    stem = re.sub(r"[^\w.-]+", "_", stem).strip("._-")[:LONGEST_NAME]
    return stem or "page"


def _suffix(content: bytes) -> str:
    """Return the suffix of what the bytes are, whatever the file was called."""
    for start, suffix in STARTS:
        if content.startswith(start):
            return suffix
    if content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return ".heic"
    return ".webp"  # or any other that Pillow knows


def _kept(content: bytes) -> tuple[str, bytes] | None:
    """Return the suffix and the bytes of an image that is kept as it is, or None."""
    if content.startswith(b"%PDF"):
        return None
    with Image.open(io.BytesIO(content)) as image:
        suffix = KEPT.get(image.format or "")
    return (suffix, content) if suffix else None


def _write(folder: Path, name: str, suffix: str, content: bytes) -> str:
    """Write an image under a name that no page has; return the page's name."""
    number, stem = 1, name
    taken = {path.stem for path in folder.iterdir()}
    while stem in taken:
        number += 1
        stem = f"{name}_{number}"
    try:
        workdirs.write_bytes(folder / f"{stem}{suffix}", content)
    except OSError as error:
        raise UserError(f"{folder}: {reason(error)}") from None
    return stem
