"""The recogniser: a trained network with its decoder, which reads line images.

from ocr_jax import Recognizer

readings = Recognizer.load("runs/NAME").read(["line1.png", "line2.png"])
"""

import functools
import itertools
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, Literal, get_args

import jax
import numpy as np
import PIL.Image

from ocr_jax import decoders, errors, inference, rereading, run_names, trained
from ocr_jax.data import stretching
from ocr_jax.decoding import greedy
from ocr_jax.errors import UserError
from ocr_jax.images import batches, cleaning
from ocr_jax.images import opening as images_lib
from ocr_jax.readings import BLANK, UNREADABLE, Part, Reading
from ocr_jax.runtime import devices, programs

# A line image: a file, its bytes, or pixels (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).
Source = str | os.PathLike | bytes | BinaryIO | np.ndarray | jax.Array | PIL.Image.Image
OnError = Literal["raise", "skip"]
# Lines of no more frames share two decoding programs, for one line and for a batch.
# Each takes longer to compile than the network does, and hardly longer to run.
FRAMES = 256
programs.register(greedy.Decoded)


def load_named(name: str, decoder: str | None) -> "Recognizer":
    """Load the network that a command line names; say if it is still being trained.

    name: see run_names. decoder: see Recognizer.load. Raises UserError.
    """
    workdir = run_names.resolve(name)
    recognizer = Recognizer.load(workdir, decoder)
    if not trained.is_finished(workdir):
        errors.say(f"{workdir} is not finished: its best network so far reads")
    return recognizer


def is_one_image(images) -> bool:
    """Whether this is one image, not several: an array of several has four axes."""
    if isinstance(images, (str, os.PathLike, bytes, PIL.Image.Image)):
        return True
    is_file = hasattr(images, "read")  # a temporary one is no io.IOBase
    return is_file or getattr(images, "ndim", 4) < 4


