"""Plan rows to padded batches through tf.data: gathered in parallel, prefetched."""

import os
from collections.abc import Iterator, Sequence

import numpy as np

from ocr_jax.data import lines_file, plan

Batch = dict[str, np.ndarray]
DTYPES = {
    "image": np.uint8,
    "width": np.int32,
    "label": np.int32,
    "label_length": np.int32,
    "mask": np.bool_,
}


def batches(
    split: lines_file.Split,
    labels: Sequence[np.ndarray],
    rows: Sequence[plan.PlanRow],
    *,
    batch_size: int,
    first: int = 0,
    process: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
    """The batches of an epoch plan, in its order, from the `first` on.

    image (B, H, W) uint8, width (B,), label (B, L) zero padded, label_length (B,) and
    mask (B,), False for the filler rows of a short batch. With process=(index, count)
    each of `count` processes gets its own B = batch_size / count rows of every batch.
    L is one number a bucket of the whole plan: a resumed epoch has the same shapes.
    """
    tf = _import_tensorflow()
    index, count = process
    share = slice(index * batch_size // count, (index + 1) * batch_size // count)
    label_widths = _label_widths(labels, rows)

    def gather(number):
        row = rows[number]
        size = len(range(*share.indices(batch_size)))
        width = label_widths[row.bucket_width]
        return pad(split, labels, row.indices[share], (size, row.bucket_width, width))

    def load(number):
        values = tf.numpy_function(
            lambda n: tuple(gather(int(n))[key] for key in DTYPES),
            [number],
            list(DTYPES.values()),
        )
        return dict(zip(DTYPES, values, strict=True))

    options = tf.data.Options()
    # Its thread sleeps longer and longer, and an iterator's end waits for it to wake:
    # half a minute an epoch.
    options.autotune.enabled = False
    dataset = tf.data.Dataset.range(first, len(rows)).with_options(options)
    dataset = dataset.map(load, num_parallel_calls=2, deterministic=True)
    return dataset.prefetch(4).as_numpy_iterator()


def _import_tensorflow():
    """TensorFlow, silent; it takes five seconds, which a mistake need not wait for."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    import tensorflow

    return tensorflow


def pad(
    split: lines_file.Split,
    labels: Sequence[np.ndarray],
    indices: np.ndarray,
    shape: tuple[int, int, int],
) -> Batch:
    """Lines `indices`, zero padded to shape (B, W, L); rows past them are filler."""
    size, width, label_width = shape
    batch = {
        "image": np.zeros((size, split.height, width), np.uint8),
        "width": np.zeros(size, np.int32),
        "label": np.zeros((size, label_width), np.int32),
        "label_length": np.zeros(size, np.int32),
        "mask": np.arange(size) < len(indices),
    }
    for row, index in enumerate(indices):
        image, label = split.image(index), labels[index]
        batch["image"][row, :, : image.shape[1]] = image
        batch["width"][row] = image.shape[1]
        batch["label"][row, : len(label)] = label
        batch["label_length"][row] = len(label)
    return batch


def _label_widths(
    labels: Sequence[np.ndarray], rows: Sequence[plan.PlanRow]
) -> dict[int, int]:
    """Bucket width → the longest label in that bucket, at least 1."""
    longest = {}
    for row in rows:
        lengths = [len(labels[index]) for index in row.indices]
        longest[row.bucket_width] = max(1, longest.get(row.bucket_width, 0), *lengths)
    return longest
