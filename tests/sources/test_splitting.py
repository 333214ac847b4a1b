"""Splits: the collection's own, or drawn; no writer, page or image is in two."""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.sources import splitting


def make_args(split="80,10,10", seed=0, writer_regex=splitting.WRITER_REGEX):
    return argparse.Namespace(split=split, seed=seed, writer_regex=writer_regex)


def place(names, **fields):
    entries = [splitting.Entry(name, **fields) for name in names]
    return splitting.place(entries, make_args())


def splits_of(names, **fields):
    return [one.split for one in place(names, **fields)[0]]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(0, 5))
def test_a_unit_is_never_in_two_splits(numbers, seed):
    units = [f"w{number}" for number in numbers]
    splits = splitting.draw(units, make_args(seed=seed))
    assert len(set(zip(units, splits, strict=True))) == len(set(units))
    assert splits == splitting.draw(units, make_args(seed=seed))


def test_shares_are_met():
    units = [f"line{i}" for i in range(200)]
    splits = splitting.draw(units, make_args("70,20,10"))
    assert [splits.count(s) for s in lines_file.SPLITS] == [140, 40, 20]


def test_shares_are_of_lines_not_of_pages():
    lines = {f"page{i}": count for i, count in enumerate([5, 18, 5, 40, 4])}
    splits = splitting.draw(list(lines), make_args(), list(lines.values()))
    assert splits[1] == splits[3] == "train"
    assert {"validation", "test"} == {splits[0], splits[2], splits[4]} - {"train"}


@pytest.mark.parametrize("count", [3, 4, 7])
def test_no_split_with_a_share_stays_empty(count):
    units = ["large"] * 50 + [f"small{i}" for i in range(count - 1)]
    assert set(splitting.draw(units, make_args())) == set(lines_file.SPLITS)


@pytest.mark.parametrize(
    "folders",
    [
        ("train", "validation", "test"),
        ("Train", "Val", "Test"),
        ("training", "dev", "testing"),
        ("set1/train", "set1/valid", "set2/TEST"),
        ("TRAINING", "validation", "eval"),
    ],
)
def test_folders_called_like_splits_are_the_splits(folders):
    names = [f"{folder}/deeper/{i}" for i, folder in enumerate(folders)]
    assert splits_of(names) == list(lines_file.SPLITS)
    assert "the collection's own" in place(names)[1]


def test_eval_beside_train_alone_is_for_validation():
    assert splits_of(["train/a", "eval/b"]) == ["train", "validation"]


def test_a_split_that_a_table_names_is_the_split():
    entries = [
        splitting.Entry("a", split="Train"),
        splitting.Entry("train/b", split="dev"),
    ]
    placed, note = splitting.place(entries, make_args())
    assert [one.split for one in placed] == ["train", "validation"]
    assert "own (Train, dev)" in note


@pytest.mark.parametrize("stray", ["extra/x", "cover", "train"])
def test_what_lies_beside_splits_is_named_and_nothing_drawn(stray):
    with pytest.raises(UserError, match=f"'{stray}' is in no split, .* test, train"):
        splits_of(["train/a", "test/b", stray])


@pytest.mark.parametrize(
    "split",
    [
        "80,20",
        "a,b,c",
        "0,50,50",
        "-1,50,50",
        "inf,1,1",
        "1e308,1e308,1e308",
        "nan,1,1",
    ],
)
def test_shares_that_cannot_be_are_refused(split):
    with pytest.raises(UserError, match="three shares"):
        splitting.draw(["l"], make_args(split))


def test_writers_are_found_in_names():
    writer_of, regex = splitting.writer_of, splitting.WRITER_REGEX
    assert writer_of("AD78_0002-0-000", regex) == "AD78_0002"
    assert writer_of("line", regex) == ""
    assert writer_of("anna_12", "^[a-z]+") == "anna"
    assert writer_of("12", "([a-z])?12") == ""
    with pytest.raises(UserError, match="writer_regex"):
        writer_of("x", "(")


def test_writers_are_whole_where_there_are_enough():
    names = [f"w{w}-{page}-{line}" for w in range(9) for page in "ab" for line in "12"]
    placed, note = place(names)
    assert "drawn by writer" in note
    assert len({(one.writer, one.split) for one in placed}) == 9


@pytest.mark.parametrize(
    "name",
    ["page_{:02}_line_{:02}", "p{}l{}", "{}/{}", "scan {} - {}", "{}_r1l{}", "f{}-{}b"],
)
def test_pages_are_whole_where_writers_are_too_few(name):
    names = [name.format(page, line) for page in range(8) for line in range(5)]
    placed, note = place(names)
    assert "drawn by page" in note and "hands are in train, too" in note
    split_of = {}
    for index, one in enumerate(placed):
        assert split_of.setdefault(index // 5, one.split) == one.split
    assert set(split_of.values()) == set(lines_file.SPLITS)


def test_lines_are_drawn_where_there_is_one_page():
    assert "drawn by line" in place([f"page_1_{line}" for line in range(30)])[1]


def write(folder, contents):
    """Entries of images of these contents, by name."""
    entries = []
    for name, content in contents.items():
        path = folder / f"{name.replace('/', '-')}.png"
        path.write_text(content)
        entries.append(splitting.Entry(name, path))
    return entries


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_an_image_are_in_one_split(tmp_path, seed):
    contents = {f"w{i}-0-0": f"image {i:03}" for i in range(20)}
    contents |= {f"other{i}-0-0": f"image {i:03}" for i in range(10)}
    entries = write(tmp_path, contents)
    placed, _ = splitting.place(entries, make_args(seed=seed))
    split_of = {}
    for entry, one in zip(entries, placed, strict=True):
        content = entry.path.read_text()
        assert split_of.setdefault(content, one.split) == one.split


def test_a_copy_in_the_collections_own_test_lines_is_no_training_line(tmp_path):
    entries = write(
        tmp_path, {"train/a": "one", "train/b": "two", "val/c": "six", "test/d": "one"}
    )
    placed, _ = splitting.place(entries, make_args())
    assert placed[0].problem == "a copy of its image is in test: test/d"
    assert not any(one.problem for one in placed[1:])


def test_own_splits_of_the_same_images_are_kept_with_a_warning(tmp_path):
    names = [f"{split}/{i}" for split in ("train", "test") for i in range(3)]
    entries = write(tmp_path, {name: f"image {name[-1]}" for name in names})
    placed, note = splitting.place(entries, make_args())
    assert not any(one.problem for one in placed)
    assert "WARNING: 3 images have copies" in note
