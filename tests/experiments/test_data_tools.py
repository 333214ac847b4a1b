"""Tools that make lines files: what they are asked for is there, or refused."""

import argparse
from dataclasses import replace

import pytest
from data_tools import fewer_lines, prose_lines, richer_text

from ocr_jax.data import lines_writer
from ocr_jax.errors import UserError
from tests import fixtures


def fewer(file, out, lines, writers="", even=False):
    args = {"file": file, "lines": lines, "writers": writers, "even": even, "out": out}
    fewer_lines.write(argparse.Namespace(**args, seed=0, overwrite=False))


def test_fewer_training_lines_are_as_many_as_asked_for(tiny_lines, tmp_path):
    fewer(tiny_lines, tmp_path / "few.h5", 4)
    before = fixtures.read_splits(tiny_lines)
    after = fixtures.read_splits(tmp_path / "few.h5")
    assert len(after["train"]) == 4
    assert set(after["train"].line_ids) < set(before["train"].line_ids)
    assert after["validation"].digest == before["validation"].digest


def test_fewer_lines_may_be_of_some_writers(tiny_lines, tmp_path):
    fewer(tiny_lines, tmp_path / "few.h5", 20, "w1,w2")
    after = fixtures.read_splits(tmp_path / "few.h5")
    assert set(after["train"].writers) == {"w1", "w2"}


def test_even_lines_are_of_each_collection_until_it_has_no_more(tmp_path):
    lines = fixtures.draw_lines(15, seed=0, prefix="x")
    writers = ["large/1", "large/2"] * 6 + ["small"] * 3
    lines = [replace(line, writer=w) for line, w in zip(lines, writers, strict=True)]
    path = tmp_path / "two.h5"
    lines_writer.write_lines(path, {"train": lines}, height=16, source="test")
    fewer(path, tmp_path / "even.h5", 8, even=True)
    writers = fixtures.read_splits(tmp_path / "even.h5")["train"].writers
    assert sum(w == "small" for w in writers) == 3
    assert sum(w.startswith("large/") for w in writers) == 5


@pytest.mark.parametrize(
    ("lines", "writers", "expected"),
    [
        (0, "", "--lines=0: expected 1 to 40, the training lines in"),
        (41, "", "--lines=41: expected 1 to 40"),
        (1, "nobody", "--writers=nobody: .* has no training line"),
        (14, "w1", "--lines=14: expected 1 to 13, the training lines of w1 in"),
    ],
)
def test_more_lines_than_there_are_cannot_be_drawn(
    lines, writers, expected, tiny_lines, tmp_path
):
    with pytest.raises(UserError, match=expected):
        fewer(tiny_lines, tmp_path / "no.h5", lines, writers)
    assert not (tmp_path / "no.h5").exists()


def test_of_a_file_without_training_lines_none_are_drawn(tmp_path):
    lines = {"test": fixtures.draw_lines(1, seed=0, prefix="x")}
    lines_writer.write_lines(tmp_path / "t.h5", lines, height=16, source="test")
    with pytest.raises(UserError, match="has no split 'train'"):
        fewer(tmp_path / "t.h5", tmp_path / "no.h5", 1)


def test_prose_becomes_lines_of_ascii_paragraph_by_paragraph(tmp_path):
    book, old = tmp_path / "book.txt", tmp_path / "old.txt"
    book.write_text("“_Oh_,” he said--once\nmore.\n\n" + "word " * 20, "utf-8")
    old.write_bytes("caf\xe9".encode("latin-1"))
    lines = prose_lines.read([book, old])
    assert lines[0] == '"Oh," he said - once more.'
    assert lines[1:-1] == ["word " * 8 + "word", "word " * 8 + "word", "word word"]
    assert lines[-1] == "caf\xe9"


def test_punctuation_is_split_off_as_in_the_ascii_transcripts_of_iam(tmp_path):
    book = tmp_path / "book.txt"
    book.write_text('"Well," said Mr. Brown (at 7.30 p.m.), "2,000 ... J. Doe\'s!"')
    assert prose_lines.read([book], split_punctuation=True) == [
        '" Well , " said Mr. Brown ( at 7.30 p.m. ) ,',
        '" 2,000 ... J. Doe\'s ! "',
    ]


@pytest.mark.parametrize("given", ["--prose=law.txt", "--prose_lines=9"])
def test_prose_and_the_number_of_its_lines_go_together(given, monkeypatch):
    options = ["lines.h5", "--copies=1", "--words=1", "--out=text.txt", given]
    monkeypatch.setattr("sys.argv", ["richer_text.py", *options])
    with pytest.raises(UserError, match="go together"):
        richer_text.main()
