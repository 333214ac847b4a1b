"""Dense lines are stretched until their letters are as wide as others'."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax.data import lines_file, lines_writer, plan, stretching, training_lines
from tests import fixtures

HEIGHT = 64


@pytest.mark.parametrize(
    ("characters", "factor"),
    [
        (0, 1.0),
        (20, 1.0),  # 2 to its height
        (27, 1.0),  # 2.7: hardly denser than usual
        (30, 1.2),
        (40, 1.6),
        (90, 1.75),  # never wider
    ],
)
def test_a_line_is_stretched_by_how_dense_it_is(characters, factor):
    [found] = stretching.factors(np.array([characters]), np.array([640]), HEIGHT, 2.5)
    assert found == pytest.approx(factor)


def test_a_line_without_ink_stays_as_it_is():
    [factor] = stretching.factors(np.array([0]), np.array([0]), HEIGHT, 2.5)
    assert factor == 1.0


def test_a_network_that_learnt_no_stretched_lines_stretches_none():
    [factor] = stretching.factors(np.array([90]), np.array([640]), HEIGHT, 0.0)
    assert factor == 1.0


def test_a_stretched_image_keeps_its_height_and_its_ink_in_place():
    image = np.zeros((8, 40), np.uint8)
    image[2:5, 10:20] = 200
    wide = stretching.stretch(image, 60)
    assert wide.shape == (8, 60)
    assert (wide[2:5, 17:28] == 200).all()
    assert not wide[:, :13].any() and not wide[:, 32:].any()
    assert stretching.stretch(image, 40) is image


@given(st.lists(st.tuples(st.integers(1, 900), st.integers(0, 99)), min_size=1))
def test_buckets_that_are_too_small_are_enlarged_and_no_more(lines):
    buckets = (plan.Bucket(64, 5), plan.Bucket(256, 20))
    widths, lengths = map(np.array, zip(*lines, strict=True))
    narrow, wide = plan.holding(buckets, widths, lengths)
    for width, length in lines:
        bucket = narrow if width <= narrow.width else wide
        assert width <= bucket.width and length <= bucket.label_width
    assert narrow.width == 64 and wide.width < max(256, widths.max()) + 32
    small = widths <= 64
    assert narrow.label_width == max(5, lengths[small].max(initial=0))
    assert wide.label_width == max(20, lengths[~small].max(initial=0))


@pytest.fixture
def lines(tmp_path):
    """A config whose first training line is dense: 4 characters to its height."""
    path = tmp_path / "lines.h5"
    texts = {"train": ["abc" * 4, "abc"], "validation": ["abc" * 4]}
    image = np.full((fixtures.HEIGHT, 48), 9, np.uint8)
    splits = {
        split: [lines_file.Line(image, text, f"{split}{i}") for i, text in enumerate(t)]
        for split, t in texts.items()
    }
    lines_writer.write_lines(path, splits, height=fixtures.HEIGHT, source="test")
    return fixtures.make_tiny_config(path)


def test_training_lines_are_stretched_by_their_transcripts_and_no_others(
    lines, tmp_path
):
    lines.encoder = "upright_conv"
    data = training_lines.load(lines, tmp_path / "run")
    assert data.splits["train"].widths.tolist() == [77, 48]
    assert data.splits["train"].lines.image(0).shape == (fixtures.HEIGHT, 77)
    assert data.splits["validation"].widths.tolist() == [48]
    assert data.describe()["dense"] == stretching.DENSE


def test_other_networks_learn_the_lines_as_they_are(lines, tmp_path):
    data = training_lines.load(lines, tmp_path / "run")
    assert data.splits["train"].widths.tolist() == [48, 48]
    assert "dense" not in data.describe()


def test_lines_that_are_read_at_any_width_fit_the_buckets_of_their_file(
    lines, tmp_path
):
    lines.encoder, lines.num_buckets = "upright_conv", 2
    validation = training_lines.load(lines, tmp_path / "run").splits["validation"]
    for factor in (1.0, 1.2, 1.6):
        stretched = validation.stretched(np.array([factor]))
        assert stretched.buckets == validation.buckets


def test_a_split_that_was_stretched_can_be_stretched_again(lines, tmp_path):
    train = training_lines.load(lines, tmp_path / "run").splits["train"]
    twice = train.stretched(np.array([1.5, 1.0])).stretched(np.array([1.0, 1.5]))
    assert twice.widths.tolist() == [72, 72]
    assert twice.lines.image(0).shape == twice.lines.image(1).shape == (16, 72)
