"""The networks of the app: loaded when first needed, one reading at a time."""

import json
import threading
from pathlib import Path

import numpy as np

from ocr_jax import errors, page_reader, run_names
from ocr_jax.app.page_document import Document
from ocr_jax.app.project import PageFile, Project
from ocr_jax.charset import Charset
from ocr_jax.errors import UserError
from ocr_jax.images import batches, cleaning, opening
from ocr_jax.runtime import devices
from ocr_jax.sources.pages import line_cutting, page_xml

# An image this many times as wide as high is taken for a single line.
LINE_ASPECT = 5


class Networks:
    """A finder of lines and a recogniser, which may be changed for another."""

    def __init__(self, workdir: str, finder: str):
        self.workdir, self.finder = workdir, finder
        self._reader: page_reader.PageReader | None = None
        self._lock = threading.Lock()

    def use(self, workdir: str):
        """Read with the network of another run from now on."""
        with self._lock:
            self.workdir, self._reader = workdir, None

    def letters(self) -> str:
        """Return the characters of the network that a plain keyboard lacks."""
        try:
            path = run_names.resolve(self.workdir) / "dataset.json"
            known = Charset.described(json.loads(path.read_text(encoding="utf-8")))
        except (UserError, OSError, ValueError, KeyError, TypeError):
            return ""  # of a network that is not there; reading says so
        return "".join(c for c in known.characters if not c.isascii())

    def find(self, image: Path) -> page_reader.Page:
        """Find the lines of a page image, and read them. Raises UserError."""
        with self._lock:
            gray = opening.read_image(image)
            height, width = gray.shape
            reader = self._loaded()
            if width > LINE_ASPECT * height:
                return _one_line(reader, gray)
            return reader.read_gray(gray)

    def read(self, document: Document) -> dict:
        """Read the lines whose text no person wrote; return readings by key."""
        lines = document.lines()
        wanted = {n: line.key for n, line in enumerate(lines) if not line.is_kept}
        with self._lock:
            recognizer = self._loaded().recognizer
            gray, page, scale = line_cutting.open_page(
                document.path, document.image, page_xml.parse
            )
            if len(page.lines) != len(lines):
                raise UserError("the page has been changed: load it again")
            images = {}
            for number in wanted:
                height = recognizer.best.height
                images[number] = _cut(gray, page.lines[number], scale, height)
            readings = recognizer.read_lines(list(images.values()))
        return dict(zip(map(wanted.get, images), readings, strict=True))

    def _loaded(self) -> page_reader.PageReader:
        if self._reader is None:
            devices.use_cores(batches.MOST)
            self._reader = page_reader.PageReader.load(self.workdir, finder=self.finder)
        return self._reader


def _cut(gray, line, scale, height: int) -> cleaning.CleanLine:
    try:
        if line.problem:
            raise UserError(line.problem)
        return line_cutting.cut_clean(gray, line, scale, height=height)
    except UserError:  # a line without ink has an empty text
        return cleaning.CleanLine(np.zeros((height, 0), np.uint8), 0.0, 1.0)


def _one_line(reader: page_reader.PageReader, gray: np.ndarray) -> page_reader.Page:
    """Read an image that is one line."""
    [reading] = reader.recognizer.read([gray])
    height, width = gray.shape
    right, bottom = width - 1, height - 1
    outline = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], float)
    baseline = np.array([[0, 0.75 * bottom], [right, 0.75 * bottom]])
    line = page_reader.PageLine(baseline, outline, reading)
    return page_reader.Page((width, height), [line])


class Round:
    """Reads all pages of a project, one after the other, in a thread of its own.

    Pages without lines get theirs found first. A person's texts stay as they are.
    """

    def __init__(self, project: Project, networks: Networks, again: bool):
        self.total = self.done = 0
        self.problems: list[str] = []
        self.is_over = False
        self._stopped = threading.Event()
        self._project, self._networks, self._again = project, networks, again
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self):
        """Stop after the page that is being read."""
        self._stopped.set()

    def _run(self):
        try:
            pages = [p for p in self._project.pages() if self._is_wanted(p)]
            self.total = len(pages)
            for page in pages:
                if self._stopped.is_set():
                    break
                try:
                    self._read(page)
                except UserError as error:
                    self.problems.append(errors.one_line(f"{page.name}: {error}"))
                self.done += 1
        except Exception as error:
            self.problems.append(errors.one_line(f"{type(error).__name__}: {error}"))
        finally:
            self.is_over = True

    def _is_wanted(self, page: PageFile) -> bool:
        summary = self._project.summary(page)
        if summary.problem:
            return False
        return summary.read < summary.lines or not summary.lines or self._again

    def _read(self, page: PageFile):
        document = self._project.open(page)
        if document.lines():
            document.set_readings(self._networks.read(document))
        else:
            document.add_found(self._networks.find(page.image).lines)
