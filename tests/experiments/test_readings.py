"""Readings side by side: which lines are shown, their images, and what is marked."""

import html
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein
from reporting import readings

from ocr_jax import reading_tables
from ocr_jax.data import lines_file, lines_writer
from tests import fixtures
from tests.experiments.fixtures import page_body
from tests.fixtures import make_run


def read_rightly(path):
    """The validation lines of a lines file, each read as it is written."""
    with lines_file.LinesFile(path) as file:
        split = file.split("validation")
    columns = split.line_ids, split.writers, split.transcripts, split.transcripts
    return [reading_tables.ScoredLine(*line) for line in zip(*columns, strict=True)]


def test_images_are_shown_if_the_lines_file_exists(tmp_path, tiny_lines):
    run = fixtures.make_run(tmp_path / "a", lines_file=str(tiny_lines))
    lines = read_rightly(tiny_lines)
    # Of a line that the file has under another transcript, the image would mislead.
    lines[0] = lines[0]._replace(transcript="other")
    fixtures.give_lines(run, lines)
    assert page_body([run]).count('src="data:image/png;base64,') == len(lines) - 1
    assert "<img" not in page_body([make_run(tmp_path / "b")])


def test_images_are_those_of_the_lines_file_that_has_the_lines(tmp_path, tiny_lines):
    other = tmp_path / "other.h5"
    theirs = {"validation": fixtures.draw_lines(3, 9, "other")}
    theirs["train"] = fixtures.draw_lines(3, 8, "train")
    lines_writer.write_lines(other, theirs, height=fixtures.HEIGHT, source="test")
    runs = [
        fixtures.make_run(tmp_path / name, lines_file=str(path))
        for name, path in (("a", other), ("b", tiny_lines))
    ]
    lines = read_rightly(tiny_lines)
    for run in runs:
        fixtures.give_lines(run, lines)
    assert page_body(runs).count('src="data:image/png;base64,') == len(lines)


texts = st.text("ab <&", max_size=10)


@given(texts, texts)
def test_marks_stand_for_the_edits(transcript, reading):
    marked = readings.marked(transcript, reading)
    marks = re.findall(r'<mark class="(\w+)" title=".*?">(.*?)</mark>', marked)
    unescaped = [html.unescape(found) for _, found in marks]
    assert sum(map(len, unescaped)) == Levenshtein.distance(transcript, reading)
    shown = re.sub(r'<mark class="delete".*?</mark>', "", marked)
    assert html.unescape(re.sub(r"<.*?>", "", shown)) == reading


def test_views_show_the_worst_the_disputed_and_a_sample():
    errors = np.linspace(0, 1, 100)[None].repeat(2, axis=0)
    errors[0, 7] = 0.9
    found = readings.views(errors)
    assert found["worst"] == list(range(99, 99 - readings.LINES_A_VIEW, -1))
    assert found["differ"][0] == 7
    assert found["sample"][0] == 99 and found["sample"][-1] == 0
    assert "differ" not in readings.views(errors[:1])
