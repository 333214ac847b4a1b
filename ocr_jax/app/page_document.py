"""A page that is being corrected: its XML, which every change writes at once."""

import contextlib
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ocr_jax.app import page_places, page_store, trees
from ocr_jax.errors import UserError
from ocr_jax.readings import PageLine, Reading
from ocr_jax.sources.pages import xml_files

# Steps that can be undone; packed, a page takes some kilobytes.
MOST_STEPS = 200


class Line(NamedTuple):
    """A line as it is shown, its points in pixels of the shown image.

    key: names the line as long as the document is open; ids may be missing or double.
    characters: a digit each, how sure it is in tenths; "" if that is not known.
    """

    key: int
    line_id: str
    text: str
    confidence: float | None
    characters: str
    is_checked: bool
    baseline: list[list[float]]
    outline: list[list[float]]  # as few points as look the same

    @property
    def is_kept(self) -> bool:
        """Whether networks leave the text alone: a person checked or wrote it."""
        return self.is_checked or (bool(self.text.strip()) and self.confidence is None)


class Document:
    """A page, its lines, and what can be undone. Changes raise UserError."""

    def __init__(self, path: Path, image: Path):
        self.path, self.image = path, image
        self._store = page_store.PageStore(path)
        self._keys = 0
        self._history: list[bytes] = []
        self._last: tuple | None = None  # what the latest step did
        self._show(self._store.read(), page_places.Frame.of(image))

    def _show(self, content: bytes, frame: page_places.Frame):
        tree = trees.read(content, self.path.name)
        self._tree, self._content, self._frame = tree, content, frame
        self._elements = {}
        for element in tree.lines:
            self._elements[self._keys] = element
            self._keys += 1
        self._known_places: page_places.Placed | None = None
        _ = self._placed  # a page whose lines have no place is not opened

    @property
    def _placed(self) -> page_places.Placed:
        if self._known_places is None:
            self._known_places = page_places.placed(
                self._tree.parse(io.BytesIO(self._content), self.path.name),
                self.image,
                self._frame,
            )
        return self._known_places

    @property
    def size(self) -> tuple[int, int]:
        """The width and height of the shown image."""
        return self._placed.size

    @property
    def format(self) -> str:
        """PAGE or ALTO."""
        return xml_files.FORMATS[xml_files.tag(self._tree.root)]

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._history)

    def lines(self) -> list[Line]:
        """Return the lines in the order of the file."""
        keys = {id(element): key for key, element in self._elements.items()}
        elements = self._tree.lines
        return [
            self._line(keys[id(element)], element, place)
            for element, place in zip(elements, self._placed.lines, strict=True)
        ]

    def in_order(self) -> list[Line]:
        """Return the lines as the ReadingOrder of PAGE has them, else as the file."""
        page = self._tree.parse(io.BytesIO(self._content), self.path.name)
        lines = self.lines()
        return [lines[number] for number in page.order] or lines

    def set_text(self, key: int, text: str):
        """Write the text of a line, by a person: it has no confidence."""
        element = self._element(key)
        with self._step(("text", key)):
            self._tree.set_text(element, text, None, "")

    def check(self, key: int, is_checked: bool = True):
        """Mark a line as checked, or not."""
        element = self._element(key)
        with self._step(("check", key)):
            self._tree.check(element, is_checked)

    def check_all(self):
        """Mark all lines with a text as checked."""
        with self._step(("check all",)):
            for line in self.lines():
                if line.text.strip():
                    self._tree.check(self._elements[line.key], True)

    def delete(self, key: int):
        """Take out a line."""
        element = self._element(key)
        with self._step(("delete", key)):
            self._tree.delete(element)
            del self._elements[key]

    def move(self, key: int, by: int):
        """Move a line one place up (-1) or down (1)."""
        element = self._element(key)
        with self._step(("move", key)):
            self._tree.move(element, 1 if by > 0 else -1)

    def add(self, points: Sequence) -> int:
        """Add a line, of which this is the baseline in pixels; return its key."""
        baseline = page_places.checked(points, self.size)
        outline = page_places.outline(self._placed, baseline)
        lines = self._tree.lines
        rank = page_places.rank(self._placed, baseline)
        beside = lines[max(rank - 1, 0)] if lines else None
        with self._step(("add",)):
            return self._add(baseline, outline, beside, rank == 0)

    def _add(self, baseline, outline, beside=None, is_before=False) -> int:
        here = self._placed
        element = self._tree.add(
            here.in_file(baseline), here.in_file(outline), beside, is_before
        )
        self._keys += 1
        self._elements[self._keys - 1] = element
        return self._keys - 1

    def set_baseline(self, key: int, points: Sequence):
        """Move the baseline of a line, in pixels; its outline follows."""
        element = self._element(key)
        baseline = page_places.checked(points, self.size)
        outline = page_places.outline(
            self._placed, baseline, self._tree.lines.index(element)
        )
        places = self._placed.in_file(baseline), self._placed.in_file(outline)
        with self._step(("baseline", key)):
            self._tree.place(element, *places)

    def add_found(self, found: Sequence[PageLine]):
        """Add the lines that were found on a page, less those that it has by now."""
        here, lines = self._placed, self._tree.lines
        if not (lacking := page_places.not_among(here, found)):
            return
        latest = {}  # of the lines found, by the number of those before it
        with self._step(("find",)):
            for line in lacking:
                rank = page_places.rank(here, line.baseline) if lines else 0
                beside = latest.get(rank, lines[max(rank - 1, 0)] if lines else None)
                is_before = rank == 0 and rank not in latest
                outline = page_places.simple(line.outline)
                key = self._add(line.baseline, outline, beside, is_before)
                latest[rank] = self._elements[key]
                self._set_reading(key, line.reading)

    def set_readings(self, readings: dict[int, Reading]):
        """Write what a network reads, by key; a person's texts are kept."""
        kept = {line.key for line in self.lines() if line.is_kept}
        written = (self._elements.keys() & readings.keys()) - kept
        if not written:
            return
        with self._step(("read",)):
            for key in written:
                self._set_reading(key, readings[key])

    def undo(self) -> int | None:
        """Undo the latest step; return the key of the first line that differs."""
        if not self._history:
            return None
        before = self.lines()
        self._write(zlib.decompress(self._history[-1]))
        self._history.pop()
        self._last = None
        self._show(self._content, self._frame)
        self._keep_keys(before)
        for number, line in enumerate(after := self.lines()):
            other = before[number] if number < len(before) else None
            if other is None or line != other._replace(key=line.key):
                return line.key
        return after[-1].key if after else None

    def _keep_keys(self, before: list[Line]):
        """Give lines the keys that they had, if ids tell which they are.

        What was typed in the meantime, or is being read, is of these keys.
        """
        old = {line.line_id: line.key for line in before}
        ids = {line.line_id for line in self.lines()}
        if len(old) == len(before) and len(ids) == len(self._elements):
            self._elements = {
                old.get(line.line_id, line.key): self._elements[line.key]
                for line in self.lines()
            }

    def _set_reading(self, key: int, reading: Reading):
        tenths = [min(9, int(part.confidence * 10)) for part in reading.characters]
        self._tree.set_text(
            self._elements[key],
            reading.text,
            reading.confidence,
            "".join(map(str, tenths)),
        )

    def _line(self, key: int, element, place) -> Line:
        tenths, scale = self._tree.tenths(element), self._placed.scale
        fits = len(tenths) == len(place.text) and tenths.isdecimal()
        return Line(
            key=key,
            line_id=place.line_id,
            text=place.text,
            confidence=self._tree.confidence(element),
            characters=tenths if fits else "",
            is_checked=self._tree.is_checked(element),
            baseline=np.round(place.baseline * scale, 1).tolist(),
            outline=page_places.simple(place.outline * scale).tolist(),
        )

    def _element(self, key: int):
        if key not in self._elements:
            raise UserError("this line is not there any more: load the page again")
        return self._elements[key]

    @contextlib.contextmanager
    def _step(self, what: tuple) -> Iterator[None]:
        """Write what is changed inside; keep how it was."""
        before = self._content
        try:
            yield
            self._write(self._tree.to_bytes())
        except BaseException:
            self._show(before, self._frame)  # what is shown is what is on disk
            raise
        # The letters of a word are one step, and a mark is part of the text before it.
        if what != self._last or what[0] != "text":
            self._history.append(zlib.compress(before, 1))
            del self._history[:-MOST_STEPS]
        self._last = what

    def _write(self, content: bytes):
        """Write the file. Raises UserError."""
        self._store.write(content)
        self._content, self._known_places = content, None
