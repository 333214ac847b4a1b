"""Batches of lines that stay on the devices: gathered and padded there, under jit.

Needs no TensorFlow. The host only sends line indices to the devices.
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
    """All n lines of a split, replicated on every device.

    pixels uint8 has the images side by side, H high, followed by as many columns as the
    widest bucket has. A line is one slice, and columns can be counted in 32 bits even
    if pixels cannot. starts, widths and label_lengths (n,) and labels (n, L) are int32.
    """

    pixels: jax.Array
    starts: jax.Array
    widths: jax.Array
    labels: jax.Array
    label_lengths: jax.Array


def batches(
    split: dataset.LabelledSplit, shares: Sequence[plan.Share], mesh: Mesh
) -> Iterator[Batch]:
    """Yield the batches that pipeline.batches describes; `split` keeps the lines."""
    if mesh not in split.on_devices:
        split.on_devices[mesh] = _put(split, mesh)
    lines = split.on_devices[mesh]
    for share in shares:
        indices = devices.shard({"indices": share.indices}, mesh)["indices"]
        yield _gather(lines, indices, share.bucket, indices.sharding)


def _put(split: dataset.LabelledSplit, mesh: Mesh) -> Lines:
    """Put the lines of a split on every device of the mesh, in all processes."""
    lines = split.lines
    ends = np.cumsum(lines.widths)
    starts = ends - lines.widths
    # A slice as wide as any bucket must fit after the start of the last line.
    columns = ends[-1] + split.buckets[-1].width
    pixels = np.zeros((lines.height, columns), np.uint8)
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        pixels[:, start:end] = lines.image(index)
    numbers = starts, lines.widths, split.padded_labels(), split.label_lengths
    tables = Lines(pixels, *(np.asarray(array, np.int32) for array in numbers))
    whole = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(
        lambda array: jax.make_array_from_process_local_data(whole, array), tables
    )


@functools.partial(jax.jit, static_argnames=("bucket", "sharding"))
def _gather(lines: Lines, indices, bucket: plan.Bucket, sharding) -> Batch:
    """Gather the lines at indices (B,), padded to the shape of their bucket."""
    real = indices != plan.FILLER
    # A filler row takes any line, with its width and label length set to zero.
    indices = jnp.maximum(indices, 0)
    widths = jnp.where(real, lines.widths[indices], 0)
    lengths = jnp.where(real, lines.label_lengths[indices], 0)

    def image(start, line_width):
        size = len(lines.pixels), bucket.width
        pixels = jax.lax.dynamic_slice(lines.pixels, (0, start), size)
        return jnp.where(jnp.arange(bucket.width) < line_width, pixels, 0)

    labels = lines.labels[indices, : bucket.label_width]
    real_labels = jnp.arange(bucket.label_width) < lengths[:, None]
    batch = {
        "image": jax.vmap(image)(lines.starts[indices], widths),
        "width": widths,
        "label": jnp.where(real_labels, labels, 0),
        "label_length": lengths,
        "mask": real,
    }
    return jax.lax.with_sharding_constraint(batch, sharding)
