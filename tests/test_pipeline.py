"""Batches: the lines of a plan row, padded; each process gets its share of them."""

import numpy as np
import pytest

from ocr_jax.data import dataset, lines_file, pipeline


@pytest.fixture
def split(tiny_config):
    return dataset.load(tiny_config, ("train",)).splits["train"]


def make_batches(split, rows, **options):
    batches = pipeline.batches(split.lines, split.labels, rows, batch_size=8, **options)
    return list(batches)


def test_a_batch_holds_the_lines_of_its_row(split, tiny_config):
    rows = split.plan(tiny_config, epoch=0)
    batches = make_batches(split, rows)
    assert len(batches) == len(rows)
    for row, batch in zip(rows, batches, strict=True):
        assert batch["image"].shape == (8, split.lines.height, row.bucket_width)
        assert batch["image"].dtype == np.uint8
        for position, index in enumerate(row.indices):
            image, label = split.lines.image(index), split.labels[index]
            width, length = batch["width"][position], batch["label_length"][position]
            np.testing.assert_array_equal(batch["image"][position, :, :width], image)
            np.testing.assert_array_equal(batch["label"][position, :length], label)
            assert not batch["image"][position, :, width:].any()
            assert not batch["label"][position, length:].any()


def test_rows_past_the_lines_of_a_short_batch_are_filler(split, tiny_config):
    rows = [split.plan(tiny_config, epoch=0)[0]]
    rows = [rows[0]._replace(indices=rows[0].indices[:5])]
    [batch] = make_batches(split, rows)
    np.testing.assert_array_equal(batch["mask"], np.arange(8) < 5)
    for key in ("image", "width", "label", "label_length"):
        assert not batch[key][5:].any()


@pytest.mark.parametrize("count", [2, 4])
def test_the_shares_of_all_processes_make_up_the_whole(split, tiny_config, count):
    rows = split.plan(tiny_config, epoch=3)
    whole = make_batches(split, rows)
    shares = [make_batches(split, rows, process=(i, count)) for i in range(count)]
    for batch, *parts in zip(whole, *shares, strict=True):
        for key, value in batch.items():
            together = np.concatenate([part[key] for part in parts])
            np.testing.assert_array_equal(together, value)


def test_a_bucket_has_one_shape(split, tiny_config):
    shapes = {}
    rows = split.plan(tiny_config, epoch=0)
    for row, batch in zip(rows, make_batches(split, rows), strict=True):
        shape = batch["image"].shape, batch["label"].shape
        assert shapes.setdefault(row.bucket_width, shape) == shape


def test_batches_from_the_middle_of_a_plan_are_those_of_the_whole(split, tiny_config):
    rows = split.plan(tiny_config, epoch=0)
    longest = max(
        range(len(rows)),
        key=lambda i: max(len(split.labels[j]) for j in rows[i].indices),
    )
    rows = [rows[longest], *rows[:longest], *rows[longest + 1 :]]
    resumed = make_batches(split, rows, first=1)
    for batch, same in zip(make_batches(split, rows)[1:], resumed, strict=True):
        for key, value in batch.items():
            np.testing.assert_array_equal(same[key], value)


def test_lines_that_stay_on_disk_give_the_same_batches(split, tiny_config, monkeypatch):
    monkeypatch.setattr(lines_file, "IN_MEMORY_BYTES", 10)
    on_disk = dataset.load(tiny_config, ("train",)).splits["train"]
    assert not isinstance(on_disk.lines.pixels, np.ndarray)
    rows = split.plan(tiny_config, epoch=0)
    pairs = zip(make_batches(split, rows), make_batches(on_disk, rows), strict=True)
    for batch, same in pairs:
        for key, value in batch.items():
            np.testing.assert_array_equal(same[key], value)
