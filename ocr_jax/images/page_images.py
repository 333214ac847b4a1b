"""The pages that files hold: one in an image, more in a TIFF or a PDF."""

import collections
import contextlib
import functools
import hashlib
import io
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ocr_jax import errors, extras, regular_files
from ocr_jax.errors import UserError
from ocr_jax.images import finding, opening

PDF, HEIC = (".pdf",), (".heic", ".heif")
# Images that every program reads.
COMMON = (".jpg", ".jpeg", ".png")
SUFFIXES = opening.SUFFIXES + PDF + HEIC
# A PDF's pages are drawn at this many pixels an inch, but no larger than this.
DPI, LONGEST = 300, 6000
STANDARD_INPUT = "-"
# Which files the app splits into images, one a page, and the folder it puts them in.
SPLIT, ORIGINALS = (*PDF, *HEIC, ".tif", ".tiff"), "originals"
# What a workdir holds: its images show how a training went.
OF_A_RUN = ("config.json", "metrics.jsonl")
_ONE_PDF = threading.Lock()


class PageImage(NamedTuple):
    """A page of a file, or of the bytes that `source` is.

    name: a path without suffix, below the folder that was named; a file of several
    pages has NAME_0001 and so on. problem: why it can't be read, or "".
    """

    name: str
    source: Path | bytes
    number: int = 0
    count: int = 1
    problem: str = ""

    def read(self) -> np.ndarray:
        """Return the page as gray (H, W) uint8. Raises UserError."""
        return self.read_picture().gray

    def read_picture(self) -> opening.Picture:
        """Return the page with the tag that turned it. Raises UserError."""
        if self.problem:
            raise UserError(self.problem)
        if _suffix(self) in PDF:
            return opening.Picture(_pdf_page(self.source, self.number), 1)
        if _suffix(self) in HEIC:
            return opening.read_picture(_heif(self.source))
        return opening.read_picture(self.source, self.number)

    @property
    def described(self) -> Path | str:
        """The page's file, or what tells its bytes from others."""
        if isinstance(self.source, Path):
            return self.source
        return f"standard input ({hashlib.sha256(self.source).hexdigest()[:12]})"

    @property
    def is_plain(self) -> bool:
        """Whether its file is an image of one page that every program reads."""
        return self.count == 1 and _suffix(self) in COMMON

    def lies_at(self, stem: Path) -> bool:
        """Whether its file is the image at a path without suffix, and upright."""
        if not self.is_plain or not _is_upright(self.source):
            return False
        path = stem.with_name(f"{stem.name}{self.source.suffix}")
        return os.path.realpath(path) == os.path.realpath(self.source)


