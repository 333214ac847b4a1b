"""Dense lines are read again, stretched, and the surer of both readings counts.

The first reading tells how many characters a line has, and so how dense it is.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, ArrayLike, Float, Int

from ocr_jax.data import dataset, pipeline, stretching
from ocr_jax.decoding import greedy
from ocr_jax.readings import GARBAGE
from ocr_jax.runtime import devices


class Evidence(NamedTuple):
    """How many characters are read greedily of each line, and how certain they are."""

    counts: Int[Array, " b"]
    weights: Float[Array, " b"]


def weigh(logits: Float[ArrayLike, "b t c"], lengths: Int[ArrayLike, " b"]) -> Evidence:
    """Return the evidence of text in lines that are `lengths` frames long."""
    decoded = greedy.greedy_decode(logits, lengths)
    is_read = jnp.arange(logits.shape[1]) < decoded.lengths[:, None]
    above = jnp.where(is_read, decoded.confidences - GARBAGE, 0.0)
    return Evidence(decoded.lengths, above.sum(axis=1))


def at_surest_widths(
    logits_step: Callable, state, split: dataset.LabelledSplit, config, mesh: Mesh
) -> dataset.LabelledSplit:
    """Return a split with its lines at the widths that Recognizer reads them at."""
    if not stretching.is_meant(config):
        return split

    def evidence(split):
        return _evidence(logits_step, state, split, config, mesh)

    lines, once = split.lines, evidence(split)
    factors = stretching.factors(once.counts, lines.widths, lines.height)
    wide = split.stretched(factors)
    dense = split.indices[factors[split.indices] > 1]
    again = evidence(dataclasses.replace(wide, indices=dense))
    return split.stretched(np.where(again.weights > once.weights, factors, 1.0))


def _evidence(
    logits_step: Callable, state, split: dataset.LabelledSplit, config, mesh: Mesh
) -> Evidence:
    """Return the evidence (n,) of all lines of a split; none of those out of use."""
    evidence = Evidence(*np.zeros((2, len(split.lines))))
    rows = split.plan(config, epoch=0)
    batches = pipeline.batches(split, rows, config, mesh)
    found = (_weigh(*logits_step(state, batch)) for batch in batches)
    for row, of_rows in zip(rows, devices.fetched(found), strict=True):
        for whole, part in zip(evidence, of_rows, strict=True):
            whole[row.indices] = part[: len(row.indices)]
    return evidence


_weigh = jax.jit(weigh)
