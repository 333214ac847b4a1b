"""Of a training that goes on from another network, a mean of both may be kept."""

import subprocess
import sys
import types

import jax
import numpy as np
import pytest

from ocr_jax import between, train, train_state, trained
from ocr_jax.progress import Validated
from tests import fixtures


def state_at(value):
    """A state of one weight."""
    weights = {"params": {"w": np.float32(value)}, "batch_stats": {}}
    return train_state.TrainState(step=7, opt_state=(), average={}, **weights)


def run_with_best_at(best):
    """A run whose error is how far the weight is from `best`."""

    def validate(state, tracker):
        error = abs(float(state.params["w"]) - best)
        return Validated(error, {"cer": error}, lambda: None)

    return types.SimpleNamespace(
        config=types.SimpleNamespace(init_from="runs/first"),
        task=types.SimpleNamespace(validate=validate),
        tracker=types.SimpleNamespace(message=print),
    )


@pytest.mark.parametrize(
    ("best", "kept"), [(1.0, 1.0), (0.8, 0.7), (0.45, 0.5), (0.1, 0.35)]
)
def test_it_goes_back_for_as_long_as_that_helps(best, kept):
    run, start, end = run_with_best_at(best), state_at(0.0), state_at(1.0)
    share, state, validated = between.best_share(
        run, start, end, run.task.validate(end, None)
    )
    assert share == kept
    assert float(state.params["w"]) == pytest.approx(kept)
    assert validated.error == pytest.approx(abs(kept - best))
    assert int(state.step) == 7


def test_what_did_not_start_from_the_other_network_stays():
    end = state_at(1.0)
    state = between.mean(state_at(np.nan), end, 0.35)
    assert float(state.params["w"]) == 1.0


@pytest.mark.slow
def test_a_step_too_far_is_taken_back(finished, tmp_path, monkeypatch, capsys):
    """A learning rate that ruins a network: what is kept lies near the start."""
    _, pretrained, _ = finished
    config = fixtures.make_tiny_config(finished[0].lines_file)
    config.init_from, config.num_epochs = str(pretrained), 1
    config.learning_rate, config.ema_decay = 1.0, 0.0
    monkeypatch.setattr(between, "SHARES", (1e-3,))
    scores = train.train_and_evaluate(config, tmp_path / "run")
    said = capsys.readouterr().out
    assert "0% of the way from" in said
    paths = pretrained, tmp_path / "run"
    first, kept = (trained.load_best(path).state.params for path in paths)
    for before, after in zip(*map(jax.tree.leaves, (first, kept)), strict=True):
        np.testing.assert_allclose(after, before, atol=0.02)
    bias = [params["head"]["bias"] for params in (first, kept)]
    assert np.any(bias[0] != bias[1])
    assert scores["validation"]["summary"]["cer"] < 0.5
    script = "experiments/studies/between.py"
    command = [sys.executable, script, str(tmp_path / "run"), "0", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    _, _, before, after = done.stdout.splitlines()
    start = finished[2]["validation"]["summary"]["cer"]
    assert before.startswith(f"| 0% | {start:.2%} |")
    assert (
        after.startswith("| 100% |") and before.split("|")[2:] != after.split("|")[2:]
    )


@pytest.mark.slow
def test_the_study_refuses_a_run_from_nothing(finished):
    command = [sys.executable, "experiments/studies/between.py", finished[1], "0.5"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "started from nothing: expected a config.init_from" in done.stderr
