"""The epoch plan: which lines form which batch, in pure NumPy."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

# Bucket widths are multiples of this, in pixels, or the width of the widest line.
BUCKET_STEP = 32
# The index in rows of a short batch that have no line.
FILLER = -1


class Bucket(NamedTuple):
    """A shape that lines are padded to: W = width pixels, labels L = label_width."""

    width: int
    label_width: int


class PlanRow(NamedTuple):
    """One batch: at most batch_size lines, padded to the shape of their bucket."""

    bucket: Bucket
    indices: np.ndarray


class Share(NamedTuple):
    """The part of a batch that one process loads: indices (B,) int32, and its shape.

    An index is that of a line, or FILLER.
    """

    bucket: Bucket
    indices: np.ndarray


def make_buckets(
    widths: Sequence[int], label_lengths: Sequence[int], num_buckets: int
) -> tuple[Bucket, ...]:
    """Return the buckets, ascending, of lines (n,) of these widths and label lengths.

    Each bucket's labels are as long as the longest of its lines: few shapes, so that
    few programs are compiled.
    """
    edges = bucket_widths(widths, num_buckets)
    return holding([Bucket(width, 1) for width in edges], widths, label_lengths)


def holding(
    buckets: Sequence[Bucket], widths: Sequence[int], label_lengths: Sequence[int]
) -> tuple[Bucket, ...]:
    """Return the buckets, enlarged where they are too small for these lines (n,)."""
    edges = [bucket.width for bucket in buckets]
    if (widest := np.max(widths, initial=1)) > edges[-1]:
        edges[-1] = int(-(-widest // BUCKET_STEP) * BUCKET_STEP)
    own = np.searchsorted(edges, widths)
    longest = (
        int(np.max(label_lengths, where=own == index, initial=bucket.label_width))
        for index, bucket in enumerate(buckets)
    )
    return tuple(map(Bucket, edges, longest))


def rising(buckets: Sequence[Bucket]) -> tuple[Bucket, ...]:
    """Return the buckets with labels at least as long as those of narrower ones."""
    longest = itertools.accumulate((b.label_width for b in buckets), max)
    return tuple(
        bucket._replace(label_width=length)
        for bucket, length in zip(buckets, longest, strict=True)
    )


def bucket_widths(widths: Sequence[int], num_buckets: int) -> tuple[int, ...]:
    """Return the `num_buckets` widths, ascending, that minimise the total padding.

    Exact, by dynamic programming over the distinct widths rounded up to BUCKET_STEP.
    """
    rounded = -(-np.maximum(widths, 1) // BUCKET_STEP) * BUCKET_STEP
    rounded = np.minimum(rounded, max(1, np.max(widths, initial=1)))
    values, counts = np.unique(rounded, return_counts=True)
    lines_below = np.concatenate([[0], np.cumsum(counts)])
    # cost[j]: the fewest padded columns for the first j values; edges[j]: its buckets.
    cost = np.concatenate([[0.0], np.full(len(values), np.inf)])
    edges = [()] * (len(values) + 1)
    for _ in range(min(num_buckets, len(values))):
        totals = cost[:-1, None] + (
            values[None, :] * (lines_below[None, 1:] - lines_below[:-1, None])
        )
        totals[np.tril_indices(len(values), -1)] = np.inf
        best = totals.argmin(axis=0)
        improved = [(*edges[start], int(values[end])) for end, start in enumerate(best)]
        cost[1:], edges[1:] = totals.min(axis=0), improved
    return edges[-1]


def plan_epoch(
    widths: Sequence[int],
    batch_size: int,
    buckets: Sequence[Bucket],
    seed: int,
    epoch: int,
    *,
    in_a_row: int = 1,
) -> list[PlanRow]:
    """Plan every line once, in batches of one bucket each, in a seeded order.

    widths (n,) in pixels; buckets ascending. in_a_row: batches of one bucket that
    follow each other, as far as there are so many. Raises ValueError for a line wider
    than the widest bucket.
    """
    widths = np.asarray(widths)
    edges = [bucket.width for bucket in buckets]
    if len(widths) and widths.max() > edges[-1]:
        raise ValueError(
            f"a line is {widths.max()} px wide, but buckets end at {edges[-1]}"
        )
    generator = np.random.default_rng((seed, epoch))
    order = generator.permutation(len(widths))
    own = np.searchsorted(edges, widths[order])
    runs = []
    for index, bucket in enumerate(buckets):
        lines = order[own == index]
        starts = range(0, len(lines), batch_size)
        rows = [PlanRow(bucket, lines[i : i + batch_size]) for i in starts]
        whole = len(rows) // in_a_row * in_a_row
        runs += [rows[i : i + in_a_row] for i in range(0, whole, in_a_row)]
        runs += [[row] for row in rows[whole:]]
    return [row for i in generator.permutation(len(runs)) for row in runs[i]]


def dispatches(rows: Sequence[PlanRow], in_a_row: int) -> Iterator[list[PlanRow]]:
    """Yield the rows in order: `in_a_row` of one bucket together, else one by one.

    Only these two sizes occur, because each size is a program of its own.
    """
    first = 0
    while first < len(rows):
        run = list(rows[first : first + in_a_row])
        if len(run) < in_a_row or len({row.bucket for row in run}) > 1:
            run = run[:1]
        yield run
        first += len(run)


def shares(
    rows: Sequence[PlanRow], batch_size: int, *, process: tuple[int, int] = (0, 1)
) -> list[Share]:
    """Return what process (index, count) loads of each batch: batch_size / count rows.

    The shape is the bucket's, for all processes and for an epoch that is resumed.
    """
    index, count = process
    part = slice(index * batch_size // count, (index + 1) * batch_size // count)
    parts = []
    for row in rows:
        indices = np.full(batch_size, FILLER, np.int32)
        indices[: len(row.indices)] = row.indices
        parts.append(Share(row.bucket, indices[part]))
    return parts
