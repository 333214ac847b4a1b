"""Batches of lines that live on the devices: gathered and padded there, under jit.

Needs no TensorFlow. The host sends the devices nothing but the numbers of the lines.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ocr_jax.data import dataset, plan
from ocr_jax.runtime import devices

Batch = dict[str, jax.Array]


class Lines(NamedTuple):
    """All n lines of a split, whole on every device.

    pixels (H, sum of the widths and the widest line's) uint8 has the images side by
    side: a line is one slice, and columns can be counted in 32 bits where pixels can't.
    starts, widths and label_lengths (n,), labels (n, L), all int32.
    """

    pixels: jax.Array
    starts: jax.Array
    widths: jax.Array
    labels: jax.Array
    label_lengths: jax.Array


def batches(
    split: dataset.LabelledSplit, shares: Sequence[plan.Share], mesh: Mesh
) -> Iterator[Batch]:
    """The batches that pipeline.batches describes; `split` keeps what they need."""
    if mesh not in split.on_devices:
        split.on_devices[mesh] = _put(split, mesh)
    lines = split.on_devices[mesh]
    for share in shares:
        indices = devices.shard({"indices": share.indices}, mesh)["indices"]
        yield _gather(lines, indices, share.width, share.label_width, indices.sharding)


def _put(split: dataset.LabelledSplit, mesh: Mesh) -> Lines:
    """The lines of a split on every device of the mesh, of all processes."""
    lines = split.lines
    ends = np.cumsum(lines.widths)
    starts = ends - lines.widths
    # So that a slice as wide as any bucket fits behind the last line's start.
    columns = ends[-1] + lines.widths.max()
    pixels = np.zeros((lines.height, columns), np.uint8)
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        pixels[:, start:end] = lines.image(index)
    numbers = starts, lines.widths, split.padded_labels(), split.label_lengths
    tables = Lines(pixels, *(np.asarray(array, np.int32) for array in numbers))
    whole = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(
        lambda array: jax.make_array_from_process_local_data(whole, array), tables
    )


@functools.partial(jax.jit, static_argnames=("width", "label_width", "sharding"))
def _gather(lines: Lines, indices, width: int, label_width: int, sharding) -> Batch:
    """Lines `indices` (B,), FILLER being none, padded to W = width, L = label_width."""
    real = indices != plan.FILLER
    # Any line will do for a filler row, cut to a width and a label of nothing.
    indices = jnp.maximum(indices, 0)
    widths = jnp.where(real, lines.widths[indices], 0)
    lengths = jnp.where(real, lines.label_lengths[indices], 0)

    def image(start, line_width):
        size = len(lines.pixels), width
        pixels = jax.lax.dynamic_slice(lines.pixels, (0, start), size)
        return jnp.where(jnp.arange(width) < line_width, pixels, 0)

    labels = lines.labels[indices, :label_width]
    batch = {
        "image": jax.vmap(image)(lines.starts[indices], widths),
        "width": widths,
        "label": jnp.where(jnp.arange(label_width) < lengths[:, None], labels, 0),
        "label_length": lengths,
        "mask": real,
    }
    return jax.lax.with_sharding_constraint(batch, sharding)
