"""Read whole pages: find their lines, and read each.

    python -m ocr_jax.transcribe page.jpg
    python -m ocr_jax.transcribe letters.pdf scans/ --format=html --out=texts/
    python -m ocr_jax.transcribe pages/ --lines=xml --out=texts/

Pages are images, TIFFs and PDFs of several, folders of these, or - for standard input.
With --lines=xml the lines are those of ALTO or PAGE XML beside the images, as
eScriptorium, Transkribus and Kraken write it; its copy in --out has the same regions,
lines and ids, and the readings. The same command again goes on where it was. Lines are
read as ocr_jax.predict reads them.
"""

import argparse
import collections
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import rich.console
import rich.progress

from ocr_jax import decoders, errors, page_reader, run_names, trained, workdirs
from ocr_jax.errors import UserError
from ocr_jax.images import batches, finding, page_images
from ocr_jax.pages import finder as finder_lib
from ocr_jax.pages import page_formats, xml_pages
from ocr_jax.recognizer import Recognizer
from ocr_jax.runtime import devices
from ocr_jax.sources import Skipped, left_out
from ocr_jax.sources.pages import any_format, locating

# Images that other programs read, so that a copy will do.
COMMON = (".jpg", ".jpeg", ".png")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 2 if no page could be read."""
    return errors.exit_code(lambda: _run(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python -m ocr_jax.transcribe",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("pages", nargs="+", help="files and folders, or - for standard input")
    run_names.add_network_flags(parser)
    add(
        "--lines",
        choices=("find", "xml"),
        default="find",
        help="where lines are: found, or in XML beside the images (default: find)",
    )
    add("--out", type=Path, help="folder of the texts (default: print them)")
    add(
        "--decoder",
        choices=decoders.NAMES,
        help=decoders.HELP,
    )
    add(
        "--format",
        choices=(*page_formats.FORMATS, "xml"),
        help="xml is for --lines=xml, and its default; else the default is text",
    )
    add(
        "--overwrite",
        action="store_true",
        help="read pages whose text is there already, and lines of XML with a text",
    )
    return parser


class Notes:
    """What is said of pages: at once, or where many say the same, at the end."""

    def __init__(self):
        self._kinds = collections.defaultdict(list)

    def add(self, name: str, what: str):
        """Say something of a page, unless enough others had the same."""
        same = self._kinds[left_out.kind(what)]
        same.append(Skipped(name, what))
        if len(same) <= left_out.SHOWN_NAMES:
            errors.say(f"{name}: {what}")

    def finish(self):
        """Count what was said of more pages than were named."""
        for same in self._kinds.values():
            if len(same) > left_out.SHOWN_NAMES:
                errors.say(*left_out.reasons(same))


class Job(NamedTuple):
    """A page to read. read() returns what to write, and counts of its lines."""

    name: str
    suffix: str
    read: Callable[[], tuple[bytes, collections.Counter]]


def _run(args: argparse.Namespace) -> int:
    devices.use_cores(batches.MOST)
    notes = Notes()
    jobs = _xml_jobs(args) if args.lines == "xml" else _image_jobs(args, notes)
    counts = collections.Counter()
    for job in _shown_progress(jobs):
        out = args.out and args.out / f"{job.name}{job.suffix}"
        if out and out.exists() and not args.overwrite:
            counts["done before"] += 1
            continue
        try:
            content, lines = job.read()
        except UserError as error:
            notes.add(job.name, str(error))
            continue
        _write(content, out, args.out)
        counts["read"] += 1
        counts += lines
    notes.finish()
    failed = len(jobs) - counts["read"] - counts["done before"]
    kept = "lines kept as they are"
    pages = "page" if len(jobs) == 1 else "pages"
    errors.say(
        f"{len(jobs):,} {pages}: {counts['read']:,} read, {counts['done before']:,} "
        f"done before, {failed:,} left out; {counts['lines read']:,} lines read"
        + (f", {counts[kept]:,} kept as they are" if args.lines == "xml" else "")
    )
    return 0 if counts["read"] + counts["done before"] else 2


def _write(content: bytes, out: Path | None, folder: Path | None):
    """Write a page's file whole, or print it."""
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        workdirs.write_bytes(out, content)
    except OSError as error:
        raise UserError(f"--out={folder}: {errors.reason(error)}") from None


