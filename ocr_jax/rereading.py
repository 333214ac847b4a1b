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
from jaxtyping import ArrayLike, Float, Int

from ocr_jax.data import dataset, pipeline
from ocr_jax.decoding import greedy
from ocr_jax.readings import GARBAGE
from ocr_jax.runtime import devices

# A first reading finds so many of a dense line's characters, less than all.
FOUND = 0.94


class Found(NamedTuple):
    """How many characters each line seems to have, and the evidence of those read."""

    counts: Float[ArrayLike, " b"]
    evidence: Float[ArrayLike, " b"]


@jax.jit
def found_in(logits: Float[ArrayLike, "b t c"], lengths: Int[ArrayLike, " b"]) -> Found:
    """Return what is found in lines that are `lengths` frames long."""
    decoded = greedy.greedy_decode(logits, lengths)
    is_read = jnp.arange(logits.shape[1]) < decoded.lengths[:, None]
    above = jnp.where(is_read, decoded.confidences - GARBAGE, 0.0)
    return Found(decoded.lengths / FOUND, above.sum(axis=1))


def at_surest_widths(
    logits_step: Callable, state, split: dataset.LabelledSplit, config, mesh: Mesh
) -> dataset.LabelledSplit:
    """Return a split with its lines at the widths that Recognizer reads them at."""
    if not split.dense_from:
        return split
    once = _found(logits_step, state, split, config, mesh)
    factors = split.dense_factors(once.counts)
    dense = split.indices[factors[split.indices] > 1]
    if not len(dense):
        return split
    wide = dataclasses.replace(split.stretched(factors), indices=dense)
    again = _found(logits_step, state, wide, config, mesh)
    return split.stretched(np.where(again.evidence > once.evidence, factors, 1.0))


def _found(
    logits_step: Callable, state, split: dataset.LabelledSplit, config, mesh: Mesh
) -> Found:
    """Return what is found in all lines of a split: nothing in those out of use."""
    found = Found(*np.zeros((2, len(split.lines))))
    rows = split.plan(config, epoch=0)
    batches = pipeline.batches(split, rows, config, mesh)
    outputs = (found_in(*logits_step(state, batch)) for batch in batches)
    for row, of_rows in zip(rows, devices.fetched(outputs), strict=True):
        for whole, part in zip(found, of_rows, strict=True):
            whole[row.indices] = part[: len(row.indices)]
    return found
