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
import functools
import sys
from pathlib import Path

import cv2

from ocr_jax import decoders, errors, page_reader, reading_bar, run_names
from ocr_jax.errors import UserError
from ocr_jax.images import batches, finding, opening, page_images
from ocr_jax.pages import finder as finder_lib
from ocr_jax.pages import page_formats, page_jobs, xml_pages
from ocr_jax.pages.page_jobs import Job
from ocr_jax.recognizer import Recognizer, load_named
from ocr_jax.runtime import devices
from ocr_jax.sources import Skipped, left_out
from ocr_jax.sources.pages import any_format, locating


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 2 if no page could be read."""
    return errors.exit_code(lambda: _run(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python -m ocr_jax.transcribe", description=__doc__
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


def _run(args: argparse.Namespace) -> int:
    devices.use_cores(batches.MOST)
    notes = Notes()
    jobs = _xml_jobs(args) if args.lines == "xml" else _image_jobs(args)
    if not args.out:
        return _read_all(args, jobs, None, notes)
    folder = page_jobs.OutFolder(args.out, _how(args), overwrite=args.overwrite)
    try:
        return _read_all(args, jobs, folder, notes)
    finally:
        folder.drop_if_empty()


def _read_all(
    args: argparse.Namespace,
    jobs: list[Job],
    folder: page_jobs.OutFolder | None,
    notes: Notes,
) -> int:
    """Read the pages that are not done, say what came of all; the exit code."""
    done = folder.done(jobs) if folder else set()
    reader = _reader(args)
    counts = collections.Counter()
    with reading_bar.shown(len(jobs), args.out) as bar:
        for job in jobs:
            try:
                if job not in done:
                    is_first = not counts["read"]
                    counts += _read(job, reader, folder, notes, is_first=is_first)
            except page_jobs.Unwritable:
                raise
            except UserError as error:
                notes.add(job.name, str(error))
            bar()
    notes.finish()
    failed = len(jobs) - counts["read"] - len(done)
    kept = "lines kept as they are"
    pages = "page" if len(jobs) == 1 else "pages"
    errors.say(
        f"{len(jobs):,} {pages}: {counts['read']:,} read, {len(done):,} "
        f"done before, {failed:,} left out; {counts['lines read']:,} lines read"
        + (f", {counts[kept]:,} kept as they are" if args.lines == "xml" else "")
    )
    return 0 if counts["read"] or done else 2


def _how(args: argparse.Namespace) -> dict[str, Path | str]:
    """Return what decides on the texts of a page, by option."""
    xml = args.lines == "xml"
    how = {"lines": args.lines, "format": args.format or ("xml" if xml else "text")}
    how |= {"workdir": Path(args.workdir), "decoder": args.decoder or "the default"}
    return how if xml else how | {"finder": Path(args.finder)}


def _read(
    job: Job,
    reader,
    folder: page_jobs.OutFolder | None,
    notes: Notes,
    *,
    is_first: bool,
) -> collections.Counter:
    """Read a page, write or print it, and count it. Raises UserError."""
    if job.problem:
        raise UserError(job.problem)
    contents, lines, doubt = job.read(reader)
    if folder:
        folder.write(job, contents)
    else:
        header = job.header if is_first else b""
        sys.stdout.buffer.write(header + contents[job.suffix])
        sys.stdout.flush()
    if doubt:
        notes.add(job.name, doubt)
    return lines + collections.Counter(read=1)


def _image_jobs(args: argparse.Namespace) -> list[Job]:
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
    if form.needs_image:
        _refuse_copies_among(pages, args)

    def read(page: page_images.PageImage, reader: page_reader.PageReader):
        if form.needs_image and (why := finding.unfit_for_xml(page.name)):
            raise UserError(f"its name {why}: rename it")
        picture = page.read_picture()
        result = reader.read_gray(picture.gray)
        contents, image_name = {}, ""
        if form.needs_image:
            suffix, image = _image(page, picture)
            contents, image_name = {suffix: image}, f"{Path(page.name).name}{suffix}"
        contents[form.suffix] = form.write(result, picture.gray, page.name, image_name)
        lines = collections.Counter({"lines read": len(result.lines)})
        return contents, lines, page_reader.doubt(result)

    return [
        Job(
            page.name,
            form.suffix,
            page.described,
            functools.partial(read, page),
            form.header,
            xml=args.format.upper() if form.needs_image else "",
            problem=page.problem,
        )
        for page in pages
    ]


def _image(page: page_images.PageImage, picture: opening.Picture) -> tuple[str, bytes]:
    """Return the image that lies beside a page's XML, after its suffix.

    A copy will do where every program sees the same in it.
    """
    if page.is_plain and picture.tag == 1:
        try:
            return page.source.suffix, page.source.read_bytes()
        except OSError as error:
            raise UserError(f"{page.source}: {errors.reason(error)}") from None
    return ".png", cv2.imencode(".png", picture.gray)[1].tobytes()


def _refuse_copies_among(pages: list[page_images.PageImage], args: argparse.Namespace):
    """Raise UserError if images beside XML would be pages of the same command."""
    if not any(_is_in(args.out, folder) for folder in args.pages):
        return
    for page in pages:
        if not page.problem and not page.lies_at(args.out / page.name):
            raise UserError(
                f"--out={args.out} is in the folder of the pages, where the image of "
                f"{page.name} would count as another: name one beside it"
            )


def _is_in(out: Path, folder: str | Path) -> bool:
    return out.resolve().is_relative_to(Path(folder).resolve())


def _xml_jobs(args: argparse.Namespace) -> list[Job]:
    """Return a job for each page whose lines are in XML."""
    form = args.format or "xml"
    if form not in xml_pages.FORMATS:
        raise UserError(f"--format={form} is for --lines=find: name xml or text")
    if not args.out:
        raise UserError("--lines=xml writes files: name a folder by --out")
    suffix, written = xml_pages.FORMATS[form]

    def read(page: locating.Found, recognizer: Recognizer):
        lines = xml_pages.read(recognizer, page, args.overwrite)
        return {suffix: written(page, lines)}, xml_pages.count(lines), ""

    return [
        Job(
            page.name,
            suffix,
            page.path,
            functools.partial(read, page),
            xml=page.head.format if form == "xml" else "",
            problem=page.problem,
        )
        for folder in args.pages
        for page in _xml_pages(Path(folder), args)
    ]


def _xml_pages(folder: Path, args: argparse.Namespace) -> list[locating.Found]:
    """Return the pages of a folder with XML; say which other XML is left out."""
    pages, others = locating.find(folder, tuple(any_format.PARSERS))
    if _is_in(args.out, folder):
        raise UserError(
            f"--out={args.out} is in the folder of the pages, where its copies would "
            "count as pages: name one beside it"
        )
    for one in others:
        errors.say(f"{one.name}.xml: {one.problem}")
    return pages


def _reader(args: argparse.Namespace) -> Recognizer | page_reader.PageReader:
    """Return what reads lines or, where they are to be found, pages."""
    if args.lines == "xml":
        return load_named(args.workdir, args.decoder)
    finder = finder_lib.load(args.finder)
    return page_reader.PageReader(finder, load_named(args.workdir, args.decoder))


if __name__ == "__main__":
    sys.exit(main())
