"""Readings side by side: which lines are shown, their images, and what is marked."""

import html
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein
from reporting import readings

from ocr_jax import reading_tables
from ocr_jax.data import lines_file
from tests import fixtures
from tests.experiments.fixtures import page_body
from tests.fixtures import make_run


def test_images_are_shown_if_the_lines_file_exists(tmp_path, tiny_lines):
    with lines_file.LinesFile(tiny_lines) as file:
        split = file.split("validation")
    run = fixtures.make_run(tmp_path / "a", lines_file=str(tiny_lines))
    columns = split.line_ids, split.writers, split.transcripts, split.transcripts
    lines = [reading_tables.ScoredLine(*line) for line in zip(*columns, strict=True)]
    # Of a line that the file has under another transcript, the image would mislead.
    lines[0] = lines[0]._replace(transcript="other")
    reading_tables.write_scored_lines(run, "validation", lines)
    assert page_body([run]).count('src="data:image/png;base64,') == len(lines) - 1
    assert "<img" not in page_body([make_run(tmp_path / "b")])


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
