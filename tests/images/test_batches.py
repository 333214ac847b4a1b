"""Batches of lines of any width: each line once, padded a little, in few shapes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax.images import batches

WIDTHS = st.lists(st.integers(0, 5000), max_size=80)


@given(WIDTHS)
def test_every_line_with_ink_is_in_one_batch_that_holds_it(widths):
    seen = []
    for indices, width in batches.split(widths):
        assert 0 < len(indices) <= batches.MOST
        assert max(widths[i] for i in indices) <= width
        seen += indices
    assert sorted(seen) == [i for i, width in enumerate(widths) if width]


@given(WIDTHS)
def test_no_line_is_padded_to_many_times_its_width(widths):
    for indices, width in batches.split(widths):
        narrowest = min(widths[i] for i in indices)
        most = batches.WIDENING * batches.MOST_PADDING * narrowest
        assert width <= max(most, batches.NARROWEST)


@given(st.lists(st.integers(300, 899), min_size=1, max_size=80))
def test_only_the_last_of_lines_of_similar_width_is_not_full(widths):
    sizes = [len(indices) for indices, _ in batches.split(widths)]
    assert sizes[:-1] == [batches.MOST] * (len(sizes) - 1)


def test_lines_are_padded_with_paper_to_a_number_that_is_a_power_of_two():
    lines = [np.full((4, width), 9, np.uint8) for width in (7, 3, 5)]
    padded, widths = batches.pad(lines, 8)
    assert padded.shape == (4, 4, 8)
    assert widths.tolist() == [7, 3, 5, 0]
    assert padded.sum() == 9 * 4 * (7 + 3 + 5)
    assert not padded[1, :, 3:].any()
