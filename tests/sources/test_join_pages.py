"""Joining pages files: the collection's splits stay, others are trained on with it."""

import shutil

import numpy as np
import pytest

from ocr_jax import prepare
from ocr_jax.data import lines_file, pages_file


def page(name, count):
    lines = [
        pages_file.Line(np.array([[5.0, y], [60.0, y]]), 8.0, 3.0)
        for y in range(20, 20 + 20 * count, 20)
    ]
    texts = [pages_file.Text("abc", line.baseline) for line in lines]
    image = np.full((100, 80), count, np.uint8)
    return pages_file.Page(name, image, tuple(lines), tuple(texts))


@pytest.fixture
def files(tmp_path):
    mine, made_up = tmp_path / "mine.h5", tmp_path / "made_up.h5"
    own = [
        ("train", page("a", 1)),
        ("train", page("b", 2)),
        ("validation", page("c", 3)),
    ]
    pages_file.save(mine, own, "test")
    others = [("train", page("d", 4)), ("validation", page("e", 1))]
    pages_file.save(made_up, others, "test")
    return mine, made_up


def join(files, out, *options):
    source, others = files
    return prepare.main(
        ["join", f"--source={source}", f"--with={others}", f"--out={out}", *options]
    )


def test_other_pages_are_added_to_train_alone(files, tmp_path, capsys):
    out = tmp_path / "joined.h5"
    assert join(files, out, "--times=2") == 0
    assert "6 pages" in capsys.readouterr().out
    names = "train", "validation"
    before, after = (pages_file.read(path, names) for path in (files[0], out))
    assert after["validation"].digest == before["validation"].digest
    ids = [page.page_id for page in after["train"].pages]
    assert ids == ["a", "b", "a*2", "b*2", "+made_up/d"]
    assert [*map(lines_file.is_own, ids)] == [True, True, False, False, False]
    assert [len(page.lines) for page in after["train"].pages] == [1, 2, 1, 2, 4]
    assert after["train"].pages[-1].texts[0].text == "abc"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--height=64"], "--height is for lines files"),
        (["--license=X"], "--license is for lines files"),
        (["--times=0"], "--times=0: expected 1 or more"),
        (["--with=nowhere.h5"], "nowhere.h5 does not exist"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_file(
    files, tmp_path, capsys, options, message
):
    assert join(files, tmp_path / "joined.h5", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "joined.h5").exists()


def test_files_of_one_name_are_refused(files, tmp_path, capsys):
    (tmp_path / "b").mkdir()
    other = shutil.copy(files[1], tmp_path / "b")
    assert join(files, tmp_path / "joined.h5", f"--with={other}") == 2
    message = "b/made_up.h5 has the same name as another file of --with"
    assert message in capsys.readouterr().err


def test_lines_and_pages_do_not_mix(files, tiny_lines, tmp_path, capsys):
    for pair, wanted in (
        ((files[0], tiny_lines), "pages"),
        ((tiny_lines, files[0]), "lines"),
    ):
        assert join(pair, tmp_path / "joined.h5") == 2
        assert f"expected format 'ocr_jax.{wanted}'" in capsys.readouterr().err


def test_pages_without_a_split_to_train_on_are_refused(files, tmp_path, capsys):
    pages_file.save(tmp_path / "v.h5", [("validation", page("e", 1))], "test")
    assert join((files[0], tmp_path / "v.h5"), tmp_path / "joined.h5") == 2
    assert "v.h5 has no train pages to add" in capsys.readouterr().err


def test_pages_that_the_collection_is_scored_on_are_not_added(files, tmp_path, capsys):
    again = [("train", page("other name", 3)), ("train", page("d", 4))]
    pages_file.save(tmp_path / "again.h5", again, "test")
    assert join((files[0], tmp_path / "again.h5"), tmp_path / "joined.h5") == 0
    [*_, added] = pages_file.read(tmp_path / "joined.h5", ("train",))["train"].pages
    assert added.page_id == "+again/d"
    assert pages_file.sizes(tmp_path / "joined.h5") == {"train": 3, "validation": 1}
    said = "1 x a copy of it is in validation of --source (+again/other name)"
    assert said in capsys.readouterr().out
