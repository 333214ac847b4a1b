"""The table of runs: what differs, and what came of it."""

import importlib.util
import pathlib

import pytest

from ocr_jax import train
from ocr_jax.errors import UserError
from tests import conftest

PATH = pathlib.Path(__file__).parents[1] / "experiments" / "report.py"
SPEC = importlib.util.spec_from_file_location("report", PATH)
report = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(report)


def test_a_row_has_the_differences_and_the_scores(finished, tmp_path, tiny_lines):
    _, base, scores = finished
    config = conftest.make_tiny_config(tiny_lines)
    config.num_epochs, config.lstm_dim, config.name = 2, 8, "other"
    train.train_and_evaluate(config, tmp_path / "narrow")
    header, _, first, second = report.table([base, tmp_path / "narrow"], "test").split(
        "\n"
    )
    assert header.split(" | ")[1] == "what differs"
    first, second = (row.strip("| ").split(" | ") for row in (first, second))
    assert first[0] == "finished" and not first[1].strip()
    assert first[2].startswith(f"{scores['test']['summary']['cer']:.1%} (")
    assert second[:2] == ["narrow", "lstm_dim=8, num_epochs=2"]
    assert second[3] == "2"
    assert int(second[5].replace(",", "")) < int(first[5].replace(",", ""))


def test_an_unfinished_run_is_named(tmp_path, finished, capsys):
    _, base, _ = finished
    (tmp_path / "half").mkdir()
    (tmp_path / "half/config.json").write_text((base / "config.json").read_text())
    assert report.main([str(base), str(tmp_path / "half")]) == 2
    assert "half is not finished" in capsys.readouterr().err
    with pytest.raises(UserError, match="no scores of 'train'"):
        report.table([base], "train")
