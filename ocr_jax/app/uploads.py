"""Page images that are dropped on the app: checked, split into pages, and kept."""

import io
import re
import tempfile
import threading
import unicodedata
from pathlib import Path

import cv2

from ocr_jax import workdirs
from ocr_jax.errors import UserError, reason
from ocr_jax.images import opening, page_images

LARGEST = 500 * 2**20  # bytes
TOO_LARGE = f"a file of more than {LARGEST // 2**20} MB: split it"
MOST_PAGES = 2000  # of a file: no book has more, and they would fill the disk
LONGEST_NAME, MOST_BYTES = 80, 200  # file systems take names of 255 bytes
# What is kept as it is, if it is one image that a browser shows.
KEPT = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png"}
# The first bytes of a file, and the suffix that it is opened by.
STARTS = (
    (b"%PDF", ".pdf"),
    *((start, ".tif") for start in opening.TIFF),
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG", ".png"),
)
_ONE = threading.Lock()  # files that are dropped together may have the same name
_READING = threading.Lock()  # the largest of images takes a gigabyte


def add(folder: Path, name: str, content: bytes) -> list[str]:
    """Keep the pages of a file; return their names. Raises UserError if it has none."""
    if len(content) > LARGEST:
        raise UserError(TOO_LARGE)
    stem = safe_stem(name)
    found = []
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, stem + _suffix(content))
        path.write_bytes(content)
        pages = list(page_images.find([str(path)]))
        if len(pages) > MOST_PAGES:
            raise UserError(
                f"{name[:LONGEST_NAME]} has {len(pages):,} pages: split it into files "
                f"of {MOST_PAGES:,} at most"
            )
        if not pages:
            raise UserError(f"{name[:LONGEST_NAME]} has no pages")
        read = Path(temporary, "read")  # all of them, before one is kept
        read.mkdir()
        for page in pages:
            try:
                with _READING:
                    gray = page.read()
            except UserError as error:
                shown = str(error).replace(str(path), name[:LONGEST_NAME])
                raise UserError(shown) from None
            kept = _kept(content) if page.count == 1 else None
            suffix, data = kept or (".png", cv2.imencode(".png", gray)[1].tobytes())
            Path(read, f"{page.number}{suffix}").write_bytes(data)
            found.append((page.name, Path(read, f"{page.number}{suffix}")))
        return [
            _write(folder, page, image.suffix, image.read_bytes())
            for page, image in found
        ]


def safe_stem(name: str) -> str:
    """Return what of a file's name can be a page's: letters, digits, `-`, `_`, `.`."""
    stem = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    stem = stem.rpartition(".")[0] or stem
    # Marks are the vowels of many scripts.
    known = [
        c if c in "_.-" or unicodedata.category(c)[0] in "LMN" else " " for c in stem
    ]
    stem = re.sub(" +", "_", "".join(known)).strip("._-")[:LONGEST_NAME]
    return stem.encode()[:MOST_BYTES].decode(errors="ignore") or "page"


def _suffix(content: bytes) -> str:
    """Return the suffix of what the bytes are, whatever the file was called."""
    for start, suffix in STARTS:
        if content.startswith(start):
            return suffix
    if page_images.is_heic(content):
        return page_images.HEIC[0]
    return ".webp"  # or any other that Pillow knows


def _kept(content: bytes) -> tuple[str, bytes] | None:
    """Return the suffix and the bytes of an image that is kept as it is, or None."""
    if _suffix(content) not in KEPT.values():  # Pillow opens no PDF and no HEIC
        return None
    with opening.opened(io.BytesIO(content)) as image:
        suffix = KEPT.get(image.format or "")
    return (suffix, content) if suffix else None


def _write(folder: Path, name: str, suffix: str, content: bytes) -> str:
    """Write an image under a name that no page has; return the page's name."""
    number, stem = 1, name
    try:
        with _ONE:
            taken = {path.stem for path in folder.iterdir()}
            while stem in taken:
                number += 1
                stem = f"{name}_{number}"
            workdirs.write_bytes(folder / f"{stem}{suffix}", content)
    except OSError as error:
        raise UserError(f"{folder}: {reason(error)}") from None
    return stem
