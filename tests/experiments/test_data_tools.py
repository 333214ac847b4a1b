"""Tools that make lines files: what they are asked for is there, or refused."""

import argparse

import pytest
from data_tools import fewer_lines, prose_lines, richer_text

from ocr_jax.data import lines_writer
from ocr_jax.errors import UserError
from tests import fixtures


def test_fewer_training_lines_are_one_at_least(tiny_lines, tmp_path):
    out = tmp_path / "few.h5"
    args = argparse.Namespace(file=tiny_lines, share=0.1, seed=0, out=out)
    fewer_lines.write(args)
    before, after = fixtures.read_splits(tiny_lines), fixtures.read_splits(out)
    assert len(after["train"]) == len(before["train"]) / 10
    assert after["validation"].digest == before["validation"].digest
    args = argparse.Namespace(file=tiny_lines, share=0.01, seed=0, out=tmp_path / "no")
    with pytest.raises(UserError, match=r"--share=0\.01 of 40 training lines is none"):
        fewer_lines.write(args)
    assert not (tmp_path / "no").exists()


def test_a_file_without_training_lines_has_no_share_of_them(tmp_path):
    lines = {"test": fixtures.draw_lines(1, seed=0, prefix="x")}
    lines_writer.write_lines(tmp_path / "t.h5", lines, height=16, source="test")
    args = argparse.Namespace(file=tmp_path / "t.h5", share=0.5, seed=0, out=tmp_path)
    with pytest.raises(UserError, match="has no split 'train'"):
        fewer_lines.write(args)


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
def test_prose_and_the_number_of_its_lines_go_together(given, monkeypatch, capsys):
    options = ["lines.h5", "--copies=1", "--words=1", "--out=text.txt", given]
    monkeypatch.setattr("sys.argv", ["richer_text.py", *options])
    with pytest.raises(SystemExit) as ended:
        richer_text.main()
    assert ended.value.code == 2
    assert "go together" in capsys.readouterr().err
