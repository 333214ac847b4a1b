"""What goes wrong in readings: every edit once, every line in one part."""

import collections
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax.scoring import error_analysis, tables
from tests import fixtures

TRANSCRIPTS = ["la mer", "le ciel est", "oh", "été"]
READINGS = ["le mer", "le ciell et", "oh", "ete"]
WRITERS = ["ann", "ann", "bob", ""]

texts = st.text("ab é", max_size=10)


@given(texts, texts)
def test_edits_are_the_fewest_that_account_for_every_character(transcript, reading):
    edits = list(error_analysis.edits(transcript, reading))
    assert len(edits) == fixtures.plain_distance(transcript, reading)
    assert all(written != read for written, read in edits)
    # What is written, less what an edit takes, plus what it puts, is what is read.
    left = collections.Counter(transcript)
    left.subtract(written for written, _ in edits if written)
    left.update(read for _, read in edits if read)
    assert +left == collections.Counter(reading) and min(left.values(), default=0) >= 0


def test_confusions_are_counted_by_hand():
    found = error_analysis.analyse(TRANSCRIPTS, READINGS, WRITERS)
    assert (found.substitutions, found.deletions, found.insertions) == (3, 1, 1)
    assert found.chars == 6 + 11 + 2 + 3
    assert found.confusions[0] == ("é", "e", 2, 2)
    assert set(found.confusions[1:]) == {
        ("a", "e", 1, 1),
        ("", "l", 1, 0),
        ("s", "", 1, 1),
    }


def test_writers_come_worst_first_and_those_unknown_together():
    found = error_analysis.analyse(TRANSCRIPTS, READINGS, WRITERS).writers
    assert [part.name for part in found] == ["", "ann", "bob"]
    # ann: 2 lines, none right, 3 edits in 17 characters, "la", "ciel" and "est" wrong.
    assert found[1] == ("ann", 2, 0, 17, 3, 5, 3)
    assert error_analysis.analyse(TRANSCRIPTS, READINGS, [""] * 4).writers == []


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30))
def test_lengths_are_a_partition_into_ranges(lengths):
    transcripts = ["a" * length for length in lengths]
    parts = error_analysis.analyse(
        transcripts, transcripts, [""] * len(lengths)
    ).lengths
    assert sum(part.lines for part in parts) == len(lengths)
    assert sum(part.chars for part in parts) == sum(lengths)
    ranges = [[int(end) for end in part.name.split("–")] for part in parts]
    flat = [end for span in ranges for end in span]
    assert flat == sorted(flat) and len({span[0] for span in ranges}) == len(ranges)
    for part, span in zip(parts, ranges, strict=True):
        assert part.lines == sum(span[0] <= length <= span[-1] for length in lengths)


def test_parts_hold_like_numbers_of_lines():
    transcripts = ["a" * length for length in range(1, 101)]
    parts = error_analysis.analyse(transcripts, transcripts, [""] * 100).lengths
    assert [part.lines for part in parts] == [20] * 5
    assert [part.name for part in parts][:2] == ["1–20", "21–40"]


def test_the_same_is_told_as_json():
    found = error_analysis.analyse(TRANSCRIPTS, READINGS, WRITERS)
    told = json.loads(json.dumps(found.as_json()))
    assert told["deletions"] == 1
    expected = {"written": "é", "read": "e", "count": 2, "occurrences": 2}
    assert told["confusions"][0] == expected
    assert told["writers"][1]["char_edits"] == 3 and told["lengths"][0]["lines"]


@pytest.mark.parametrize("readings", [READINGS, TRANSCRIPTS])
def test_tables_of_it_fit_a_page(readings):
    stream = io.StringIO()
    many = [f"writer number {i}" for i in range(40)]
    tables.print_analysis(
        error_analysis.analyse(TRANSCRIPTS * 10, readings * 10, many), stream
    )
    said = stream.getvalue()
    assert max(map(len, said.splitlines())) <= 100
    assert "worst of 40" in said and "…" not in said
    if readings is READINGS:
        assert "50 errors in 220 characters: 30 misread, 10 missing, 10 too" in said
        assert "é as e" in said and "20   100.0%" in said