class Recognizer:
    """A trained network with its decoder, ready to read line images."""

    def __init__(
        self, best: trained.BestModel, decoder: decoders.Decoder, *, keep: bool = False
    ):
        """keep: what is traced for later processes; for networks of this package."""
        self.best = best
        alone = decoders.Decoder(greedy.GREEDY, best.temperature)
        is_alone = decoder.read.func is alone.read.func

        def compute_logits(state, images, widths):
            return inference.predict_logits(best.model, state, images, widths)

        def decode(decoder, logits, lengths):
            decoded = decoder.decode(logits, lengths)
            return decoded, decoded if is_alone else alone.decode(logits, lengths)

        search = decoder.read.func.__qualname__
        about = f"{best.model} {search} {best.temperature}" if keep else None
        compute_logits = programs.jit(compute_logits, about)
        decode = programs.jit(decode, about)
        self._networks = [
            functools.partial(compute_logits, jax.device_put(best.state, device))
            for device in jax.local_devices()
        ]
        self._device = jax.local_devices()[0]
        self._decode = functools.partial(decode, jax.device_put(decoder, self._device))

    @classmethod
    def load(
        cls, workdir: str | os.PathLike, decoder: str | None = None
    ) -> "Recognizer":
        """Load the best network of a run.

        decoder: greedy or beam; None for beam where ocr_jax.tune_decoder has been run.
        Raises UserError if the workdir has no network or no such decoder.
        """
        devices.use_compilation_cache()
        workdir = run_names.resolve(workdir)
        best = trained.load_best(workdir)
        return cls(best, decoders.load(decoder, workdir, best), keep=True)

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
            return self.line(images_lib.read_image(image), images_lib.describe(image))
        except UserError:
            if on_error == "raise":
                raise
            return None

    def line(self, gray: np.ndarray, name: str = "the image") -> cleaning.CleanLine:
        """Prepare a gray image (H, W) for the network; a blank one has no width.

        name: what to call it. Raises UserError if there is no line in it.
        """
        try:
            return cleaning.clean_line(gray, self.best.height)
        except cleaning.Blank:
            return cleaning.without_ink(self.best.height)
        except UserError as error:
            raise UserError(f"{name}: {error}") from None

    def read_lines(self, lines: list[cleaning.CleanLine]) -> list[Reading]:
        """Read lines in batches of similar width; readings keep the lines' order.

        Dense lines are read again, stretched, where the network has learnt them so.
        """
        lines = list(lines)
        logits, once = self._logits(lines)
        best, widths = self.best, np.array([line.image.shape[1] for line in lines])
        factors = stretching.factors(once.counts, widths, best.height, best.dense_from)
        dense = np.flatnonzero(factors > 1)
        wide = stretching.new_widths(widths, factors)
        stretched = [lines[index].stretched(wide[index]) for index in dense]
        more, again = self._logits(stretched)
        for place, index in enumerate(dense):
            if again.evidence[place] > once.evidence[index]:
                lines[index], logits[index] = stretched[place], more[place]
        return self._decoded(lines, logits)

    def _logits(
        self, lines: list[cleaning.CleanLine]
    ) -> tuple[list[np.ndarray], rereading.Found]:
        """Return the logits (T, C) of each line, and what is found if that matters."""
        groups = list(batches.split([line.image.shape[1] for line in lines]))

        def compute(group, network):
            indices, width = group
            return network(*batches.pad([lines[i].image for i in indices], width))

        logits = [np.zeros((0, 0), np.float32)] * len(lines)
        found = rereading.Found(*np.zeros((2, len(lines))))
        # A thread for each device: programs of other widths are compiled at once.
        with ThreadPoolExecutor(len(self._networks)) as pool:
            computed = pool.map(compute, groups, itertools.cycle(self._networks))
            for (indices, _), outputs in zip(groups, computed, strict=True):
                read = zip(indices, *jax.device_get(outputs), strict=False)
                for index, of_line, length in read:
                    logits[index] = of_line[:length]
                if self.best.dense_from:
                    padded = _padded([logits[index] for index in indices])
                    of_rows = jax.device_get(rereading.found_in(*padded))
                    for whole, part in zip(found, of_rows, strict=True):
                        whole[indices] = part[: len(indices)]
        return logits, found

    def _decoded(
        self, lines: list[cleaning.CleanLine], logits: list[np.ndarray]
    ) -> list[Reading]:
        """Decode logits (T, C) in batches of similar length; without any: blank."""
        readings = [BLANK] * len(lines)
        frames = np.array([len(of_line) for of_line in logits])
        order = [i for i in np.argsort(-frames, kind="stable") if frames[i]]
        for start in range(0, len(order), batches.MOST):
            indices = order[start : start + batches.MOST]
            padded = _padded([logits[index] for index in indices])
            batch, alone = jax.device_get(self._decode(*padded))
            for row, index in enumerate(indices):
                reading = self._reading(batch, row, lines[index])
                evidence = alone.confidences[row, : alone.lengths[row]].tolist()
                readings[index] = reading._replace(evidence=tuple(evidence))
        return readings

    def _reading(self, decoded, row: int, line: cleaning.CleanLine) -> Reading:
        """Build the reading of one row of a decoded batch."""
        length = decoded.lengths[row]
        text, order = self.best.charset.read(decoded.labels[row, :length])
        frames = (decoded.starts[row, :length] + decoded.ends[row, :length]) / 2
        size = line.image.shape[1]
        # The first and the last frame may lie beside the line.
        centres = np.clip(self.best.model.centre(frames), 0, size)
        widths = _widths(centres, size) * line.scale
        xs = line.left + centres * line.scale
        confidences = decoded.confidences[row]
        characters = [
            Part(character, float(confidences[i]), float(xs[i]), float(widths[i]))
            for character, i in zip(text, order, strict=True)
        ]
        return Reading(text, float(decoded.line_confidences[row]), characters)


def _padded(logits: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Pad logits (T, C) into a batch of one of few shapes; return lengths, too."""
    longest, classes = max(map(len, logits)), logits[0].shape[1]
    rows = 1 if len(logits) == 1 else batches.MOST
    frames = max(FRAMES, 1 << (longest - 1).bit_length())
    padded = np.zeros((rows, frames, classes), np.float32)
    lengths = np.zeros(rows, np.int32)
    for row, of_line in enumerate(logits):
        padded[row, : len(of_line)] = of_line
        lengths[row] = len(of_line)
    return padded, lengths


def _widths(centres: np.ndarray, whole: int) -> np.ndarray:
    """Return the widths of characters with these rising centres (N,), in pixels.

    The outer ones are as wide as their inner halves say; a single one has the whole.
    """
    if len(centres) < 2:
        return np.full(len(centres), float(whole))
    gaps = np.diff(centres)
    return (np.append(gaps[:1], gaps) + np.append(gaps, gaps[-1:])) / 2
