"""Read line images with a trained network.

    python -m ocr_jax.predict --workdir=runs/NAME line1.png more/*.jpg folder/
    python -m ocr_jax.predict --workdir=runs/NAME --format=json - < line.png

or, from Python, `Recognizer.load("runs/NAME").read(["line1.png"])`.
"""

import argparse
import collections
import contextlib
import functools
import io
import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, get_args

import jax
import numpy as np
import PIL.Image

from ocr_jax import checkpoints, decoders, errors, reading_formats, steps
from ocr_jax.decoding import greedy
from ocr_jax.errors import UserError, printable
from ocr_jax.images import batches, cleaning, doubts, finding
from ocr_jax.images import opening as images_lib
from ocr_jax.runtime import devices

# Images are read this many at a time, the widths of a batch being alike.
CHUNK = 8 * batches.MOST
# Readings less sure than this are tried the other ways up, which must be surer by this.
DOUBTFUL, CLEARLY = 0.7, 0.2


class Character(NamedTuple):
    """A character of a reading: calibrated confidence, and x in pixels of the image."""

    text: str
    confidence: float
    x: float


class Reading(NamedTuple):
    """The text of a line image; confidence is the expected share that is right."""

    text: str
    confidence: float
    characters: list[Character]


# Nothing is on a blank image, which is certain; of an unreadable one nothing is known.
BLANK, UNREADABLE = Reading("", 1.0, []), Reading("", 0.0, [])


# A line image: a file, its bytes, or pixels (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).
Source = str | os.PathLike | bytes | BinaryIO | np.ndarray | jax.Array | PIL.Image.Image
OnError = Literal["raise", "skip"]


def is_one_image(images) -> bool:
    """Whether this is one image, not several: an array of several has four axes."""
    one = (str, os.PathLike, bytes, io.IOBase, PIL.Image.Image)
    return isinstance(images, one) or getattr(images, "ndim", 4) < 4


