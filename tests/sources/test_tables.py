"""Tables as people and programs write them: the text is the text, and nothing else."""

import csv
import unicodedata

import pytest

from ocr_jax.errors import UserError
from ocr_jax.sources import tables
from tests import fixtures


def read(tmp_path, content):
    path = tmp_path / "t.tsv"
    path.write_bytes(content.encode())
    rows, remarks = tables.read(path)
    return [(row.image, row.text) for row in rows], " ".join(remarks)


TEXTS = ['il dit "oui" deux fois', "sans guillemets", '"Bonjour"', "un, deux"]
ROWS = [(f"{i}.png", text) for i, text in enumerate(TEXTS)]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_a_csv_writer_quotes_comes_back(tmp_path, quoting, end):
    with open(tmp_path / "w.tsv", "w", newline="") as file:
        writer = csv.writer(file, csv.excel_tab, lineterminator=end, quoting=quoting)
        writer.writerows([*ROWS, ("4.png", "two\nlines"), ("5.png", "a\ttab")])
    written = (tmp_path / "w.tsv").read_bytes().decode()
    found, _ = read(tmp_path, written)
    assert found == [*ROWS, ("4.png", "two\nlines"), ("5.png", "a\ttab")]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        # Quotations in a table without quoted cells.
        ('0.png\t"Bonjour"\n1.png\tnon\n', ['"Bonjour"', "non"]),
        ('0.png\t"Oui, dit-il\n1.png\tnon, dit "elle"\n', None),
        ('0.png\tdit "oui"\n1.png\t"non" dit "oui"\n', None),
        # A spreadsheet quotes what has a comma.
        ('0.png\t"oui, non"\n1.png\toui\n', ["oui, non", "oui"]),
        # Only texts are quoted, all of them, with names of columns or without.
        ('0.png\t"oui"\n1.png\t"non"\n', ["oui", "non"]),
        ('image\ttext\n0.png\t"oui"\n1.png\t"non"\n', ["oui", "non"]),
        ("0.png\toui\t\t\n1.png\tnon\n", ["oui", "non"]),
    ],
)
def test_quotation_marks_of_the_text_stay(tmp_path, content, texts):
    found, _ = read(tmp_path, content)
    plain = [line.split("\t")[1] for line in content.splitlines()]
    assert [text for _, text in found] == (plain if texts is None else texts)


@pytest.mark.parametrize(
    "header", ["image\ttext", "File Name\tTranscription", "# path\tgt", "Bild\tInhalt"]
)
def test_a_header_is_no_line_and_is_said(tmp_path, header):
    found, remarks = read(tmp_path, f"{header}\n0.png\toui\n1.png\tnon\n")
    assert found == [("0.png", "oui"), ("1.png", "non")]
    assert "row 1 names the columns" in remarks


def test_named_columns_come_in_any_order(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("id\ttext\tsplit\timage\twriter\n7\toui\tval\t0.png\tann\n")
    [row], remarks = tables.read(path)
    assert row == tables.Row(2, "0.png", "oui", "ann", "val")
    assert "not used: id" in " ".join(remarks)


def test_a_third_column_is_no_text_and_is_said(tmp_path):
    found, remarks = read(tmp_path, "0.png\toui\tann\n1.png\tnon\tbob\n")
    assert found == [("0.png", "oui"), ("1.png", "non")]
    assert "'ann'" in remarks and "not used" in remarks


def test_a_confidence_is_no_text(tmp_path):
    found, remarks = read(tmp_path, "0.png\t0.9312\toui\n1.png\t1.0000\t\n")
    assert found == [("0.png", "oui"), ("1.png", "")]
    assert "confidence" in remarks


def test_a_row_with_more_columns_than_the_others_is_left_out(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("0.png\toui\n1.png\tnon\n2.png\toui\tnon\n")
    rows, _ = tables.read(path)
    assert [bool(row.problem) for row in rows] == [False, False, True]


def test_columns_of_unknown_names_are_one_clear_line(tmp_path, capsys):
    path = tmp_path / "t.tsv"
    path.write_text("a\tb\tc\n0.png\toui\tx\n")
    out = f"--out={tmp_path / 'o.h5'}"
    assert fixtures.run_prepare("tsv", f"--source={path}", out) == 2
    assert "call that of the image paths 'image'" in capsys.readouterr().err


def test_a_column_of_the_very_name_comes_before_its_synonyms(tmp_path):
    found, remarks = read(
        tmp_path, "file\timage\tlabel\ttext\nv.pdf\t0.png\tLine\toui\n"
    )
    assert found == [("0.png", "oui")]
    assert "not used: file, label" in remarks


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "image\tlabel\tgt",
            "'label' and 'gt' may be the text: call one of them 'text'",
        ),
        ("image\ttext\ttext", "'text' and 'text' may be the text"),
        ("image\tauthor", "called 'image', 'author': call that of the image paths"),
        ("image\tfile", "called 'image', 'file': call that of the image paths"),
        ("writer\ttext", "called 'writer', 'text': call that of the image paths"),
    ],
)
def test_columns_that_may_be_several_things_are_one_clear_line(
    tmp_path, header, message
):
    row = "\t".join(f"{number}.png" for number in range(header.count("\t") + 1))
    with pytest.raises(UserError) as error:
        read(tmp_path, f"{header}\n{row}\n")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_images_are_found_by_other_spellings_of_their_paths(
    tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "elsewhere"
    decomposed = unicodedata.normalize("NFD", "forêt")
    for name in (decomposed, "a/b", "here"):
        fixtures.save_line(folder, name)
    monkeypatch.chdir(folder)
    table = tmp_path / "t.tsv"
    table.write_text(
        "elsewhere/forêt.png\tun\nelsewhere\\a\\b.png\tdeux\nhere.png\tx\n"
    )
    out = tmp_path / "o.h5"
    assert fixtures.run_prepare("tsv", f"--source={table}", f"--out={out}") == 0
    splits = fixtures.read_splits(out).values()
    assert sum(map(len, splits)) == 3, capsys.readouterr().out


def test_a_second_transcript_of_an_image_is_left_out_and_said(tmp_path, capsys):
    fixtures.save_line(tmp_path, "a")
    (tmp_path / "t.tsv").write_text("a.png\tun\n./\tx\na.png\tdeux\n")
    out = tmp_path / "o.h5"
    assert (
        fixtures.run_prepare("tsv", f"--source={tmp_path}/t.tsv", f"--out={out}") == 0
    )
    assert fixtures.read_splits(out)["train"].transcripts == ("un",)
    said = capsys.readouterr().out
    assert "left out: 2" in said and "an earlier row with its image" in said
