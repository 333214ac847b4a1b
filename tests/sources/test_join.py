"""Joining lines files: the collection's splits stay, others are trained on with it."""

import dataclasses

import numpy as np
import pytest

from ocr_jax import prepare
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.images import line_size
from tests import fixtures


@pytest.fixture
def files(tmp_path):
    """(collection, others): of 3 and 70 training lines, 1 and 2 of validation."""
    for name, counts, height in (("mine", (3, 1), 16), ("made_up", (70, 2), 8)):
        with lines_writer.LinesWriter(
            tmp_path / f"{name}.h5",
            height=height,
            source="test",
            license=f"licence of {name}",
            about={"split_name": name},
        ) as writer:
            for split, count in zip(("train", "validation"), counts, strict=True):
                for i in range(count):
                    image = np.full((height, 2 * height + i), i, np.uint8)
                    text, writer_of = f"{name[0]} {i}", f"writer of {name}"
                    line = lines_file.Line(image, text, f"{split}{i}", writer_of)
                    writer.add(split, line)
    return tmp_path / "mine.h5", tmp_path / "made_up.h5"


def join(files, out, *options):
    source, others = files
    return prepare.main(
        ["join", f"--source={source}", f"--with={others}", f"--out={out}", *options]
    )


def test_the_collections_splits_stay_and_the_others_training_lines_are_added(
    files, tmp_path
):
    out = tmp_path / "joined.h5"
    assert join(files, out, "--height=16", "--times=2", "--workers=2") == 0
    with lines_file.LinesFile(files[0]) as file:
        before, about = file.split("validation"), file.about
    with lines_file.LinesFile(out) as file:
        train, validation = file.split("train"), file.split("validation")
        assert file.about == about == {"split_name": "mine"}
        assert file.license == "licence of mine; licence of made_up"
    assert validation.digest == before.digest
    once = [f"m {i}" for i in range(3)]
    assert list(train.transcripts) == 2 * once + [f"m {i}" for i in range(70)]
    assert train.line_ids[:4] == ("train0", "train1", "train2", "train0*2")
    assert train.line_ids[-1] == "+made_up/train69"
    assert len(set(train.line_ids)) == len(train)
    assert [*map(lines_file.is_own, train.line_ids)] == [True] * 3 + [False] * 73
    assert train.writers[0] == "writer of mine"
    assert train.writers[-1] == "writer of made_up"


def test_lines_are_scaled_to_one_height(files, tmp_path):
    out = tmp_path / "joined.h5"
    assert join(files, out, "--height=16") == 0
    with lines_file.LinesFile(out) as file:
        train = file.split("train")
    assert train.image(0).shape == (16, 32)
    assert train.image(3 + 5).shape == (16, 2 * (16 + 5))
    np.testing.assert_array_equal(train.image(3 + 5), 5)


def test_lines_keep_the_height_of_their_file_without_height(files, tmp_path):
    out = tmp_path / "joined.h5"
    assert join((files[1], files[1]), out) == 0
    with lines_file.LinesFile(out) as file:
        assert file.height == 8
        assert file.split("train").image(5).shape == (8, 2 * 8 + 5)


def test_other_heights_are_refused_without_height(files, tmp_path, capsys):
    assert join(files, tmp_path / "joined.h5") == 2
    message = capsys.readouterr().err
    assert "mine.h5 has lines of 16 px height" in message
    assert "made_up.h5 of 8 px: add --height=16 to scale all of them" in message
    assert not (tmp_path / "joined.h5").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"others": "nowhere.h5"}, "nowhere.h5 does not exist: make it with"),
        ({"source": "nowhere.h5"}, "nowhere.h5 does not exist: make it with"),
        ({"options": ["--times=0"]}, "--times=0: expected 1 or more"),
        ({"options": ["--with=x/made_up.h5"]}, "x/made_up.h5 has the same name as"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_file(
    files, tmp_path, capsys, change, message
):
    source = change.get("source", files[0])
    others = change.get("others", files[1])
    out = tmp_path / "joined.h5"
    assert join((source, others), out, *change.get("options", ())) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_the_help_says_that_pages_files_are_joined_too(capsys):
    with pytest.raises(SystemExit):
        prepare.main(["join", "--help"])
    assert "lines or pages file to write" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("height", [16, 32])
@pytest.mark.parametrize("folder", ["", "val/"])
def test_lines_that_the_collection_is_scored_on_are_not_added(
    tmp_path, capsys, height, folder
):
    """As where a folder was prepared twice, as another kind, with another --height."""
    lines = fixtures.draw_lines(6, seed=0, prefix="x")
    mine = {"train": lines[:3], "validation": lines[3:4], "test": lines[4:5]}
    paths = tmp_path / "mine.h5", tmp_path / "again.h5"
    lines_writer.write_lines(paths[0], mine, height=16, source="test")
    scaled = [
        dataclasses.replace(
            line,
            image=line_size.to_height(line.image, height),
            line_id=f"{folder}{line.line_id}",
        )
        for line in lines
    ]
    again = {"train": scaled}
    lines_writer.write_lines(paths[1], again, height=height, source="test")
    assert join(paths, tmp_path / "joined.h5", "--height=16") == 0
    train = fixtures.read_splits(tmp_path / "joined.h5")["train"]
    added = [i for i in train.line_ids if not lines_file.is_own(i)]
    assert added == [f"+again/{folder}x-{number}" for number in (0, 1, 2, 5)]
    said = capsys.readouterr().out
    assert "left out: 2" in said
    assert f"a copy of it is in validation of --source (+again/{folder}x-3)" in said


def test_another_line_of_the_same_text_is_no_copy(tmp_path):
    rng = np.random.default_rng(0)
    image = fixtures.draw_line("abcabc")
    varied = np.roll(image, 2, axis=0) // 2 + rng.integers(0, 90, image.shape, np.uint8)
    mine = {
        "train": [lines_file.Line(fixtures.draw_line("abca"), "abca", "x")],
        "test": [lines_file.Line(image, "abcabc", "y")],
    }
    again = {"train": [lines_file.Line(varied, "abcabc", "z")]}
    paths = tmp_path / "mine.h5", tmp_path / "again.h5"
    for path, splits in zip(paths, (mine, again), strict=True):
        lines_writer.write_lines(path, splits, height=16, source="test")
    assert join(paths, tmp_path / "joined.h5") == 0
    train = fixtures.read_splits(tmp_path / "joined.h5")["train"]
    assert train.line_ids == ("x", "+again/z")


def test_a_copy_is_known_by_its_image_whatever_it_is_called(tmp_path):
    line = fixtures.draw_lines(1, seed=0, prefix="x")[0]
    other = dataclasses.replace(line, line_id="y", transcript="b")
    more = lines_file.Line(fixtures.draw_line("abcabca"), "abcabca", "more")
    paths = tmp_path / "mine.h5", tmp_path / "again.h5"
    mine, again = {"train": [more], "test": [line]}, {"train": [other, more]}
    for path, splits in zip(paths, (mine, again), strict=True):
        lines_writer.write_lines(path, splits, height=16, source="test")
    assert join(paths, tmp_path / "joined.h5") == 0
    train = fixtures.read_splits(tmp_path / "joined.h5")["train"]
    assert train.line_ids == ("more", "+again/more")
