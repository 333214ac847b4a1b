"""Splits: whole writers, in the shares asked for; writers are found in names."""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax import sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError


def split_args(split="80,10,10", seed=0):
    return argparse.Namespace(split=split, seed=seed)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(0, 5))
def test_a_writer_is_never_in_two_splits(numbers, seed):
    writers = [f"w{number}" for number in numbers]
    names = [f"line{i}" for i in range(len(writers))]
    splits = sources.assign_splits(writers, names, split_args(seed=seed))
    of_writer = {}
    for writer, split in zip(writers, splits, strict=True):
        assert of_writer.setdefault(writer, split) == split
    assert splits == sources.assign_splits(writers, names, split_args(seed=seed))


def test_shares_are_met_where_writers_are_unknown():
    names = [f"line{i}" for i in range(200)]
    splits = sources.assign_splits([""] * 200, names, split_args("70,20,10"))
    assert [splits.count(s) for s in lines_file.SPLITS] == [140, 40, 20]


def test_folders_with_the_names_of_splits_are_the_splits():
    names = ["train/a", "test/b/c", "validation/d"]
    splits = sources.splits_of([""] * 3, names, split_args())
    assert splits == ["train", "test", "validation"]


@pytest.mark.parametrize("stray", ["val/x", "cover", "train"])
def test_what_lies_beside_folders_of_splits_is_named_and_nothing_drawn(stray):
    with pytest.raises(UserError, match=f"'{stray}' is in no split, .* test, train"):
        sources.splits_of([""] * 3, ["train/a", "test/b", stray], split_args())


@pytest.mark.parametrize("split", ["80,20", "a,b,c", "0,50,50", "-1,50,50"])
def test_shares_that_cannot_be_are_refused(split):
    with pytest.raises(UserError, match="three shares"):
        sources.assign_splits(["w"], ["l"], split_args(split))


def test_writers_are_found_in_names():
    assert sources.writer_of("AD78_0002-0-000", sources.WRITER_REGEX) == "AD78_0002"
    assert sources.writer_of("line", sources.WRITER_REGEX) == ""
    assert sources.writer_of("anna_12", "^[a-z]+") == "anna"
    assert sources.writer_of("12", "([a-z])?12") == ""
    with pytest.raises(UserError, match="writer_regex"):
        sources.writer_of("x", "(")
