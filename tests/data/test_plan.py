"""The epoch plan: every line once, none wider than its bucket, the same every time."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax.data import plan

line_widths = st.lists(st.integers(1, 700), min_size=1, max_size=60)


def make_buckets(widths, num_buckets):
    return plan.make_buckets(widths, [1] * len(widths), num_buckets)


@given(line_widths, st.integers(1, 6), st.randoms())
def test_labels_are_as_long_as_the_longest_of_their_bucket(widths, count, random):
    lengths = [random.randint(0, 90) for _ in widths]
    buckets = plan.make_buckets(widths, lengths, count)
    longest = dict.fromkeys(buckets, 1)
    for width, length in zip(widths, lengths, strict=True):
        own = next(bucket for bucket in buckets if bucket.width >= width)
        longest[own] = max(longest[own], length)
    assert [bucket.label_width for bucket in buckets] == list(longest.values())


@given(line_widths, st.integers(1, 9), st.integers(1, 6), st.integers(0, 3))
def test_every_line_once_in_a_bucket_that_holds_it(widths, batch_size, buckets, epoch):
    edges = make_buckets(widths, buckets)
    rows = plan.plan_epoch(widths, batch_size, edges, 0, epoch)
    order = np.concatenate([row.indices for row in rows])
    assert sorted(order) == list(range(len(widths)))
    for row in rows:
        assert 1 <= len(row.indices) <= batch_size
        assert row.bucket in edges
        assert max(np.array(widths)[row.indices]) <= row.bucket.width


@given(line_widths, st.integers(0, 3))
def test_the_same_arguments_give_the_same_plan(widths, seed):
    edges = make_buckets(widths, 3)
    once, again = (plan.plan_epoch(widths, 4, edges, seed, 1) for _ in range(2))
    for row, other in zip(once, again, strict=True):
        assert row.bucket == other.bucket
        np.testing.assert_array_equal(row.indices, other.indices)


def test_seeds_differ_in_order():
    widths = np.arange(1, 101)
    orders = [
        np.concatenate([row.indices for row in plan.plan_epoch(widths, 8, edges, s, 0)])
        for edges in [make_buckets(widths, 2)]
        for s in (0, 1)
    ]
    assert list(orders[0]) != list(orders[1])


def test_epochs_differ_in_order_but_not_in_the_number_of_batches():
    widths = np.arange(1, 101)
    edges = make_buckets(widths, 2)
    first, second = (plan.plan_epoch(widths, 8, edges, 0, epoch) for epoch in (0, 1))
    assert len(first) == len(second)
    assert any(
        list(a.indices) != list(b.indices) for a, b in zip(first, second, strict=True)
    )


@given(line_widths, st.integers(1, 4), st.integers(0, 3))
def test_batches_of_one_bucket_follow_each_other_and_are_dispatched_together(
    widths, in_a_row, epoch
):
    edges = make_buckets(widths, 2)
    rows = plan.plan_epoch(widths, 2, edges, 0, epoch, in_a_row=in_a_row)
    dispatches = list(plan.dispatches(rows, in_a_row))
    order = [id(row) for dispatched in dispatches for row in dispatched]
    assert order == [id(row) for row in rows]
    for bucket in edges:
        of_bucket = [d for d in dispatches if d[0].bucket == bucket]
        assert {row.bucket for d in of_bucket for row in d} <= {bucket}
        count = sum(map(len, of_bucket))
        whole = sum(len(d) == in_a_row for d in of_bucket)
        assert whole >= count // in_a_row
        assert all(len(d) in (1, in_a_row) for d in of_bucket)


@given(st.lists(st.integers(1, 256), min_size=1, max_size=20), st.integers(1, 3))
def test_bucket_widths_pad_no_more_than_any_other_choice(widths, buckets):
    def padded(edges):
        return sum(min(edge for edge in edges if edge >= width) for width in widths)

    steps = range(plan.BUCKET_STEP, 257, plan.BUCKET_STEP)
    choices = (
        edges
        for size in range(1, buckets + 1)
        for edges in itertools.combinations(steps, size)
        if edges[-1] >= max(widths)
    )
    chosen = plan.bucket_widths(widths, buckets)
    assert len(chosen) <= buckets
    assert list(chosen) == sorted(chosen)
    assert padded(chosen) <= min(map(padded, choices))
    assert chosen[-1] <= -(-max(widths) // plan.BUCKET_STEP) * plan.BUCKET_STEP


def test_a_line_wider_than_every_bucket_is_an_error():
    with pytest.raises(ValueError, match="900 px"):
        plan.plan_epoch([10, 900], 4, make_buckets([10, 64], 2), 0, 0)
