"""The networks of the app: loaded when first needed, one reading at a time."""

import json
import threading
from pathlib import Path

from ocr_jax import errors, run_names
from ocr_jax.app.page_document import Document
from ocr_jax.app.project import PageFile, Project
from ocr_jax.charset import Charset
from ocr_jax.errors import UserError
from ocr_jax.images import opening


class Networks:
    """A finder of lines and a recogniser, which may be changed for another."""

    def __init__(self, workdir: str, finder: str):
        self.workdir, self.finder = workdir, finder
        self._reader = None
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

    def find(self, image: Path):
        """Find the lines of a page image, and read them: a page_reader.Page."""
        from ocr_jax.app import readers

        with self._lock:
            return readers.find(self._loaded(), opening.read_image(image))

    def read(self, document: Document) -> dict:
        """Read the lines whose text no person wrote; return readings by key."""
        from ocr_jax.app import readers

        with self._lock:
            return readers.read(self._loaded().recognizer, document)

    def _loaded(self):
        from ocr_jax.app import readers

        if self._reader is None:
            self._reader = readers.load(self.workdir, self.finder)
        return self._reader


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
