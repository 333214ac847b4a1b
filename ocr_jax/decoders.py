"""Decoders by name, and the language model that a workdir keeps for beam search."""

import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ocr_jax import checkpoints, workdirs
from ocr_jax.decoding import beam, greedy, language_model
from ocr_jax.errors import UserError, one_line
from ocr_jax.tracking import wandb_models

NAMES = ("greedy", "beam")
FILE = "language_model.npz"
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error)


class Decoder(NamedTuple):
    """Turns logits into readings. It is a pytree, so jitted functions can take it."""

    read: Callable  # (logits, logit_lengths) → (path, logits): see decode.greedy_path
    temperature: float  # of confidences from those logits


def load(name: str, workdir: str | os.PathLike, best: checkpoints.BestModel) -> Decoder:
    """Load a decoder, one of NAMES, for the best network of a workdir.

    Raises UserError if beam is asked for and the workdir has no language model, or one
    for other characters.
    """
    if name == "greedy":
        return Decoder(greedy.GREEDY, best.temperature)
    path = wandb_models.resolve_workdir(workdir) / FILE
    if not path.exists():
        raise UserError(
            f"{workdir} has no language model: make one with "
            f"python -m ocr_jax.tune_decoder --workdir={workdir}"
        )
    ngrams, about = read(path)
    if tuple(about["characters"]) != best.charset.characters:
        raise UserError(
            f"{path} was made for other characters: run ocr_jax.tune_decoder again"
        )
    model = jax.tree.map(jnp.asarray, language_model.build(ngrams))
    guide = beam.Guide(model, about["alpha"], about["beta"])
    reader = jax.tree_util.Partial(beam.beam_path, guide)
    return Decoder(reader, about["temperature"])


def write(path: Path, ngrams: language_model.NGrams, about: dict):
    """Write n-grams and their metadata, atomically.

    Equal n-grams give equal bytes.
    """
    content = io.BytesIO()
    text = json.dumps(about, ensure_ascii=False, sort_keys=True)
    np.savez_compressed(content, about=np.array(text), **ngrams._asdict())
    workdirs.write_bytes(path, content.getvalue())


def read(path: Path) -> tuple[language_model.NGrams, dict]:
    """Read what `write` wrote. Raises UserError if the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            keys, counts, *sizes = (file[key] for key in language_model.NGrams._fields)
            return language_model.NGrams(keys, counts, *map(int, sizes)), about
    except (OSError, EOFError, KeyError, ValueError, *BROKEN_ZIP) as error:
        raise UserError(
            f"{path} can't be read: {one_line(error)}. Run ocr_jax.tune_decoder again"
        ) from None