def find(paths: Sequence[str], standard_input: bytes = b"") -> Iterator[PageImage]:
    """Yield the pages of files and of folders, in the order of their names.

    The app's folders have pages twice, and images of trainings: each page is one here.
    Raises UserError for a path that is not there, and for a folder without any page.
    """
    for path in paths:
        if path == STANDARD_INPUT:
            yield from _pages(standard_input, "stdin")
        elif finding.is_folder(path):
            files = list(_files(Path(path)))
            if not files:
                raise UserError(
                    f"{path} holds no page: expected images or PDFs, "
                    f"{' '.join(SUFFIXES)}"
                )
            for file, name in zip(files, _names(files, Path(path)), strict=True):
                yield from _pages(file, name)
        elif os.path.exists(path):
            yield from _pages(Path(path), Path(path).stem)
        else:
            raise UserError(f"{path} does not exist")


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that hold pages of their own."""
    is_run = functools.cache(_is_run)
    for file in finding.files(folder):
        inside = [f for f in file.parents if f != folder and f.is_relative_to(folder)]
        is_page = file.suffix.lower() in SUFFIXES and not any(map(is_run, inside))
        if is_page and not (inside and _was_split(file)):
            yield file


def _is_run(folder: Path) -> bool:
    return all(os.path.exists(folder / name) for name in OF_A_RUN)


def _was_split(file: Path) -> bool:
    """Whether the pages of a file lie beside its folder, as the app puts them there."""
    if file.parent.name != ORIGINALS or file.suffix.lower() not in SPLIT:
        return False
    stems = [file.stem]
    # Another file of a name that is taken there has a number after it.
    first, _, number = file.stem.rpartition("_")
    if number.isdecimal() and os.path.exists(file.with_name(first + file.suffix)):
        stems.append(first)
    pages = (f"{stem}{end}.png" for stem in stems for end in ("", "_0001"))
    return any(os.path.exists(file.parent.parent / page) for page in pages)


def _names(files: list[Path], folder: Path) -> list[str]:
    """Name files without their suffix, unless two would have the same name."""
    short = [file.relative_to(folder).with_suffix("").as_posix() for file in files]
    counts = collections.Counter(short)
    return [
        file.relative_to(folder).as_posix() if counts[name] > 1 else name
        for file, name in zip(files, short, strict=True)
    ]


def _pages(source: Path | bytes, name: str) -> Iterator[PageImage]:
    first = PageImage(name, source)
    try:
        if _suffix(first) in PDF:
            with _pdf(source) as document:
                count = len(document)
        else:
            count = opening.count_pages(source)
    except UserError as error:
        yield first._replace(problem=str(error))
        return
    if count == 1:
        yield first
        return
    for number in range(count):
        yield PageImage(f"{name}_{number + 1:04}", source, number, count)


def _suffix(page: PageImage) -> str:
    if isinstance(page.source, Path):
        return page.source.suffix.lower()
    if is_heic(page.source):
        return HEIC[0]
    return ".pdf" if page.source.startswith(b"%PDF") else ""


def is_heic(content: bytes) -> bool:
    """Whether bytes begin as a HEIC photograph does."""
    return content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1")


def _is_upright(path: Path) -> bool:
    """Whether no tag turns an image, as far as that is known without its pixels."""
    try:
        with opening.opened(regular_files.checked(path)) as image:
            # The tag of a PNG may follow its pixels.
            return image.format == "PNG" or opening.tag(image) == 1
    except (*opening.BROKEN, Image.DecompressionBombError):
        return True  # reading it says what is wrong


@contextlib.contextmanager
def _pdf(source: Path | bytes):
    """Open a PDF, one at a time: PDFium knows of no threads.

    Raises UserError, also for one that asks for a password.
    """
    with _ONE_PDF, contextlib.closing(_opened_pdf(source)) as document:
        yield document


def _opened_pdf(source: Path | bytes):
    pdfium = extras.load("pypdfium2")
    if isinstance(source, Path):
        try:
            regular_files.checked(source)
        except OSError as error:
            raise UserError(f"{source}: {errors.reason(error)}") from None
    try:
        return pdfium.PdfDocument(source)
    except pdfium.PdfiumError as error:
        name = opening.describe(source)
        if "password" in str(error).lower():
            raise UserError(
                f"{name} is encrypted: save it without a password"
            ) from None
        raise UserError(
            f"{name} can't be read as a PDF: {errors.one_line(error)}"
        ) from None


def _pdf_page(source: Path | bytes, number: int) -> np.ndarray:
    pdfium = extras.load("pypdfium2")
    try:
        with _pdf(source) as document:
            page = document[number]
            scale = min(DPI / 72, LONGEST / max(page.get_size()))
            drawn = page.render(scale=scale, grayscale=True)
            return np.array(drawn.to_numpy()).reshape(drawn.height, drawn.width)
    except (pdfium.PdfiumError, ValueError, ZeroDivisionError, MemoryError) as error:
        name = opening.describe(source)
        raise UserError(
            f"page {number + 1} of {name} can't be read: {errors.one_line(error)}"
        ) from None


def _heif(source: Path | bytes):
    """Return a HEIC photograph as a PIL image. Raises UserError."""
    heif, name = extras.load("pillow_heif"), opening.describe(source)
    try:
        if isinstance(source, Path):
            source = regular_files.checked(source).read_bytes()
        image = heif.open_heif(io.BytesIO(source))  # without its pixels
        opening.check_size(*image.size, name)
        return image.to_pillow()
    except (*opening.BROKEN, RuntimeError) as error:
        raise UserError(f"{name} can't be read: {errors.one_line(error)}") from None
