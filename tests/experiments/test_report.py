"""The table of runs: what differs, and what came of it."""

import pytest
import report
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_jax import train, workdirs
from ocr_jax.errors import UserError
from ocr_jax.scoring import metrics
from tests import fixtures

# No line break of old Macs: charsets have none, and csv does not quote it.
characters = st.characters(codec="utf-8", exclude_characters="\r")
text = st.text(characters | st.sampled_from('\t"\n'), max_size=6)


def test_a_row_has_the_differences_and_the_scores(finished, tmp_path, tiny_lines):
    _, base, scores = finished
    config = fixtures.make_tiny_config(tiny_lines)
    config.num_epochs, config.lstm_layers, config.name = 2, 0, "other"
    train.train_and_evaluate(config, tmp_path / "plain")
    table = report.table([base, tmp_path / "plain"], "test")
    header, _, first, second = table.split("\n")
    assert header.split(" | ")[1] == "what differs"
    first, second = (row.strip("| ").split(" | ") for row in (first, second))
    assert first[0] == "finished" and not first[1].strip()
    assert first[2].startswith(f"{scores['test']['summary']['cer']:.1%} (")
    assert second[:2] == ["plain", "lstm_layers=0, num_epochs=2"]
    assert second[3] == "2"
    assert int(second[5].replace(",", "")) < int(first[5].replace(",", ""))


def test_an_unfinished_run_is_refused_by_name(tmp_path, finished, capsys):
    _, base, _ = finished
    (tmp_path / "half").mkdir()
    (tmp_path / "half/config.json").write_text((base / "config.json").read_text())
    assert report.main([str(base), str(tmp_path / "half")]) == 2
    assert "half is not finished" in capsys.readouterr().err
    with pytest.raises(UserError, match="no scores of 'train'"):
        report.table([base], "train")


def test_a_finished_run_keeps_the_readings_behind_its_scores(finished):
    _, workdir, scores = finished
    for split in ("validation", "test"):
        lines = workdirs.scored_lines(workdir, split)
        _, writers, transcripts, readings = zip(*lines, strict=True)
        counts = metrics.count(transcripts, readings)
        summary = scores[split]["summary"]
        assert metrics.summary(counts)["cer"] == pytest.approx(summary["cer"])
        assert set(writers) == {"w0", "w1", "w2"}
    assert workdirs.scored_lines(workdir, "train") is None


@settings(max_examples=30)
@given(cells=st.lists(st.tuples(*[text] * 4), max_size=4))
def test_scored_lines_survive_a_round_trip(tmp_path_factory, cells):
    folder = tmp_path_factory.mktemp("run")
    lines = [workdirs.ScoredLine(*cell) for cell in cells]
    workdirs.write_scored_lines(folder, "test", lines)
    assert workdirs.scored_lines(folder, "test") == sorted(lines)


def test_a_broken_file_of_readings_is_named(tmp_path):
    for content in ("", "line_id\ttext\n", "line_id\twriter\ttranscript\treading\na\n"):
        (tmp_path / "readings_test.tsv").write_text(content)
        with pytest.raises(UserError, match=r"readings_test.tsv can't be read"):
            workdirs.scored_lines(tmp_path, "test")
