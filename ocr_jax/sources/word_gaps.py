"""Finds the gaps between words by aligning the transcript with a network.

A network that reads badly still aligns well, because it knows the transcript. Training
on synthetic lines alone is enough.
"""

import itertools
from typing import NamedTuple

import jax
import numpy as np

from ocr_jax import trained
from ocr_jax.charset import BLANK
from ocr_jax.data import dataset, lines_file, pipeline, plan
from ocr_jax.decoding import alignment


class Gap(NamedTuple):
    """A space of a transcript, and the columns between which it lies."""

    index: int  # of the space in the transcript, in display order
    left: float  # centre of the character before it, in pixels
    right: float  # centre of the character after it


def find(run: trained.OpenRun, split: lines_file.Split) -> list[list[Gap]]:
    """Find the gaps of every line of a split with the best network of a run.

    Places are those of the transcript in display order. Lines with characters unknown
    to the network, or with more than it has frames for, get no gaps. The network must
    read lines of this height.
    """
    best = run.best
    lines = _labelled(best, split)
    align = jax.jit(alignment.align)
    gaps = [[] for _ in range(len(split))]
    rows = lines.plan(best.config, epoch=0)
    for row, batch in zip(
        rows, pipeline.batches(lines, rows, best.config, run.mesh), strict=True
    ):
        logits, lengths = run.logits_step(run.state, batch)
        paths = align(logits, lengths, batch["label"], batch["label_length"])
        for index, path in zip(row.indices, jax.device_get(paths), strict=False):
            displayed = best.charset.spell(lines.labels[index])
            scale = split.widths[index] / lines.lines.widths[index]
            gaps[index] = _gaps(displayed, path, best.model.centre, scale)
    return gaps


def _labelled(best: trained.BestModel, split: lines_file.Split):
    """Select the lines that the network can align."""
    spelled = [not best.charset.unknown([text]) for text in split.transcripts]
    labels = [
        best.charset.encode(text if known else "")
        for text, known in zip(split.transcripts, spelled, strict=True)
    ]
    buckets = plan.make_buckets(
        split.widths, [len(label) for label in labels], best.config.num_buckets
    )
    used = np.flatnonzero(spelled)
    lines = dataset.LabelledSplit(
        split, labels, used, buckets, best.dense_from
    ).as_learnt()
    return lines.without(lines.impossible(best.model))


def _gaps(transcript: str, path: np.ndarray, centre, scale: float) -> list[Gap]:
    """Return the gaps of a line from the aligned classes (T,) of its frames.

    scale: of a pixel as the network saw the line, in pixels of the line.
    """
    changes = np.flatnonzero(np.diff(path, prepend=-1, append=-1))
    runs = [
        (start, end - 1)
        for start, end in itertools.pairwise(changes)
        if path[start] != BLANK
    ]
    return [
        Gap(
            i,
            float(scale * centre(runs[i - 1][1])),
            float(scale * centre(runs[i + 1][0])),
        )
        for i in range(1, len(transcript) - 1)
        if transcript[i] == " "
    ]
