"""Decoders by name, and the language model that a workdir keeps for beam search."""

import hashlib
import io
import json
import os
import shlex
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from ocr_jax import run_names, trained, workdirs
from ocr_jax.decoding import beam, fusion, greedy, language_model
from ocr_jax.errors import UserError, reason
from ocr_jax.runtime import programs

GREEDY = "greedy"
NAMES = (GREEDY, "beam")
HELP = (
    "how to read; beam needs a language model, which ocr_jax.tune_decoder makes "
    "(default: beam where the network has one, greedy elsewhere)"
)
FILE = "language_model.npz"
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error)
# Of language models as they are built, in the folder of compiled programs; of so many.
BUILT, MOST_BUILT = "language_models", 8


class Decoder(NamedTuple):
    """Turns logits into readings. It is a pytree, so jitted functions can take it."""

    read: Callable  # (logits, logit_lengths) → (path, logits): see greedy.greedy_path
    temperature: float  # of confidences from those logits

    def decode(self, logits: jax.Array, lengths: jax.Array) -> greedy.Decoded:
        """Read logits (B, T, C) of lines that are `lengths` (B,) frames long."""
        path, fused = self.read(logits, lengths)
        return greedy.read_path(path, fused, lengths, self.temperature)


class LearntModel(NamedTuple):
    """N-grams, the name of the text they are of, and their validation perplexity."""

    ngrams: language_model.NGrams
    text: str
    order: int
    perplexity: float


class SearchWeights(NamedTuple):
    """The weights of beam search (beam.Guide), and CERs on the lines that chose them.

    cer_crossed: with the weights of each writer chosen on the lines of the others.
    """

    alpha: float
    beta: float
    lines: int
    cer_greedy: float
    cer_without_model: float
    cer: float
    cer_crossed: float


class TunedDecoder(NamedTuple):
    """What ocr_jax.tune_decoder makes for a run, and FILE keeps."""

    model: LearntModel
    weights: SearchWeights
    temperature: float
    characters: tuple[str, ...]


def load(
    name: str | None, workdir: str | os.PathLike, best: trained.BestModel
) -> Decoder:
    """Load a decoder, one of NAMES, for the best network of a workdir.

    None: beam where the workdir has a language model, greedy elsewhere. Raises
    UserError if beam is asked for and there is none, or if it is for other characters.
    """
    path = run_names.resolve(workdir) / FILE
    if name == GREEDY or (name is None and not path.exists()):
        return Decoder(greedy.GREEDY, best.temperature)
    if not path.exists():
        raise UserError(
            f"{workdir} has no language model: make one with "
            f"python -m ocr_jax.tune_decoder --workdir={shlex.quote(str(workdir))}"
        )
    tuned = read(path)
    if tuned.characters != best.charset.characters:
        raise UserError(
            f"{path} was made for other characters: run ocr_jax.tune_decoder again"
        )
    model = jax.device_put(build(path, tuned.model.ngrams))
    guide = beam.Guide(model, tuned.weights.alpha, tuned.weights.beta)
    return Decoder(jax.tree_util.Partial(fusion.beam_path, guide), tuned.temperature)


def build(path: Path, ngrams: language_model.NGrams) -> language_model.LanguageModel:
    """Build the model of a file's n-grams, or load what was built of it before.

    It takes 0.4 s for the model that ships. What was built is kept beside the compiled
    programs, where that is possible.
    """
    folder = programs.kept_folder(BUILT)
    if not folder:
        return language_model.build(ngrams)
    code = Path(language_model.__file__).read_bytes()
    name = hashlib.sha256(path.read_bytes() + code).hexdigest()
    kept = folder / f"{name}.npz"
    try:
        with np.load(kept, allow_pickle=False) as file:
            return language_model.LanguageModel(**file)
    except (OSError, EOFError, TypeError, ValueError, *BROKEN_ZIP):
        model = language_model.build(ngrams)
    content = io.BytesIO()
    np.savez(content, **model._asdict())
    programs.keep(kept, content.getvalue(), MOST_BUILT)
    return model


def write(path: Path, tuned: TunedDecoder):
    """Write a tuned decoder, atomically; equal ones give equal bytes."""
    values = tuned.model._asdict() | tuned.weights._asdict()
    arrays = values.pop("ngrams")._asdict()
    values |= {"temperature": tuned.temperature, "characters": tuned.characters}
    text = json.dumps(values, ensure_ascii=False, sort_keys=True)
    content = io.BytesIO()
    np.savez_compressed(content, about=np.array(text), **arrays)
    workdirs.write_bytes(path, content.getvalue())


def read(path: Path) -> TunedDecoder:
    """Read what `write` wrote. Raises UserError if the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            values = json.loads(str(file["about"]))
            keys, counts, *sizes = (file[key] for key in language_model.NGrams._fields)
        ngrams = language_model.NGrams(keys, counts, *map(int, sizes))
        text, order, perplexity = (values[key] for key in LearntModel._fields[1:])
        return TunedDecoder(
            LearntModel(ngrams, text, order, perplexity),
            SearchWeights(*(values[key] for key in SearchWeights._fields)),
            values["temperature"],
            tuple(values["characters"]),
        )
    except (
        OSError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        *BROKEN_ZIP,
    ) as error:
        raise UserError(
            f"{path} can't be read: {reason(error, path)}. Run ocr_jax.tune_decoder "
            "again"
        ) from None
