"""Finds files by name in a folder and in its archives, without unpacking."""

import contextlib
import functools
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PureWindowsPath

from ocr_jax.errors import UserError, one_line
from ocr_jax.images import finding

TAR = (".tgz", ".tar.gz", ".tar", ".tar.bz2", ".tar.xz")
ZIP = (".zip",)
# Scans hardly compress, labels to a tenth: an archive that grows by more is a bomb.
MOST_GROWTH = 100
SMALL = 1 << 20  # bytes that any archive may grow to


class Files:
    """Files under a folder, and in the archives under it, by their base names.

    The folder's copy wins over an archive's. Raises UserError, before anything is used,
    if an archive is broken or hostile: names that lead out of it, links, devices, or
    more data than its size can hold.
    """

    def __init__(self, folder: Path):
        self._paths = {}  # base name → the file or the archive with it
        archives = []
        for path in filter(Path.is_file, finding.files(folder)):
            if path.name.lower().endswith(TAR + ZIP):
                archives.append(path)
            else:
                self._paths.setdefault(path.name, path)
        self._archives = tuple(archives)
        for archive in archives:
            for name in _names(archive):
                self._paths.setdefault(name, archive)

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def each(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (name, content) of the `names` that exist, in storage order.

        Each archive is read once: a compressed one can't be read from the middle.
        """
        wanted = set(names)
        for name, path in self._paths.items():
            if name in wanted and path not in self._archives:
                yield name, path.read_bytes()
        for archive in self._archives:
            inside = {name for name in wanted if self._paths.get(name) == archive}
            for name, content in _contents(archive, inside) if inside else ():
                yield name, content


def _names(archive: Path) -> Iterator[str]:
    """Yield the base names of an archive's files, after checking each."""
    room = SMALL + MOST_GROWTH * archive.stat().st_size
    with _whole(archive):
        for name, size, is_file in _members(archive):
            path = PureWindowsPath(name)  # splits at both kinds of slash
            if path.anchor or ".." in path.parts:
                raise UserError(f"{archive} is refused: {name!r} leads out of it")
            if is_file is None:
                raise UserError(f"{archive} is refused: {name!r} is a link or a device")
            room -= size
            if room < 0:
                raise UserError(
                    f"{archive} is refused: it would grow to more than {MOST_GROWTH} "
                    "times its size"
                )
            if is_file:
                yield path.name


def _members(archive: Path) -> Iterator[tuple[str, int, bool | None]]:
    """Yield (name, size, is_file); is_file is None for a link or a device."""
    if archive.name.lower().endswith(ZIP):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                is_link = info.external_attr >> 28 == 0o12
                is_file = None if is_link else not info.is_dir()
                yield info.filename, info.file_size, is_file
    else:
        with tarfile.open(archive, "r:*") as file:
            for member in file:
                known = member.isfile() or member.isdir()
                yield member.name, member.size, member.isfile() if known else None


def _contents(archive: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yield (base name, content) of the first file with each of the `names`."""
    names = set(names)
    with _whole(archive):
        for path, read in _readers(archive):
            if (name := PureWindowsPath(path).name) in names:
                names.remove(name)
                yield name, read()


def _readers(archive: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield (name, function that reads it) per file; call it before the next one."""
    if archive.name.lower().endswith(ZIP):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                yield info.filename, functools.partial(file.read, info)
    else:
        with tarfile.open(archive, "r|*") as file:
            for member in filter(tarfile.TarInfo.isfile, file):
                yield member.name, file.extractfile(member).read


@contextlib.contextmanager
def _whole(archive: Path):
    """Raise UserError if the archive proves to be broken or password-protected."""
    try:
        yield
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        OSError,
        RuntimeError,
    ) as error:
        raise UserError(
            f"{archive} is a broken archive ({one_line(error)}): download it again"
        ) from None
