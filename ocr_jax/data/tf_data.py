"""Batches of lines, in memory or on disk, through tf.data: parallel and prefetched."""

import os
from collections.abc import Iterator, Sequence

import numpy as np

from ocr_jax.data import dataset, plan

Batch = dict[str, np.ndarray]
DTYPES = {
    "image": np.uint8,
    "width": np.int32,
    "label": np.int32,
    "label_length": np.int32,
    "mask": np.bool_,
}


def batches(
    split: dataset.LabelledSplit, shares: Sequence[plan.Share]
) -> Iterator[Batch]:
    """Return this process's rows of the batches that pipeline.batches describes."""
    tf = import_tensorflow()

    def load(number):
        values = tf.numpy_function(
            lambda n: tuple(pad(split, shares[int(n)])[key] for key in DTYPES),
            [number],
            list(DTYPES.values()),
        )
        return dict(zip(DTYPES, values, strict=True))

    options = tf.data.Options()
    # The autotuning thread sleeps longer and longer, and the end of an iterator waits
    # for it to wake up: half a minute per epoch.
    options.autotune.enabled = False
    numbers = tf.data.Dataset.range(len(shares)).with_options(options)
    loaded = numbers.map(load, num_parallel_calls=2, deterministic=True)
    return loaded.prefetch(4).as_numpy_iterator()


def import_tensorflow():
    """Import TensorFlow silently, and late: it takes five seconds."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    import tensorflow

    return tensorflow


def pad(split: dataset.LabelledSplit, share: plan.Share) -> Batch:
    """Load the lines of a share, zero padded to (B, H, W); filler rows are zero."""
    size = len(share.indices)
    batch = {
        "image": np.zeros((size, split.lines.height, share.bucket.width), np.uint8),
        "width": np.zeros(size, np.int32),
        "label": np.zeros((size, share.bucket.label_width), np.int32),
        "label_length": np.zeros(size, np.int32),
        "mask": share.indices != plan.FILLER,
    }
    for row in np.flatnonzero(batch["mask"]):
        index = share.indices[row]
        image, label = split.lines.image(index), split.labels[index]
        batch["image"][row, :, : image.shape[1]] = image
        batch["width"][row] = image.shape[1]
        batch["label"][row, : len(label)] = label
        batch["label_length"][row] = len(label)
    return batch
