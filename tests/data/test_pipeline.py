"""Batches: the lines of a plan row, padded, the same ones from either loader."""

import sys

import jax
import numpy as np
import pytest

from ocr_jax.data import dataset, lines_file, pipeline, plan, tf_data
from ocr_jax.errors import UserError
from ocr_jax.runtime import devices

LOADERS = ("tf_data", "resident")


@pytest.fixture
def split(tiny_config):
    tiny_config.num_buckets = 2
    return dataset.load(tiny_config, ("train",)).splits["train"]


def make_batches(split, rows, config, loader, **options):
    config.loader = loader
    mesh = devices.make_mesh(config.batch_size)
    return list(pipeline.batches(split, rows, config, mesh, **options))


def assert_same(batches, others):
    for batch, other in zip(batches, others, strict=True):
        assert batch.keys() == other.keys()
        for key, value in batch.items():
            assert value.dtype == other[key].dtype
            np.testing.assert_array_equal(value, other[key])


@pytest.mark.parametrize("loader", LOADERS)
def test_a_batch_holds_the_lines_of_its_row(split, tiny_config, loader):
    rows = split.plan(tiny_config, epoch=0)
    batches = make_batches(split, rows, tiny_config, loader)
    shapes = {}
    for row, batch in zip(rows, jax.device_get(batches), strict=True):
        assert batch["image"].shape == (8, split.lines.height, row.bucket.width)
        shape = batch["image"].shape, batch["label"].shape
        assert shapes.setdefault(row.bucket.width, shape) == shape
        for position, index in enumerate(row.indices):
            image, label = split.lines.image(index), split.labels[index]
            width, length = batch["width"][position], batch["label_length"][position]
            np.testing.assert_array_equal(batch["image"][position, :, :width], image)
            np.testing.assert_array_equal(batch["label"][position, :length], label)
            assert not batch["image"][position, :, width:].any()
            assert not batch["label"][position, length:].any()


@pytest.mark.parametrize("loader", LOADERS)
def test_rows_past_the_lines_of_a_short_batch_are_filler(split, tiny_config, loader):
    row = split.plan(tiny_config, epoch=0)[0]
    row = row._replace(indices=row.indices[:5])
    [batch] = make_batches(split, [row], tiny_config, loader)
    np.testing.assert_array_equal(batch["mask"], np.arange(8) < 5)
    for key in ("image", "width", "label", "label_length"):
        assert not batch[key][5:].any()


def test_both_loaders_give_the_same_batches_on_the_same_devices(split, tiny_config):
    left_out = split.without(np.array([0, 7]))
    rows = left_out.plan(tiny_config, epoch=2)
    batches, others = (
        make_batches(left_out, rows, tiny_config, loader, first=1) for loader in LOADERS
    )
    assert len(batches) == len(rows) - 1
    assert_same(batches, others)
    for batch, other in zip(batches, others, strict=True):
        for key, value in batch.items():
            assert value.sharding.is_equivalent_to(other[key].sharding, value.ndim)
            assert value.sharding.device_set == set(jax.devices())


@pytest.mark.parametrize("loader", LOADERS)
def test_batches_from_the_middle_are_those_of_the_whole(split, tiny_config, loader):
    rows = split.plan(tiny_config, epoch=0)
    longest = max(
        range(len(rows)),
        key=lambda i: max(len(split.labels[j]) for j in rows[i].indices),
    )
    rows = [rows[longest], *rows[:longest], *rows[longest + 1 :]]
    whole = make_batches(split, rows, tiny_config, loader)
    assert_same(whole[1:], make_batches(split, rows, tiny_config, loader, first=1))


@pytest.mark.parametrize("count", [2, 4])
def test_the_shares_of_all_processes_make_up_the_whole(split, tiny_config, count):
    rows = split.plan(tiny_config, epoch=3)
    [whole, *shares] = [
        [tf_data.pad(split, share) for share in plan.shares(rows, 8, process=p)]
        for p in [(0, 1), *((index, count) for index in range(count))]
    ]
    together = [
        {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        for parts in zip(*shares, strict=True)
    ]
    assert_same(whole, together)


@pytest.mark.parametrize("loader", LOADERS)
def test_lines_on_disk_give_the_same_batches(split, tiny_config, monkeypatch, loader):
    monkeypatch.setattr(lines_file, "IN_MEMORY_BYTES", 10)
    on_disk = dataset.load(tiny_config, ("train",)).splits["train"]
    assert not isinstance(on_disk.lines.pixels, np.ndarray)
    rows = split.plan(tiny_config, epoch=0)
    batches = [
        make_batches(each, rows, tiny_config, loader) for each in (split, on_disk)
    ]
    assert_same(*batches)


@pytest.mark.parametrize(
    ("on_disk", "memory_in_splits", "has_tensorflow", "expected"),
    [
        (False, None, True, "resident"),
        (True, None, True, "tf_data"),
        (True, None, False, "resident"),
        (False, 100, True, "resident"),
        (True, 100, True, "resident"),
        (False, 2, True, "tf_data"),
        (False, 2, False, "resident"),
    ],
)
def test_auto_goes_by_size_and_device(
    split, tiny_config, monkeypatch, on_disk, memory_in_splits, has_tensorflow, expected
):
    monkeypatch.setattr(lines_file, "IN_MEMORY_BYTES", 10 if on_disk else 1 << 30)
    lines = dataset.load(tiny_config, ("train",)).splits["train"].lines
    memory = memory_in_splits and memory_in_splits * lines.pixels.nbytes
    monkeypatch.setattr(pipeline, "_device_memory", lambda: memory)
    if not has_tensorflow:
        forbid_tensorflow(monkeypatch)
    assert pipeline.choose("auto", lines) == expected


def test_a_loader_that_cannot_be_had_is_one_clear_line(split, monkeypatch):
    monkeypatch.setattr(pipeline, "_device_memory", lambda: 10)
    with pytest.raises(
        UserError, match=r"pixels of the train lines .*: set config.loader=tf_data"
    ):
        pipeline.choose("resident", split.lines)
    forbid_tensorflow(monkeypatch)
    with pytest.raises(UserError, match="TensorFlow cannot be imported"):
        pipeline.choose("tf_data", split.lines)


def forbid_tensorflow(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