class Recognizer:
    """A trained network with its decoder, ready to read line images."""

    def __init__(self, best: checkpoints.BestModel, decoder: decoders.Decoder):
        self.best = best

        @jax.jit
        def read_batch(decoder, state, images, widths):
            logits, lengths = steps.predict_logits(best.model, state, images, widths)
            path, fused = decoder.read(logits, lengths)
            return greedy.read_path(path, fused, lengths, decoder.temperature)

        self._readers = [
            functools.partial(
                read_batch, *jax.device_put((decoder, best.state), device)
            )
            for device in jax.local_devices()
        ]

    @classmethod
    def load(cls, workdir: str | os.PathLike, decoder: str = "greedy") -> "Recognizer":
        """Load the best network of a run.

        decoder: greedy, or beam if ocr_jax.tune_decoder has been run. Raises UserError
        if the workdir has no network or no such decoder.
        """
        devices.use_compilation_cache()
        best = checkpoints.load_best(Path(workdir))
        return cls(best, decoders.load(decoder, workdir, best))

    def read(
        self, images: Source | Iterable[Source], *, on_error: OnError = "raise"
    ) -> list[Reading]:
        """Read line images of any size, colour or bit depth, or a single one.

        on_error: "raise" a UserError for the first image that cannot be read, or "skip"
        it: its reading is UNREADABLE, and the others are read.
        """
        if on_error not in get_args(OnError):
            raise UserError(f"on_error is {on_error!r}: expected 'raise' or 'skip'")
        if is_one_image(images):
            images = [images]
        lines = [self._line_or_none(image, on_error) for image in images]
        readings = iter(self.read_lines([line for line in lines if line]))
        return [next(readings) if line else UNREADABLE for line in lines]

    def _line_or_none(self, image: Source, on_error: OnError):
        try:
            return self.line(image)
        except UserError:
            if on_error == "raise":
                raise
            return None

    def line(self, image: Source) -> cleaning.CleanLine:
        """Prepare an image for the network; a blank one has no width.

        Raises UserError if it cannot be read.
        """
        gray = images_lib.read_image(image)
        try:
            return cleaning.clean_line(gray, self.best.height)
        except cleaning.Blank:
            blank = np.zeros((self.best.height, 0), np.uint8)
            return cleaning.CleanLine(blank, left=0.0, scale=1.0)
        except UserError as error:
            raise UserError(f"{images_lib.describe(image)}: {error}") from None

    def read_lines(self, lines: list[cleaning.CleanLine]) -> list[Reading]:
        """Read lines in batches of similar width; readings keep the lines' order."""
        readings = [BLANK] * len(lines)

        def finish(indices, decoded):
            decoded = jax.device_get(decoded)
            for row, index in enumerate(indices):
                readings[index] = self._reading(decoded, row, lines[index])

        groups = batches.split([line.image.shape[1] for line in lines])
        under_way = collections.deque()
        for (indices, width), read in zip(groups, itertools.cycle(self._readers)):
            padded, widths = batches.pad([lines[i].image for i in indices], width)
            under_way.append((indices, read(padded, widths)))
            if len(under_way) > len(self._readers):
                finish(*under_way.popleft())
        for batch in under_way:
            finish(*batch)
        return readings

    def _reading(self, decoded, row: int, line: cleaning.CleanLine) -> Reading:
        """Build the reading of one row of a decoded batch."""
        length = decoded.lengths[row]
        text, order = self.best.charset.read(decoded.labels[row, :length])
        centres = (decoded.starts[row, :length] + decoded.ends[row, :length]) / 2
        xs = (line.left + self.best.model.centre(centres) * line.scale)[order]
        confidences = decoded.confidences[row, order]
        characters = [
            Character(character, float(confidence), float(x))
            for character, confidence, x in zip(text, confidences, xs, strict=True)
        ]
        return Reading(text, float(decoded.line_confidences[row]), characters)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 2 if any image could not be read."""
    return errors.exit_code(lambda: _run(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python -m ocr_jax.predict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--workdir", help="folder of a finished training, or wandb:ENTITY/PROJECT/RUN"
    )
    parser.add_argument(
        "--decoder",
        choices=decoders.NAMES,
        default="greedy",
        help="beam needs python -m ocr_jax.tune_decoder first (default: greedy)",
    )
    parser.add_argument(
        "--format",
        choices=reading_formats.NAMES,
        default="text",
        help="what to write of each image (default: text)",
    )
    parser.add_argument("images", nargs="*", help="files, folders, or - for stdin")
    return parser


def _run(args: argparse.Namespace) -> int:
    if not args.workdir:
        raise UserError(
            "--workdir is required: the folder of a finished training. No model yet? "
            "Train one in minutes: python -m ocr_jax.main "
            "--config=configs/quickstart.py; or see the README to train on your own "
            "lines"
        )
    if not args.images:
        raise UserError("no images: name files or folders, or - for stdin")
    names = list(_expand(args.images))
    devices.use_cores(batches.MOST)
    recognizer = Recognizer.load(args.workdir, args.decoder)
    writer, unreadable = reading_formats.Writer(args.format), 0
    for start in range(0, len(names), CHUNK):
        chunk = [_Image(recognizer, name) for name in names[start : start + CHUNK]]
        readings = iter(recognizer.read_lines([i.line for i in chunk if i.line]))
        for image in chunk:
            reading = next(readings) if image.line else UNREADABLE
            writer.write(image.name, reading, image.problem)
            unreadable += not image.line
            if doubt := image.doubt or _better(recognizer, image, reading):
                print(f"ocr_jax: {printable(image.name)} {doubt}", file=sys.stderr)
    return 2 if unreadable else 0


class _Image:
    """An image of the command line, prepared: its line, or the problem it has."""

    def __init__(self, recognizer: Recognizer, name: str):
        self.name, self.line, self.problem, self.doubt = name, None, "", ""
        try:
            gray = images_lib.read_image(_source(name))
            self.doubt = doubts.about(gray)
            self.line = recognizer.line(gray)
            # What is higher than wide may lie on its side.
            self.tall = gray if len(gray) > gray.shape[1] else None
            if not self.line.image.shape[1]:
                self.doubt = "is blank: nothing on it stands out from the paper"
        except UserError as error:
            whose = f"{images_lib.describe(np.array(0))}: "
            self.problem = str(error).replace(whose, f"{name}: ")
            print(f"ocr_jax: {printable(self.problem)}", file=sys.stderr)


def _better(recognizer: Recognizer, image: _Image, reading: Reading) -> str:
    """Say how an image must be turned to be read better; "" if it stands upright."""
    if not image.line or reading.confidence > DOUBTFUL:
        return ""
    lines = {180: image.line._replace(image=image.line.image[::-1, ::-1])}
    for degrees in (90, 270) if image.tall is not None else ():
        with contextlib.suppress(UserError):
            lines[degrees] = recognizer.line(np.rot90(image.tall, -degrees // 90))
    readings = zip(recognizer.read_lines([*lines.values()]), lines, strict=True)
    sure = [(turned.confidence, degrees) for turned, degrees in readings if turned.text]
    best, degrees = max(sure, default=(0.0, 0))
    if best < reading.confidence + CLEARLY:
        return ""
    return (
        f"may be turned: clockwise by {degrees} degrees, its reading has confidence "
        f"{best:.2f} instead of {reading.confidence:.2f}"
    )


def _source(name: str):
    """Return what to open for an argument: the path, or the bytes of stdin for `-`."""
    return sys.stdin.buffer.read() if name == "-" else name


def _expand(names: list[str]) -> Iterator[str]:
    """Yield the images that the arguments name; a folder stands for its images."""
    for name in names:
        if not Path(name).is_dir():
            yield name
        elif inside := finding.images(name):
            yield from map(str, inside)
        else:
            raise UserError(f"no images in the folder {name}")


if __name__ == "__main__":
    sys.exit(main())
