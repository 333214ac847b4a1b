"""Finders are scored by where lines are, and by what is read there."""

import json

import numpy as np
import pytest

from ocr_jax import compare, workdirs
from ocr_jax import config as config_lib
from ocr_jax.data import pages_file
from ocr_jax.errors import UserError
from ocr_jax.pages import page_scores, page_texts, page_training
from ocr_jax.scoring import page_metrics
from tests import fixtures

TEXTS = ["cab", "abc", "ac"]


def draw_page():
    """A page as a pages file has it: three lines, their texts and outlines."""
    scans = [fixtures.draw_scan(text) for text in TEXTS]
    gray = np.full((120 * len(scans), 300), 228, np.uint8)
    lines, texts = [], []
    for n, (scan, text) in enumerate(zip(scans, TEXTS, strict=True)):
        high, width = scan.shape
        left, top, right, bottom = 30, 120 * n + 25, 30 + width, 120 * n + 25 + high
        gray[top:bottom, left:right] = scan
        baseline = np.array([[left, bottom - 4], [right, bottom - 4]], float)
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        lines.append(pages_file.Line(baseline, high - 4.0, 4.0))
        texts.append(pages_file.Text(text, np.array(corners, float)))
    return pages_file.Page("page", 255 - gray, tuple(lines), tuple(texts))


PAGE = draw_page()


class Found:
    """A finder that finds some of the lines of PAGE."""

    def __init__(self, *numbers):
        self.numbers = numbers

    def find_at_size(self, image):
        return [PAGE.lines[number] for number in self.numbers]


def test_a_page_that_is_found_whole_is_read_like_its_true_lines(recognizer):
    [row] = page_scores.score(Found(2, 0, 1), [PAGE], recognizer)
    assert (row.f1, row.found, row.true) == (1.0, 3, 3)
    assert row.letters == sum(map(len, TEXTS))
    assert row.whole == row.assigned == row.true_lines == 0
    said = page_scores.table("validation", [row], "runs/mine")
    assert "1.00 times as many" in said or "CER of whole pages 0.0%" in said


def test_a_line_that_is_missed_costs_its_text_and_its_end(recognizer):
    [row] = page_scores.score(Found(0, 2), [PAGE], recognizer)
    assert row.missed == 1 and row.true_lines == 0
    assert row.assigned == len(TEXTS[1])
    assert row.whole == len(TEXTS[1]) + 1


def test_without_texts_or_a_recogniser_there_is_no_error_rate():
    [row] = page_scores.score(Found(0, 1, 2), [PAGE])
    summary = page_metrics.summary([row])
    assert summary["f1"] == 1.0 and "cer_whole" not in summary
    assert "CER" not in page_scores.table("validation", [row], "runs/mine")
    kept = page_training.as_json([row], pages_file.Split((), "d"), "runs/mine")
    assert kept["recognizer"] is kept["decoder"] is None


def test_scores_say_what_read_the_pages_and_how(recognizer):
    rows = page_scores.score(Found(0, 1, 2), [PAGE], recognizer)
    read_by = "runs/mine", "beam"
    table = page_scores.table("validation", rows, *read_by)
    assert "\nRead by runs/mine, beam decoder: CER of whole pages" in table
    kept = page_training.as_json(rows, pages_file.Split((), "d"), *read_by)
    assert (kept["recognizer"], kept["decoder"]) == read_by


def test_texts_are_assigned_as_it_costs_least():
    assert page_texts.assigned_errors(["b", "a"], ["a", "b"]) == 0
    assert page_texts.assigned_errors(["ab"], ["ab", "cd"]) == 2
    assert page_texts.assigned_errors(["ab", "xyz"], []) == 5
    assert page_texts.assigned_errors([], []) == 0


def run_of(folder, f1s, digest="d" * 64):
    """The workdir of a finished finder with these scores on pages."""
    folder.mkdir()
    config = config_lib.default_config()
    config.encoder, config.lines_file = "page", "pages.h5"
    workdirs.write_json(folder / "config.json", config.to_dict())
    rows = [
        page_metrics.PageScore(
            *(f"p{n}", f1, f1, f1, 0, 0, 0, 9, 9),
            letters=100,
            whole=round(100 - 100 * f1),
        )
        for n, f1 in enumerate(f1s)
    ]
    split = pages_file.Split((), digest)
    scores = page_training.as_json(rows, split, "pretrained:hands")
    workdirs.write_json(folder / "scores.json", {"parameters": 7, "validation": scores})
    row = json.dumps({"epoch": 1, "train/tiles_per_second": 12.0})
    (folder / "metrics.jsonl").write_text(row + "\n")
    return folder


def test_finders_are_compared_on_the_same_pages(tmp_path, capsys):
    good = run_of(tmp_path / "good", [0.9, 0.8, 1.0, 0.9])
    poor = run_of(tmp_path / "poor", [0.5, 0.6, 0.7, 0.5])
    assert compare.main([str(good), str(poor)]) == 0
    said = capsys.readouterr().out
    [f1] = [row.split() for row in said.splitlines() if "F1 of baselines" in row]
    assert f1[3:6] == ["90.00%", "57.50%", "+32.50%"] and f1[-1] == "0.0%"
    [cer] = [row.split() for row in said.splitlines() if "CER of whole pages" in row]
    assert cer[4:7] == ["10.00%", "42.50%", "-32.50%"] and cer[-1] == "0.0%"


def test_finders_scored_on_other_pages_are_refused(tmp_path, capsys, finished):
    good = run_of(tmp_path / "good", [0.9])
    other = run_of(tmp_path / "other", [0.9], digest="e" * 64)
    for second, message in ((other, "other validation pages"), (finished[1], "reads")):
        assert compare.main([str(good), str(second)]) == 2
        said = capsys.readouterr().err
        assert message in said and len(said.splitlines()) == 1


@pytest.mark.parametrize("form", ["table", "page"])
def test_a_report_shows_finders_by_their_f1_and_tiles_a_second(
    tmp_path, form, finished
):
    report = pytest.importorskip("report", reason="experiments/ is not on the path")
    runs = [run_of(tmp_path / f"r{n}", [0.9 + n / 20, 0.8]) for n in range(3)]
    if form == "table":
        text = report.table(runs, "validation")
        assert "F1 of baselines (95 %)" in text and "85.0%" in text
        assert "| epochs | tiles/s |" in text and "| 1 | 12 |" in text
    else:
        report.run([*map(str, runs), f"--out={tmp_path}/report.html"])
        text = (tmp_path / "report.html").read_text()
        assert "<b>r2</b> has the best F1 of baselines: 90.0%" in text
        assert ">tiles/s<" in text and ">12<" in text
    with pytest.raises(UserError, match="name one kind"):
        report.table([runs[0], finished[1]], "validation")
    other = run_of(tmp_path / "other", [0.9, 0.8], digest="e" * 64)
    with pytest.raises(UserError, match="were scored on other pages"):
        report.table([runs[0], other], "validation")
