"""What was left out: counted by kind, cut when shown, whole in a file."""

import csv

from ocr_jax.sources import Skipped, left_out


def test_reasons_that_differ_in_names_and_numbers_are_of_one_kind():
    skipped = [Skipped(f"p{i}", f"an image is missing ('p{i}.jpg')") for i in range(84)]
    skipped += [
        Skipped("a", "3 x 2 px is too small"),
        Skipped("b", "1 x 9 px is too small"),
    ]
    shown = left_out.reasons(skipped)
    assert shown[0].startswith("84 x an image is missing (…) (p0, p1, ")
    assert shown[1] == "2 x … x … px is too small (a, b)"


def test_equal_reasons_are_shown_as_they_are():
    skipped = [Skipped(name, "an image of 12 px") for name in "ab"]
    assert left_out.reasons(skipped) == ["2 x an image of 12 px (a, b)"]


def test_the_rarest_kinds_are_only_counted():
    words = [3 * letter for letter in "abcdefghijkl"]
    skipped = [Skipped(word, f"no {word}") for word in words]
    assert left_out.reasons([*skipped, skipped[0]])[0] == "2 x no aaa (aaa, aaa)"
    assert left_out.reasons(skipped)[-1] == "2 more, for 2 other reasons"


def test_a_list_that_is_cut_is_whole_in_a_file(tmp_path, capsys):
    out = tmp_path / "lines.h5"
    skipped = [Skipped(f"line {i}", 'no "text"\there') for i in range(30)]
    left_out.report(skipped, out)
    assert "all of them" in capsys.readouterr().out
    with open(tmp_path / "lines_left_out.tsv", newline="") as file:
        header, *rows = csv.reader(file, csv.excel_tab)
    assert header == ["name", "reason"]
    assert rows == [list(item) for item in skipped]
    left_out.report(skipped[:2], out)
    assert not (tmp_path / "lines_left_out.tsv").exists()
