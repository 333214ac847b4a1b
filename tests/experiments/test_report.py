"""The table of runs: what differs, and what came of it."""

import json
import os
import shutil

import pytest
import report
from hypothesis import given, settings
from hypothesis import strategies as st
from launching import job_status

from ocr_jax import reading_tables, train, workdirs
from ocr_jax.errors import UserError
from ocr_jax.scoring import metrics
from tests import fixtures

# No line break of old Macs: charsets have none, and csv does not quote it.
characters = st.characters(codec="utf-8", exclude_characters="\r")
text = st.text(characters | st.sampled_from('\t"\n'), max_size=6)


def test_a_row_has_the_differences_and_the_scores(finished, tmp_path):
    config, base, scores = finished
    other = shutil.copytree(base, tmp_path / "plain")
    changed = config.copy_and_resolve_references()
    changed.num_epochs, changed.lstm_layers, changed.name = 2, 1, "other"
    workdirs.write_json(other / "config.json", changed.to_dict())
    larger = scores | {"parameters": scores["parameters"] + 1}
    workdirs.write_json(other / "scores.json", larger)
    rows = (other / "metrics.jsonl").read_text().splitlines(keepends=True)
    of_two = [row for row in rows if json.loads(row).get("epoch", 1) <= 2]
    (other / "metrics.jsonl").write_text("".join(of_two))
    table = report.table([base, tmp_path / "plain"], "test")
    header, _, first, second = table.split("\n")
    assert header.split(" | ")[1] == "what differs"
    first, second = (row.strip("| ").split(" | ") for row in (first, second))
    assert first[0] == "finished" and not first[1].strip()
    assert first[2].startswith(f"{scores['test']['summary']['cer']:.1%} (")
    assert second[:2] == ["plain", "lstm_layers=1, num_epochs=2"]
    assert second[3] == "2"
    assert int(second[5].replace(",", "")) > int(first[5].replace(",", ""))


def test_a_run_that_did_not_finish_has_its_last_epoch_and_its_state(tmp_path):
    paths = [
        fixtures.make_run(tmp_path / "whole"),
        fixtures.make_unfinished(tmp_path / "half", epochs=2),
        fixtures.make_unfinished(tmp_path / "none", epochs=0),
        fixtures.make_unfinished(tmp_path / "poor"),
    ]
    workdirs.write_json(
        paths[3] / "status.json", {"name": "poor", "command": [], "state": "pruned"}
    )
    _, _, *rows = report.table(paths, "validation").split("\n")
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    assert [row[0] for row in cells] == ["whole", "half", "none", "poor"]
    assert cells[0][2] == "0.0% (0.0% – 0.0%)"
    assert cells[1][2:] == ["31.2% (unfinished)", "2", "15", "–"]
    assert cells[2][2:4] == ["– (unfinished)", "0"]
    assert cells[3][2] == "20.8% (pruned)"
    with pytest.raises(UserError, match="no scores of 'train'"):
        report.table(paths, "train")


def test_a_job_whose_launcher_died_is_not_called_running(tmp_path, capsys):
    run = fixtures.make_unfinished(tmp_path / "run")
    status = {"name": "run", "command": [], "state": "running"}
    workdirs.write_json(run / "status.json", status)
    lock = job_status.lock_workdir(run)
    assert report.main([str(run)]) == 0
    assert "(running)" in capsys.readouterr().out
    os.close(lock)
    assert report.main([str(run)]) == 0
    assert "(interrupted)" in capsys.readouterr().out


def test_a_run_is_shown_once_however_often_it_is_named(tmp_path, capsys):
    run = fixtures.make_run(tmp_path / "group/run")
    (tmp_path / "links").mkdir()
    (tmp_path / "links/link").symlink_to(run)
    assert report.main([str(run), str(tmp_path / "links"), f"{run}/../run"]) == 0
    assert capsys.readouterr().out.count("\n| run |") == 1


def test_a_folder_of_runs_stands_for_all_of_them(tmp_path, capsys):
    names = ["alone", "group/a", "group/b", "sweeps/lstm/trial_0000"]
    for name in names:
        fixtures.make_run(tmp_path / name)
    failed = tmp_path / "sweeps/lstm/trial_0001"  # before it began to train
    failed.mkdir()
    (failed / "log.txt").write_text("no such key")
    (tmp_path / "notes.txt").write_text("mine")
    assert report.main(list(map(str, sorted(tmp_path.iterdir())))) == 0
    output = capsys.readouterr()
    rows = output.out.strip().split("\n")[2:]
    shown = [row.split("|")[1].strip() for row in rows[:4]]
    assert shown == ["alone", "a", "b", "trial_0000"]
    assert output.err == f"left out, since they hold no run: {tmp_path}/notes.txt\n"
    assert report.main([str(tmp_path / "group"), str(failed)]) == 0
    assert "trial_0001" in capsys.readouterr().err
    assert report.main([str(failed)]) == 2
    assert "no run in" in capsys.readouterr().err
    assert report.main([str(tmp_path / "typo")]) == 2
    assert "typo does not exist" in capsys.readouterr().err


def test_a_finished_run_keeps_the_readings_behind_its_scores(finished):
    _, workdir, scores = finished
    for split in ("validation", "test"):
        lines = reading_tables.scored_lines(workdir, split)
        _, writers, transcripts, readings = zip(*lines, strict=True)
        counts = metrics.count(transcripts, readings)
        summary = scores[split]["summary"]
        assert metrics.summary(counts)["cer"] == pytest.approx(summary["cer"])
        assert set(writers) == {"w0", "w1", "w2"}
    assert reading_tables.scored_lines(workdir, "train") is None


@settings(max_examples=30)
@given(cells=st.lists(st.tuples(*[text] * 4), min_size=1, max_size=4))
def test_scored_lines_survive_a_round_trip(tmp_path_factory, cells):
    folder = tmp_path_factory.mktemp("run")
    lines = [reading_tables.ScoredLine(*cell) for cell in cells]
    reading_tables.write_scored_lines(folder, "test", lines)
    assert reading_tables.scored_lines(folder, "test") == sorted(lines)


COLUMNS = "line_id\twriter\ttranscript\treading\n"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("line_id\ttext\n", r"can't be read: its columns are \['line_id', 'text'\]"),
        ("", "has no lines, or is cut: delete scores.json"),
        (COLUMNS, "has no lines, or is cut"),
        (f"{COLUMNS}a\tw\tla\tla\nb\tw", "has no lines, or is cut"),
        (f"{COLUMNS}a\tw\tla\tla\n", "has no lines, or is cut"),
    ],
)
def test_a_broken_file_of_readings_is_named(tmp_path, content, what):
    (tmp_path / "readings_test.tsv").write_text(content)
    with pytest.raises(UserError, match=f"readings_test.tsv {what}"):
        reading_tables.scored_lines(tmp_path, "test", {"lines": 2})


def test_a_finished_run_gets_its_readings_back_as_that_says(finished, tmp_path):
    config, workdir, scores = finished
    run = shutil.copytree(workdir, tmp_path / "run")
    table = run / "readings_validation.tsv"
    whole = table.read_bytes()
    table.write_bytes(b"")
    (run / "scores.json").unlink()
    assert train.train_and_evaluate(config, run) == scores
    assert table.read_bytes() == whole
