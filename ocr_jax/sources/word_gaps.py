"""Finds the gaps between words by aligning the transcript with a network.

A network that reads badly still aligns well, since it is told what there is to find:
one that has seen nothing but synthetic lines will do.
"""

import itertools
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from ocr_jax import checkpoints
from ocr_jax.charset import BLANK
from ocr_jax.data import dataset, lines_file, pipeline
from ocr_jax.decoding import alignment
from ocr_jax.errors import UserError


class Gap(NamedTuple):
    """A space of a transcript, and the columns between which it lies."""

    index: int  # of the space, among the transcript's characters
    left: float  # pixels from the line's left: the character before it
    right: float  # the character after it


def find(workdir: Path, split: lines_file.Split) -> list[list[Gap]]:
    """Find the gaps of every line of a split with the best network of a workdir.

    Lines of characters that the network does not know, or of more than it has frames
    for, have none. Raises UserError where its lines are of another height.
    """
    run = checkpoints.open_run(workdir)
    best = run.best
    if best.height != split.height:
        raise UserError(
            f"{workdir} reads lines {best.height} px high, these are {split.height}: "
            "prepare both at one --height"
        )
    lines = _labelled(best, split)
    align = jax.jit(alignment.align)
    found = [[] for _ in range(len(split))]
    rows = lines.plan(best.config, epoch=0)
    for row, batch in zip(
        rows, pipeline.batches(lines, rows, best.config, run.mesh), strict=True
    ):
        logits, lengths = run.logits_step(run.state, batch)
        paths = align(logits, lengths, batch["label"], batch["label_length"])
        for index, path in zip(row.indices, jax.device_get(paths), strict=False):
            found[index] = _gaps(split.transcripts[index], path, best.model.centre)
    return found


def _labelled(best: checkpoints.BestModel, split: lines_file.Split):
    """Select the lines that the network can align."""
    spelled = [not best.charset.unknown([text]) for text in split.transcripts]
    labels = [
        best.charset.encode(text if known else "")
        for text, known in zip(split.transcripts, spelled, strict=True)
    ]
    lines = dataset.LabelledSplit(split, labels, np.flatnonzero(spelled))
    return lines.without(lines.impossible(best.model))


def _gaps(transcript: str, path: np.ndarray, centre) -> list[Gap]:
    """Return the gaps of a line from the aligned classes (T,) of its frames."""
    changes = np.flatnonzero(np.diff(path, prepend=-1, append=-1))
    runs = [
        (start, end - 1)
        for start, end in itertools.pairwise(changes)
        if path[start] != BLANK
    ]
    return [
        Gap(i, float(centre(runs[i - 1][1])), float(centre(runs[i + 1][0])))
        for i in range(1, len(transcript) - 1)
        if transcript[i] == " "
    ]
