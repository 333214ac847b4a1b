"""Scores of a trained network: the run's own again, and those of other lines."""

import dataclasses
import shutil

import numpy as np
import pytest

from ocr_jax import evaluate, workdirs
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.errors import UserError
from tests import fixtures, forked, trainings


def test_the_command_line_scores_what_training_logged(finished):
    _, workdir, scores = finished
    best = next(row for row in reversed(trainings.rows_of(workdir)) if row.get("best"))
    for split in ("validation", "test"):
        again = evaluate.evaluate_workdir(workdir, split)
        assert again.summary == scores[split]["summary"]
    for name, value in scores["validation"]["summary"].items():
        assert best[f"validation/{name}"] == value


def test_the_command_line_scores_the_split_and_the_lines_that_it_names(
    finished, tmp_path
):
    _, workdir, scores = finished
    other = tmp_path / "other.h5"
    lines = {"test": fixtures.draw_lines(3, 7, "other")}
    lines_writer.write_lines(other, lines, height=fixtures.HEIGHT, source="test")
    with lines_file.LinesFile(other) as file:
        theirs = file.split("test").digest
    for named, digest in (
        ([], scores["test"]["digest"]),
        ([f"--lines_file={other}"], theirs),
    ):
        evaluation = f"--workdir={workdir}", "--mode=evaluate", "--split=test"
        said, _ = forked.Main(*evaluation, *named).communicate()
        assert "test scores: " in said and digest[:8] in said


def test_lines_prepared_anew_score_as_the_network_knows_their_letters(
    finished, tmp_path
):
    config, old, scores = finished
    workdir = shutil.copytree(old, tmp_path / "run")
    with lines_file.LinesFile(config.lines_file) as file:
        splits = {name: file.split(name) for name in file.splits}
    lines = {
        name: [split.line(i) for i in range(len(split))]
        for name, split in splits.items()
    }
    lines["train"].append(lines_writer.Line(lines["train"][0].image, "AB", "new"))
    changed = config.copy_and_resolve_references()
    changed.lines_file = str(tmp_path / "anew.h5")
    lines_writer.write_lines(
        changed.lines_file, lines, height=fixtures.HEIGHT, source="test"
    )
    workdirs.write_json(workdir / "config.json", changed.to_dict())
    again = evaluate.evaluate_workdir(workdir, "validation").summary
    assert again == scores["validation"]["summary"]
    with pytest.raises(UserError, match="its train split differs: restore it, or"):
        evaluate.evaluate_workdir(workdir, "train")


def test_other_lines_are_scored_and_unknown_characters_are_errors(
    finished, tmp_path, capsys
):
    _, workdir, scores = finished
    with lines_file.LinesFile(finished[0].lines_file) as file:
        split = file.split("validation")
    lines = [split.line(index) for index in range(len(split))]
    own = tmp_path / "own.h5"
    lines_writer.write_lines(
        own, {"validation": lines}, height=fixtures.HEIGHT, source="test"
    )
    again = evaluate.evaluate_workdir(workdir, "validation", lines_file=str(own))
    cer = scores["validation"]["summary"]["cer"]
    assert again.summary["cer"] == pytest.approx(cer)

    lines[0] = dataclasses.replace(lines[0], transcript=lines[0].transcript + "éé")
    other = tmp_path / "other.h5"
    lines_writer.write_lines(
        other, {"validation": lines}, height=fixtures.HEIGHT, source="test"
    )
    again = evaluate.evaluate_workdir(workdir, "validation", lines_file=str(other))
    assert "1 of 12 lines have characters" in capsys.readouterr().out
    characters = sum(len(line.transcript) for line in lines)
    expected = (cer * (characters - 2) + 2) / characters
    assert again.summary["cer"] == pytest.approx(expected)
    assert again.impossible_lines == 1
    assert np.isfinite(again.summary["loss"])


def copied(finished, tmp_path, name):
    """(a copy of a run whose lines file has this name, its config)."""
    config, old, _ = finished
    workdir = shutil.copytree(old, tmp_path / "run")
    changed = config.copy_and_resolve_references()
    changed.lines_file = str(tmp_path / name)
    workdirs.write_json(workdir / "config.json", changed.to_dict())
    return workdir, changed


def test_a_lines_file_that_is_missing_is_to_be_named_by_the_flag_of_evaluate(
    finished, tmp_path
):
    workdir, _ = copied(finished, tmp_path, "gone.h5")
    with pytest.raises(
        UserError, match=r"gone\.h5 does not exist.* with --lines_file="
    ):
        evaluate.evaluate_workdir(workdir, "validation")


def test_lines_that_are_not_the_runs_own_are_scored_only_if_they_are_named(
    finished, tmp_path
):
    workdir, changed = copied(finished, tmp_path, "changed.h5")
    lines = {"validation": fixtures.draw_lines(5, 7, "other")}
    lines_writer.write_lines(changed.lines_file, lines, height=16, source="test")
    message = (
        r"changed\.h5 has changed .* its validation split differs: .* --lines_file"
    )
    with pytest.raises(UserError, match=message):
        evaluate.evaluate_workdir(workdir, "validation")
    evaluate.evaluate_workdir(workdir, "validation", lines_file=changed.lines_file)

    high = [
        dataclasses.replace(line, image=np.kron(line.image, np.ones((2, 2), np.uint8)))
        for line in lines["validation"]
    ]
    path = str(tmp_path / "high.h5")
    lines_writer.write_lines(path, {"validation": high}, height=32, source="test")
    message = "32 px height, .* reads lines of 16 px: .*--height=16 .* --lines_file$"
    with pytest.raises(UserError, match=message):
        evaluate.evaluate_workdir(workdir, "validation", lines_file=path)
