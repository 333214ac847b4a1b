"""Pages to read, and the folder that their texts go to.

A hidden file there, RECORD, says which page each file is of, and how it was read. It
grows by a line a page, so that a run that is killed leaves what it did.
"""

import contextlib
import errno
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ocr_jax import workdirs
from ocr_jax.errors import UserError, reason
from ocr_jax.sources.pages import xml_files

RECORD = ".transcribe.jsonl"
TRY = "name another --out, or add --overwrite"


class Job(NamedTuple):
    """A page that is read into the file name + suffix.

    source: its file, or what to call it. read(reader): the contents to write, by
    suffix, an image before what names it; counts of lines; what is doubtful, or "".
    header: what stands above the text. xml: the format of XML that is written.
    problem: why the page can't be read, or "".
    """

    name: str
    suffix: str
    source: Path | str
    read: Callable
    header: bytes = b""
    xml: str = ""
    problem: str = ""

    @property
    def file(self) -> str:
        """What is written, below the folder."""
        return f"{self.name}{self.suffix}"


class Unwritable(UserError):
    """A folder that nothing can be written to: to read on would be in vain."""


class OutFolder:
    """A folder of texts. how: what they are read with, by option."""

    def __init__(self, path: Path, how: Mapping[str, Path | str], *, overwrite: bool):
        """Make the folder. Raises UserError if it can't be written to."""
        self._path, self._overwrite = path, overwrite
        self._record = path / RECORD
        self._new = [one for one in (path, *path.parents) if not os.path.exists(one)]
        try:
            path.mkdir(parents=True, exist_ok=True)
            with self._record.open("ab+") as record:
                _end_line(record)
        except OSError as error:
            raise Unwritable(f"--out={path}: {reason(error)}") from None
        self._how = {option: self._relative(value) for option, value in how.items()}

    def drop_if_empty(self):
        """Remove what was made for texts, if there are none."""
        with contextlib.suppress(OSError):
            if not self._record.stat().st_size:
                self._record.unlink()
            for folder in self._new:
                folder.rmdir()

    def done(self, jobs: Sequence[Job]) -> set[Job]:
        """Return the jobs whose file is there already.

        Raises UserError if a file is of another page, was read in another way, or is of
        another program, and if two jobs have one file.
        """
        _refuse_twins(jobs)
        if self._overwrite:
            return set()
        made, found = self._made(), set()
        for job in jobs:
            # Unlike Path.exists, this doesn't raise, for a name that is too long, say.
            if not job.problem and os.path.exists(self._path / job.file):
                self._refuse_other(job, made.get(job.file))
                found.add(job)
        return found

    def write(self, job: Job, contents: Mapping[str, bytes]):
        """Write what was read of a page, each file whole.

        Raises UserError if that is impossible for this page, Unwritable for any.
        """
        try:
            for suffix, content in contents.items():
                path = self._path / f"{job.name}{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                if suffix == job.suffix:
                    self._write_text(job, path, job.header + content)
                else:
                    self._write_image(job, path, content)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise UserError("its name is too long for a file: rename it") from None
            raise Unwritable(f"--out={self._path}: {reason(error)}") from None

    def _write_text(self, job: Job, path: Path, content: bytes):
        # Of a run that ends between the two, no file is there that no entry knows.
        is_new = not os.path.exists(path)
        if is_new:
            self._note(job)
        workdirs.write_bytes(path, content)
        if not is_new:
            self._note(job)

    def _note(self, job: Job):
        with self._record.open("a") as record:
            record.write(json.dumps(self._entry(job)) + "\n")

    def _write_image(self, job: Job, path: Path, content: bytes):
        """Write an image beside the text. Raises UserError if another would be lost."""
        there = path.read_bytes() if path.exists() else None
        if there == content:
            return
        if there is not None and os.path.realpath(path) == os.path.realpath(job.source):
            raise UserError("its upright copy would replace it: name another --out")
        if there is not None and not self._overwrite:
            raise UserError(f"{path} is another image: {TRY}")
        workdirs.write_bytes(path, content)

    def _refuse_other(self, job: Job, entry: dict | None):
        path, now = self._path / job.file, self._entry(job)
        if entry is None:
            raise UserError(f"{path} was not written by transcribe: {TRY}")
        for key, value in now.items():
            if (old := entry.get(key, value)) != value:
                what = "is of " if key == "source" else f"was read with --{key}="
                old, new = self._shown(old), self._shown(value)
                raise UserError(f"{path} {what}{old}, not {new}: {TRY}")
        if job.xml and (found := _format(path)) != job.xml:
            raise UserError(f"{path} is {found}, not {job.xml}: {TRY}")

    def _entry(self, job: Job) -> dict[str, str]:
        source = self._relative(job.source)
        return {"file": job.file, "source": source, **self._how}

    def _made(self) -> dict[str, dict]:
        """Return the last entry of the record for each file."""
        made = {}
        try:
            lines = self._record.read_text(errors="replace").splitlines()
        except OSError as error:
            raise UserError(f"{self._record}: {reason(error)}") from None
        for line in lines:
            # A full disk may have cut a line: what is left may name the file.
            for text in (line.partition(", ")[0] + "}", line):
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    entry = json.loads(text)
                    made[entry["file"]] = entry
        return made

    def _relative(self, value: Path | str) -> str:
        """Return a path from the folder, which may be moved with what lies around."""
        if isinstance(value, str) or not os.path.exists(value):
            return str(value)
        return os.path.relpath(os.path.realpath(value), os.path.realpath(self._path))

    def _shown(self, value: str) -> str:
        """Return what _relative gave, as it is seen from here."""
        value = str(value)
        if not value.startswith(os.pardir):
            return value
        return os.path.normpath(self._path / value)


def _end_line(record: BinaryIO):
    """End the last line, which a full disk may have cut, so that the next is whole."""
    if record.tell():
        record.seek(-1, os.SEEK_END)
        if record.read() != b"\n":
            record.write(b"\n")


def _refuse_twins(jobs: Sequence[Job]):
    first = {}
    for job in jobs:
        other = job if job.problem else first.setdefault(job.file, job)
        if other is not job:
            raise UserError(
                f"two pages would be written to {job.file}, {other.source} and "
                f"{job.source}: read them apart"
            )


def _format(path: Path) -> str:
    """Return what kind of XML a file is, in words."""
    with contextlib.suppress(UserError):
        if found := xml_files.read_head(path).format:
            return found
    return "neither ALTO nor PAGE"
