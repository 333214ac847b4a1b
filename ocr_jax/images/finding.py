"""Finds files below a folder, through links, each once."""

import functools
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from ocr_jax import errors
from ocr_jax.errors import UserError
from ocr_jax.images import opening

# Files in which macOS keeps what other file systems cannot.
APPLE_DOUBLE = "._"
# What XML can't hold, not even escaped, or not everywhere.
NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
# Where programs keep copies of files: the app and desktops, Jupyter, git.
COPIES = {".thumbnails", ".ipynb_checkpoints", ".git"}


def files(folder: str | os.PathLike) -> Iterator[Path]:
    """Yield the files below a folder in the order of their names.

    Links to folders are followed after everything else, and a folder that has been seen
    is not entered again: links in a circle end, and a file keeps its own name. A link
    to a folder that holds this one is a circle, too: it would lead to everything else
    that is there, up to the whole disk. Folders of COPIES are left out.
    Raises UserError if the folder can't be read; of one below it, that is said.
    """
    seen: set[tuple[int, int]] = set()
    for above in Path(folder).resolve().parents:
        _is_new(above, seen)
    yield from sorted(_walk(Path(folder), seen))


def images(folder: str | os.PathLike) -> list[Path]:
    """Return the image files below a folder, sorted."""
    return [path for path in files(folder) if is_image(path)]


def is_folder(path: str | os.PathLike) -> bool:
    """Return whether a path is a folder. Raises UserError if that can't be seen."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except PermissionError as error:
        raise UserError(f"{path}: {errors.reason(error, path)}") from None
    except OSError:
        return False


def is_image(path: Path) -> bool:
    """Return whether a file has the name of an image."""
    return path.suffix.lower() in opening.SUFFIXES


def is_text(name: str) -> bool:
    """Return whether a name can be shown: file systems hold any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def unfit_for_xml(name: str) -> str:
    """Say why XML can't hold a name; or ""."""
    if not is_text(name):
        return "is not UTF-8"
    return "has characters that XML can't hold" if NOT_IN_XML.search(name) else ""


def key(name: str) -> str:
    """Return what is equal for names that differ in Unicode normalisation only."""
    return unicodedata.normalize("NFC", name)


def existing(path: Path) -> Path | None:
    """Return the file at a path, its names in any Unicode normalisation, or None."""
    if os.path.exists(path):
        return path
    if path.parent == path or not (folder := existing(path.parent)):
        return None
    name = _names(folder).get(key(path.name))
    return folder / name if name else None


@functools.lru_cache(64)
def _names(folder: Path) -> dict[str, str]:
    """Return the names in a folder by key."""
    try:
        return {key(name): name for name in sorted(os.listdir(folder))}
    except OSError:
        return {}


def _walk(folder: Path, seen: set) -> Iterator[Path]:

    def not_closed(error: OSError):
        if isinstance(error, PermissionError):
            message = f"{error.filename}: {errors.reason(error, error.filename)}"
            if error.filename == os.fspath(folder):
                raise UserError(message)
            errors.say(f"{message}: what is in it is left out")

    waiting = [folder]
    while waiting:
        top = waiting.pop(0)
        if not _is_new(top, seen):
            continue
        for root, folders, names in os.walk(top, onerror=not_closed):
            folders[:] = [name for name in folders if name not in COPIES]
            links = [name for name in folders if Path(root, name).is_symlink()]
            waiting += sorted(Path(root, name) for name in links)
            folders[:] = [
                name
                for name in folders
                if name not in links and _is_new(Path(root, name), seen)
            ]
            for name in names:
                if not name.startswith(APPLE_DOUBLE):
                    yield Path(root, name)


def _is_new(folder: Path, seen: set) -> bool:
    try:
        status = os.stat(folder)
    except PermissionError:
        return True  # walking it says so
    except OSError:
        return False
    where = status.st_dev, status.st_ino
    if where in seen:
        return False
    seen.add(where)
    return True
