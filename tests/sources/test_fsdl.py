"""The lab's own HDF5: its classes, its padding, and a file that is another's."""

import h5py
import numpy as np
import pytest

from ocr_jax import prepare
from ocr_jax.data import lines_file
from ocr_jax.sources import fsdl


def label(text):
    ids = [fsdl.CLASSES.index(character) for character in text]
    return np.array(ids + [fsdl.PADDING] * (97 - len(ids)))


@pytest.fixture
def lab_file(tmp_path):
    """Ten training lines and three of test, each with a bar as long as its text."""
    path = tmp_path / "iam_lines.h5"
    with h5py.File(path, "w") as file:
        for part, count in (("train", 10), ("test", 3)):
            texts = [f"Line {i}: 'x'?"[: 6 + i] for i in range(count)]
            images = np.zeros((count, 28, 952), np.uint8)
            for image, text in zip(images, texts, strict=True):
                image[8:20, 4 : 10 * len(text)] = 200
            file[f"x_{part}"] = images
            file[f"y_{part}"] = np.stack([label(text) for text in texts])
    return path


def run(path, *options):
    out = path.with_name("out.h5")
    arguments = ["fsdl", f"--source={path}", f"--out={out}", "--workers=1", *options]
    return prepare.main(arguments), out


def test_the_classes_are_the_labs():
    assert len(fsdl.CLASSES) == 79
    ids = {0: "0", 10: "A", 36: "a", 61: "z", 62: " ", 63: "!", 66: "&", 78: "?"}
    assert {i: fsdl.CLASSES[i] for i in ids} == ids


def test_lines_come_back_without_padding(lab_file):
    code, out = run(lab_file, "--validation_lines=2")
    assert code == 0
    with lines_file.LinesFile(out) as file:
        splits = {name: file.split(name) for name in file.splits}
    assert file.height == 28
    assert [len(splits[name]) for name in lines_file.SPLITS] == [8, 2, 3]
    assert splits["train"].transcripts[0] == "Line 0"
    assert splits["validation"].transcripts == (
        "Line 8: 'x'?"[:14],
        "Line 9: 'x'?"[:15],
    )
    assert splits["train"].image(0).shape == (28, 60)
    assert splits["train"].image(0)[10, 5] == 200


def test_a_line_without_label_or_ink_is_left_out(lab_file, capsys):
    with h5py.File(lab_file, "r+") as file:
        file["y_train"][0] = fsdl.PADDING
        file["x_train"][1] = 0
    assert run(lab_file, "--validation_lines=2")[0] == 0
    said = capsys.readouterr().out
    assert "empty transcript (fsdl-train-0000)" in said
    assert "no ink (fsdl-train-0001)" in said


@pytest.mark.parametrize("key", ["x_train", "y_test"])
def test_another_hdf5_is_one_clear_line(lab_file, capsys, key):
    with h5py.File(lab_file, "r+") as file:
        del file[key]
    code, out = run(lab_file, "--validation_lines=2")
    said = capsys.readouterr().err
    assert code == 2 and not out.exists()
    assert "is not the lab's file" in said and len(said.strip().splitlines()) == 1


def test_a_class_that_does_not_exist_is_refused(lab_file, capsys):
    with h5py.File(lab_file, "r+") as file:
        file["y_train"][0, 0] = 80
    assert run(lab_file, "--validation_lines=2")[0] == 2
    assert "classes 0 to 79" in capsys.readouterr().err


@pytest.mark.parametrize("options", [(), ("--validation_lines=-1",)])
def test_more_validation_than_lines_is_refused(lab_file, capsys, options):
    assert run(lab_file, *options)[0] == 2
    assert "--validation_lines" in capsys.readouterr().err


def test_a_file_that_is_no_hdf5_is_one_clear_line(tmp_path, capsys):
    (tmp_path / "iam_lines.h5").write_text("no")
    assert run(tmp_path / "iam_lines.h5")[0] == 2
    assert "can't be read as HDF5" in capsys.readouterr().err
