"""Read line images with a network that ships, or with one of your own.

    python -m ocr_jax.predict line.png
    python -m ocr_jax.predict --workdir=runs/NAME line1.png more/*.jpg folder/
    python -m ocr_jax.predict --workdir=runs/NAME --format=json - < line.png

A network with a language model reads by beam search, any other greedily. From Python,
`ocr_jax.Recognizer` does the same.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ocr_jax import (
    decoders,
    errors,
    pretrained,
    reading_bar,
    reading_formats,
    run_names,
)
from ocr_jax.errors import UserError
from ocr_jax.images import batches, cleaning, doubts, finding, opening
from ocr_jax.readings import UNREADABLE, Reading
from ocr_jax.recognizer import Recognizer, load_named
from ocr_jax.runtime import devices

# The first images are read few at a time, to show soon what comes; then more, whose
# widths fill a batch better.
FEWEST, MOST = batches.MOST, 8 * batches.MOST
# Readings less sure than this are tried the other ways up, which must be surer by this.
DOUBTFUL, CLEARLY = 0.7, 0.15


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 2 if any image could not be read."""
    return errors.exit_code(lambda: _run(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python -m ocr_jax.predict", description=__doc__
    )
    parser.add_argument(
        "--workdir", help=f"{run_names.HELP} (default: {pretrained.RECOGNIZER})"
    )
    parser.add_argument(
        "--decoder",
        choices=decoders.NAMES,
        help=decoders.HELP,
    )
    parser.add_argument(
        "--format",
        choices=reading_formats.NAMES,
        default="text",
        help="what to write of each image (default: text)",
    )
    parser.add_argument(
        "--out", help="file to write, whole or not at all (default: standard output)"
    )
    parser.add_argument("images", nargs="*", help="files, folders, or - for stdin")
    return parser


def _run(args: argparse.Namespace) -> int:
    if not args.images:
        raise UserError("no images: name files or folders, or - for stdin")
    # The first image of `--out *.png` would be replaced, and not be read.
    if args.out and finding.is_image(Path(args.out)):
        raise UserError(f"--out={args.out} has the name of an image: name another file")
    files, left_out = _expand(args.images)
    names = [page for file in files for page in _pages(file)]
    devices.use_cores(batches.MOST)
    if not args.workdir:
        errors.say(
            f"{pretrained.RECOGNIZER} reads, which knows no writer of yours: train a "
            "network on some of your lines, and name it with --workdir"
        )
    recognizer = load_named(args.workdir or pretrained.RECOGNIZER, args.decoder)
    counts = dict.fromkeys(("read", "blank", "unreadable"), 0)
    with (
        reading_formats.Writer(args.format, args.out) as writer,
        reading_bar.shown(len(names), args.out) as bar,
    ):
        for prepared, reading, doubt in _read(recognizer, names):
            writer.write(prepared.name, reading, prepared.problem)
            counts[prepared.kind] += 1
            if doubt:
                errors.say(f"{prepared.name} {doubt}")
            bar()
    if len(names) > 1 or left_out:
        errors.say(_summary(counts, left_out))
    return 2 if counts["unreadable"] else 0


class _Page(NamedTuple):
    """An image of the command line: a file, or a page of a TIFF of several.

    source: the file, or the bytes that came for it.
    """

    file: str
    source: str | bytes
    number: int = 0

    @property
    def name(self) -> str:
        return f"{self.file}[{self.number + 1}]" if self.number else self.file


class _Prepared(NamedTuple):
    """An image to be read: its line, or the problem it has, and what to doubt."""

    name: str
    line: cleaning.CleanLine | None = None
    problem: str = ""
    doubt: str = ""
    tall: np.ndarray | None = None  # what is higher than wide may lie on its side

    @property
    def kind(self) -> str:
        if not self.line:
            return "unreadable"
        return "read" if self.line.image.shape[1] else "blank"


def _expand(names: list[str]) -> tuple[list[str], list[Path]]:
    """Return the images that the arguments name, and what else is in their folders."""
    images, left_out = [], []
    for name in names:
        if not finding.is_folder(name):
            images.append(name)
            continue
        inside = list(finding.files(name))
        if not any(map(finding.is_image, inside)):
            raise UserError(f"no images in the folder {name}")
        images += [str(path) for path in inside if finding.is_image(path)]
        left_out += [path for path in inside if not finding.is_image(path)]
    return images, left_out


def _pages(file: str) -> list[_Page]:
    source = sys.stdin.buffer.read() if file == "-" else file
    return [
        _Page(file, source, number) for number in range(opening.count_pages(source))
    ]


def _read(
    recognizer: Recognizer, pages: list[_Page]
) -> Iterator[tuple[_Prepared, Reading, str]]:
    """Yield the images, their readings and doubts in the order of the command line."""
    start, size = 0, FEWEST
    while start < len(pages):
        chunk = [_prepare(recognizer, page) for page in pages[start : start + size]]
        lines = [prepared.line for prepared in chunk if prepared.line]
        read = iter(recognizer.read_lines(lines))
        readings = [next(read) if image.line else UNREADABLE for image in chunk]
        yield from zip(
            chunk, readings, _doubts(recognizer, chunk, readings), strict=True
        )
        start, size = start + size, min(2 * size, MOST)


def _prepare(recognizer: Recognizer, page: _Page) -> _Prepared:
    try:
        gray = opening.read_picture(page.source, page.number).gray
        line = recognizer.line(gray, page.name)
    except UserError as error:
        errors.say(str(error))
        return _Prepared(page.name, problem=str(error))
    doubt = doubts.about(gray)
    if not line.image.shape[1]:
        doubt = "is blank: nothing on it stands out from the paper"
    # Whole images are large: only those that may be turned are kept.
    tall = gray if not doubt and len(gray) > gray.shape[1] else None
    return _Prepared(page.name, line, doubt=doubt, tall=tall)


def _doubts(
    recognizer: Recognizer, chunk: list[_Prepared], readings: list[Reading]
) -> list[str]:
    """Say what is doubtful about each image: "" or what it looks like.

    What is read with little confidence is read the other ways up, in batches.
    """
    turned = [
        (number, degrees, line)
        for number, (prepared, reading) in enumerate(zip(chunk, readings, strict=True))
        if prepared.kind == "read" and not prepared.doubt
        if reading.sureness < DOUBTFUL
        for degrees, line in _turned(recognizer, prepared)
    ]
    others = recognizer.read_lines([line for _, _, line in turned])
    best = {number: (0.0, 0) for number, _, _ in turned}
    for (number, degrees, _), other in zip(turned, others, strict=True):
        if other.text:
            best[number] = max(best[number], (other.sureness, degrees))
    said = [prepared.doubt for prepared in chunk]
    for number, (confidence, degrees) in best.items():
        if confidence > (own := readings[number].sureness) + CLEARLY:
            said[number] = (
                f"may be turned: clockwise by {degrees} degrees, its reading has "
                f"confidence {confidence:.2f} instead of {own:.2f}"
            )
    return said


def _turned(
    recognizer: Recognizer, prepared: _Prepared
) -> Iterator[tuple[int, cleaning.CleanLine]]:
    """Yield how a line may be turned, in degrees clockwise, and what it is then."""
    line = prepared.line
    yield 180, line._replace(image=line.image[::-1, ::-1])
    for degrees in (90, 270) if prepared.tall is not None else ():
        with contextlib.suppress(UserError):
            gray = np.rot90(prepared.tall, -degrees // 90)
            yield degrees, recognizer.line(gray)


def _summary(counts: dict[str, int], left_out: list[Path]) -> str:
    """Say how many images were read, blank, unreadable, and what was left out."""
    words = [f"{count:,} {kind}" for kind, count in counts.items()]
    if left_out:
        some = ", ".join(str(path) for path in left_out[:3])
        more = " …" if len(left_out) > 3 else ""
        words.append(f"{len(left_out):,} left out, not images ({some}{more})")
    return f"{sum(counts.values()):,} images: {', '.join(words)}"


if __name__ == "__main__":
    sys.exit(main())
