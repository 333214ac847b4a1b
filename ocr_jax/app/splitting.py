"""Splits files of several pages that lie in a folder: each page becomes an image.

The file itself goes to `originals/`, so that it is split once. A photograph in HEIC is
such a file, of one page: browsers don't show it.
"""

import filecmp
import functools
import os
import threading
from pathlib import Path

import cv2

from ocr_jax import workdirs
from ocr_jax.errors import UserError, reason
from ocr_jax.images import finding, opening, page_images

_ONE = threading.Lock()  # two windows may list the same folder


def waiting(folder: Path) -> list[Path]:
    """Return what of a folder is to be split.

    These are its HEICs, and PDFs and TIFFs of several pages that have no XML.
    Raises UserError for a folder that can't be read.
    """
    try:
        paths = sorted(folder.iterdir())
        return [
            path for path in paths if finding.is_text(path.name) and _is_to_split(path)
        ]
    except OSError as error:
        raise UserError(f"{folder}: {reason(error, folder)}") from None


def _is_to_split(path: Path) -> bool:
    suffix = path.suffix.lower()
    # A folder may be called a.pdf; a link to nowhere would keep all else from a split.
    if path.name.startswith(".") or not os.path.isfile(path):
        return False
    if suffix in page_images.HEIC:
        return True
    if path.with_suffix(".xml").exists():
        return False
    if suffix in (".tif", ".tiff"):
        status = path.stat()
        return _has_several(path, status.st_mtime_ns, status.st_size)
    return suffix in page_images.PDF


@functools.lru_cache(4096)
def _has_several(path: Path, changed: int, size: int) -> bool:
    try:
        return opening.count_pages(path) > 1
    except UserError:
        return True  # splitting it says why that can't be


def split(path: Path):
    """Write the pages of a file beside it, and put the file aside.

    A page that is there already stays: that is how a split that was killed goes on.
    Raises UserError, and leaves the file where it is, if a page can't be read, or if
    another image has its name.
    """
    with _ONE:
        if not path.exists():  # another window was first
            return
        for page in page_images.find([str(path)]):
            image = path.with_name(f"{page.name}.png")
            _write(image, cv2.imencode(".png", page.read())[1].tobytes())
        _put_aside(path)


def _write(image: Path, content: bytes):
    try:
        if not image.exists():
            workdirs.write_bytes(image, content)
        elif image.read_bytes() != content:
            raise UserError(
                f"{image.name} is there already, with another image: rename one of them"
            )
    except OSError as error:
        raise UserError(f"{image}: {reason(error)}") from None


def _put_aside(path: Path):
    """Move a file to `originals/`, under a number if another has its name there."""
    folder = path.parent / page_images.ORIGINALS
    try:
        folder.mkdir(exist_ok=True)
        target, number = folder / path.name, 1
        while target.exists() and not filecmp.cmp(path, target, shallow=False):
            number += 1
            target = folder / f"{path.stem}_{number}{path.suffix}"
        path.replace(target)
    except OSError as error:
        raise UserError(f"{folder}: {reason(error)}") from None
