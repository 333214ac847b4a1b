"""A folder of page images, each with its PAGE or ALTO XML: all that the app keeps."""

import collections
import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ocr_jax import workdirs
from ocr_jax.app import page_places, page_store, trees
from ocr_jax.app.page_document import Document
from ocr_jax.errors import UserError, printable, reason
from ocr_jax.images import finding, opening, page_images
from ocr_jax.pages import page_xml_writer
from ocr_jax.readings import Page
from ocr_jax.sources.pages import xml_files

# Where Transkribus puts the XML of a folder's images.
BESIDE = "page"


class PageFile(NamedTuple):
    """A page: its name, its image, and its PAGE or ALTO, which may not exist yet."""

    name: str
    image: Path
    xml: Path


class Summary(NamedTuple):
    """What is known of a page. problem: why its XML can't be shown, or ""."""

    lines: int = 0
    read: int = 0
    checked: int = 0
    text: str = ""
    problem: str = ""


class Project:
    """A folder of pages. What is read of a file is kept until the file changes."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._summaries: dict[Path, tuple[tuple, Summary]] = {}
        self._lock = threading.Lock()

    def pages(self) -> list[PageFile]:
        """Return the pages, in the order of their names. Raises UserError."""
        return [self._page(name, image) for name, image in self._images().items()]

    def page(self, name: str) -> PageFile:
        """Return the page of this name. Raises UserError if there is none."""
        images = self._images()
        if name not in images:
            raise UserError("there is no such page")
        return self._page(name, images[name])

    def _images(self) -> dict[str, str]:
        """Return the names of pages, and of their images. Raises UserError."""
        try:
            names = sorted(os.listdir(self.folder))
        except OSError as error:
            raise UserError(f"{self.folder}: {reason(error, self.folder)}") from None
        by_stem = collections.defaultdict(list)
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix.lower() not in page_images.SUFFIXES:
                continue
            if why := finding.unfit_for_xml(name):
                shown = printable(name.encode(errors="backslashreplace").decode())
                raise UserError(f"the name of {shown} {why}: rename this file")
            if not name.startswith(".") and suffix.lower() in opening.SUFFIXES:
                by_stem[stem].append(name)
        images = {}
        for stem, found in by_stem.items():
            # Of several images with one stem, the others have their whole names.
            own = self._own_image(stem, found) if len(found) > 1 else found[0]
            images |= {stem if name == own else name: name for name in found}
        return images

    def _own_image(self, stem: str, names: list[str]) -> str:
        """Return which of the images the XML of a page is of, or else the first."""
        xml = self._page(stem, names[0]).xml
        with contextlib.suppress(UserError, OSError):
            named = Path(xml_files.read_head(xml).image_name).name
            return named if named in names else names[0]
        return names[0]

    def _page(self, name: str, image: str) -> PageFile:
        own = self.folder / f"{name}.xml"
        beside = self.folder / BESIDE / own.name
        xml = beside if beside.exists() and not own.exists() else own
        return PageFile(name, self.folder / image, xml)

    def open(self, page: PageFile) -> Document:
        """Open a page to correct it; one without XML gets one without lines."""
        if not page.xml.exists():
            create(page)
        return Document(page.xml, page.image)

    def summary(self, page: PageFile) -> Summary:
        """Return what is known of a page."""
        try:
            status = page.xml.stat()
        except OSError:
            return Summary()
        stamp = status.st_mtime_ns, status.st_size, status.st_ino
        with self._lock:
            kept = self._summaries.get(page.xml)
        if kept and kept[0] == stamp:
            return kept[1]
        summary = _summarise(page.xml)
        with self._lock:
            self._summaries[page.xml] = stamp, summary
        return summary

    def search(self, words: str) -> Iterator[PageFile]:
        """Yield the pages whose name or text has all of these words, in any case."""
        wanted = [finding.key(word).casefold() for word in words.split()]
        for page in self.pages():
            text = f"{page.name}\n{self.summary(page).text}"
            text = finding.key(text).casefold()
            if all(word in text for word in wanted):
                yield page


def create(page: PageFile):
    """Write the PAGE XML, without lines, of a page that has none."""
    size = page_places.Frame.of(page.image).size
    name = os.path.relpath(page.image, page.xml.parent)
    content = page_xml_writer.page_xml(Page(size, []), name)
    try:
        with page_store.only_writer(page.xml.parent):
            if not page.xml.exists():  # another window may have been first
                workdirs.write_bytes(page.xml, content)
    except OSError as error:
        raise UserError(f"{page.xml.name}: {reason(error)}") from None


def _summarise(path: Path) -> Summary:
    try:
        root, kind = trees.look(path)
    except UserError as error:
        return Summary(problem=str(error))
    lines = list(xml_files.all_named(root, "TextLine"))
    texts = [kind.text(line) for line in lines]
    return Summary(
        lines=len(lines),
        read=sum(1 for text in texts if text.strip()),
        checked=sum(map(kind.is_checked, lines)),
        text="\n".join(texts),
    )
