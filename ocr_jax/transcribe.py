"""Write the texts of whole pages into copies of their ALTO or PAGE XML.

    python -m ocr_jax.transcribe pages/ --workdir=runs/NAME --out=texts/

The XML says where the lines are, as eScriptorium, Transkribus and Kraken write it. Its
copy in --out has the same regions, lines and ids, and the readings of the lines.
"""

import argparse
import collections
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rich.console
import rich.progress

from ocr_jax import checkpoints, decoders, errors, run_names, workdirs
from ocr_jax.errors import UserError
from ocr_jax.images import batches, cleaning
from ocr_jax.pages import xml_texts
from ocr_jax.recognizer import Recognizer
from ocr_jax.runtime import devices
from ocr_jax.sources.pages import any_format, line_cutting, locating


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
    add("folder", type=Path, help="page images with the XML of their lines")
    add("--workdir", required=True, help=f"the recogniser: {run_names.HELP}")
    add("--out", required=True, type=Path, help="folder of the copies")
    add(
        "--decoder",
        choices=decoders.NAMES,
        default="greedy",
        help="beam needs python -m ocr_jax.tune_decoder first (default: greedy)",
    )
    add(
        "--format",
        choices=FORMATS,
        default="xml",
        help="text: a line of text for each line of the page (default: xml)",
    )
    add(
        "--overwrite",
        action="store_true",
        help="read lines that have a text, and pages whose copy is there already",
    )
    return parser


def _run(args: argparse.Namespace) -> int:
    pages, others = locating.find(args.folder, tuple(any_format.PARSERS))
    if args.out.resolve().is_relative_to(args.folder.resolve()):
        raise UserError(
            f"--out={args.out} is in the folder of the pages, where its copies would "
            "count as pages: name one beside it"
        )
    for one in [*pages, *others]:
        if one.problem:
            errors.say(f"{one.name}.xml: {one.problem}")
    devices.use_cores(batches.MOST)
    workdir = run_names.resolve(args.workdir)
    recognizer = Recognizer.load(workdir, args.decoder)
    if not checkpoints.is_finished(workdir):
        errors.say(f"{workdir} is not finished: its best network so far reads")
    suffix, written = FORMATS[args.format]
    counts = collections.Counter()
    good = [page for page in pages if not page.problem]
    for page in _shown_progress(good):
        out = args.out / f"{page.name}{suffix}"
        if out.exists() and not args.overwrite:
            counts["done before"] += 1
            continue
        try:
            lines = _read_page(recognizer, page, args.overwrite)
        except UserError as error:
            errors.say(f"{page.name}: {error}")
            continue
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            workdirs.write_bytes(out, written(page, lines))
        except OSError as error:
            raise UserError(f"--out={args.out}: {errors.reason(error)}") from None
        counts["read"] += 1
        counts["lines read"] += sum(line.is_new for line in lines)
        counts["lines kept"] += sum(not line.is_new for line in lines)
    failed = len(pages) - counts["read"] - counts["done before"]
    errors.say(
        f"{len(pages):,} pages: {counts['read']:,} read, {counts['done before']:,} "
        f"done before, {failed:,} left out; {counts['lines read']:,} lines read, "
        f"{counts['lines kept']:,} kept as they are"
    )
    return 0 if counts["read"] + counts["done before"] else 2


class _Line(NamedTuple):
    """The text of a line, and whether it was read now."""

    text: xml_texts.Text
    is_new: bool


def _as_xml(page: locating.Found, lines: list[_Line]) -> bytes:
    texts = {n: line.text for n, line in enumerate(lines) if line.is_new}
    return xml_texts.copy(page.path, texts)


def _as_text(page: locating.Found, lines: list[_Line]) -> bytes:
    return "".join(f"{line.text.text}\n" for line in lines).encode()


# Format → the suffix of its files, and what writes them.
FORMATS = {"xml": (".xml", _as_xml), "text": (".txt", _as_text)}


def _read_page(
    recognizer: Recognizer, page: locating.Found, overwrite: bool
) -> list[_Line]:
    """Read the lines of a page that have no text, or all; in the order of the file.

    Raises UserError if the page can't be read.
    """
    parse = any_format.PARSERS[page.head.format]
    gray, described, scale = line_cutting.open_page(page.path, page.image, parse)
    images = {
        number: image
        for number, line in enumerate(described.lines)
        if overwrite or not line.text.strip()
        if (image := _cut(gray, line, scale, recognizer.best.height, page.name))
    }
    readings = recognizer.read_lines(list(images.values()))
    read = dict(zip(images, readings, strict=True))
    return [
        _Line(xml_texts.Text(read[number].text, read[number].confidence), True)
        if number in read
        else _Line(xml_texts.Text(line.text, 1.0), False)
        for number, line in enumerate(described.lines)
    ]


def _cut(
    gray: np.ndarray,
    line: line_cutting.TextLine,
    scale: np.ndarray,
    height: int,
    page_name: str,
) -> cleaning.CleanLine | None:
    """Cut a line as those that networks are trained on; None if it has no place."""
    try:
        if line.problem:
            raise UserError(line.problem)
        image = line_cutting.cut(gray, line, scale, height=height)
    except UserError as error:
        errors.say(f"{page_name}/{line.line_id}: {error}")
        return None
    return cleaning.CleanLine(image, left=0.0, scale=1.0)


def _shown_progress(pages: list[locating.Found]):
    """Yield the pages; show a bar on stderr if that is a terminal."""
    console = rich.console.Console(stderr=True)
    yield from rich.progress.track(
        pages, "Reading", console=console, disable=not sys.stderr.isatty()
    )


if __name__ == "__main__":
    sys.exit(main())
