"""What is shown of scores: tables, and lines with their differences marked."""

import io

from ocr_jax.scoring import tables


def test_scores_are_printed_with_their_intervals():
    stream = io.StringIO()
    tables.print_scores(
        "test", {"cer": 0.123, "loss": 4.0}, {"cer": (0.1, 0.15)}, stream
    )
    (line,) = [
        row for row in stream.getvalue().splitlines() if "character error" in row
    ]
    assert line.split()[-4:] == ["12.30%", "10.00%", "–", "15.00%"]
    assert "\x1b" not in stream.getvalue()


def test_differences_between_transcript_and_reading_are_marked():
    rows = [row.plain[14:] for row in tables.marked("the cat", "tha caat")]
    assert rows[0].replace("·", "") == "the cat"
    assert rows[1].replace("·", "") == "tha caat"
    assert len(rows[0]) == len(rows[1]) == 8
    marks = [one != other for one, other in zip(rows[0], rows[1], strict=True)]
    assert [mark == "^" for mark in rows[2].ljust(8)] == marks and sum(marks) == 2
    assert len(tables.marked("same", "same")) == 2


def test_long_lines_are_not_wrapped():
    stream = io.StringIO()
    tables.print_lines("Worst", [("[id]", "a b " * 100, "a c " * 100, 0.5)], stream)
    lines = stream.getvalue().splitlines()
    assert lines[1:3] == ["Worst", "[id]  CER 50.0%"] and len(lines) == 6
    assert "\x1b" not in stream.getvalue()