def _image_jobs(args: argparse.Namespace, notes: Notes) -> list[Job]:
    """Return a job for each page whose lines are to be found."""
    if args.format == "xml":
        raise UserError("--format=xml is for --lines=xml: name page or alto")
    form = page_formats.FORMATS[args.format or "text"]
    if form.needs_image and not args.out:
        raise UserError(f"--format={args.format} writes files: name a folder by --out")
    standard_input = b""
    if page_images.STANDARD_INPUT in args.pages:
        standard_input = sys.stdin.buffer.read()
    pages = list(page_images.find(args.pages, standard_input))
    names = collections.Counter(page.name for page in pages)
    if twice := [name for name, count in names.items() if count > 1]:
        raise UserError(f"two pages would be written to {twice[0]}: read them apart")
    finder = finder_lib.load(args.finder)
    reader = page_reader.PageReader(finder, _recognizer(args))

    def read(page: page_images.PageImage):
        if form.needs_image and not finding.is_text(page.name):
            raise UserError("its name is not UTF-8, as XML has to be: rename it")
        gray = page.read()
        result = reader.read_gray(gray)
        if doubt := page_reader.doubt(result):
            notes.add(page.name, doubt)
        image_name = _keep_image(page, gray, args) if form.needs_image else ""
        content = form.write(result, gray, page.name, image_name)
        return content, collections.Counter({"lines read": len(result.lines)})

    return [Job(page.name, form.suffix, lambda page=page: read(page)) for page in pages]


def _keep_image(
    page: page_images.PageImage, gray: np.ndarray, args: argparse.Namespace
) -> str:
    """Put the page's image beside its XML, where other programs look for it.

    Raises UserError if another image would be lost.
    """
    is_common = page.count == 1 and isinstance(page.source, Path)
    is_common = is_common and page.source.suffix.lower() in COMMON
    suffix = page.source.suffix.lower() if is_common else ".png"
    out = args.out / f"{page.name}{suffix}"
    try:
        content = (
            page.source.read_bytes()
            if is_common
            else cv2.imencode(".png", gray)[1].tobytes()
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        there = out.read_bytes() if out.exists() else None
        if there is not None and there != content and not args.overwrite:
            raise UserError(
                f"{out} is another image: name another --out, or add --overwrite"
            )
        if there != content:
            workdirs.write_bytes(out, content)
    except OSError as error:
        raise UserError(f"--out={args.out}: {errors.reason(error)}") from None
    return out.name


def _xml_jobs(args: argparse.Namespace) -> list[Job]:
    """Return a job for each page whose lines are in XML."""
    form = args.format or "xml"
    if form not in xml_pages.FORMATS:
        raise UserError(f"--format={form} is for --lines=find: name xml or text")
    if not args.out:
        raise UserError("--lines=xml writes files: name a folder by --out")
    jobs = []
    suffix, written = xml_pages.FORMATS[form]
    found = [page for folder in args.pages for page in _xml_pages(Path(folder), args)]
    recognizer = _recognizer(args)

    def read(page: locating.Found):
        if page.problem:
            raise UserError(page.problem)
        lines = xml_pages.read(recognizer, page, args.overwrite)
        return written(page, lines), xml_pages.count(lines)

    for page in found:
        jobs.append(Job(page.name, suffix, lambda page=page: read(page)))
    return jobs


def _xml_pages(folder: Path, args: argparse.Namespace) -> list[locating.Found]:
    """Return the pages of a folder with XML; say which other XML is left out."""
    pages, others = locating.find(folder, tuple(any_format.PARSERS))
    if args.out.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            f"--out={args.out} is in the folder of the pages, where its copies would "
            "count as pages: name one beside it"
        )
    for one in others:
        errors.say(f"{one.name}.xml: {one.problem}")
    return pages


def _recognizer(args: argparse.Namespace) -> Recognizer:
    workdir = run_names.resolve(args.workdir)
    recognizer = Recognizer.load(workdir, args.decoder)
    if not trained.is_finished(workdir):
        errors.say(f"{workdir} is not finished: its best network so far reads")
    return recognizer


def _shown_progress(jobs: list[Job]) -> Iterator[Job]:
    """Yield the jobs; show a bar on stderr if that is a terminal."""
    console = rich.console.Console(stderr=True)
    yield from rich.progress.track(
        jobs, "Reading", console=console, disable=not sys.stderr.isatty()
    )


if __name__ == "__main__":
    sys.exit(main())
