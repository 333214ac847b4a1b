"""Trainings that end early: they go on, and end as if they had not."""

import time

import numpy as np
import pytest

from ocr_jax import train, workdirs
from ocr_jax.errors import UserError
from tests import fixtures, forked, trainings


@pytest.fixture(scope="module")
def random_run(tiny_lines, tmp_path_factory):
    """(config, workdir) of a run to its end, with all that is drawn at random."""
    config = fixtures.make_tiny_config(tiny_lines)
    config.dropout, config.num_buckets, config.lstm_layers = 0.3, 2, 1
    config.augment.probability = 0.5
    config.augment.noise = 0.05
    workdir = tmp_path_factory.mktemp("runs") / "random"
    train.train_and_evaluate(config, workdir)
    return config, workdir


@pytest.mark.parametrize("stop_after", [3, 5, 7])
def test_an_interrupted_run_ends_bit_identical(tmp_path, random_run, stop_after):
    """Five batches an epoch: stopped within one, at its end, and after a checkpoint."""
    (config, whole), broken = random_run, tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt, match="checkpoint written"):
        trainings.train_until(stop_after, config, broken)
    train.train_and_evaluate(config, broken)
    (expected, _), (resumed, progress) = (
        trainings.latest_state(workdir, config) for workdir in (whole, broken)
    )
    assert progress["epoch"] == config.num_epochs
    for one, other in zip(expected, resumed, strict=True):
        np.testing.assert_array_equal(one, other)
    epochs = [
        [r for r in trainings.rows_of(w) if "epoch" in r] for w in (whole, broken)
    ]
    assert epochs[0] == epochs[1]


def test_an_interrupted_run_of_several_steps_a_dispatch_ends_bit_identical(
    tmp_path, tiny_config
):
    tiny_config.num_buckets = 2
    tiny_config.steps_per_dispatch, tiny_config.log_every_steps = 2, 3
    scores = train.train_and_evaluate(tiny_config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt, match="checkpoint written"):
        trainings.train_until(3, tiny_config, tmp_path / "broken")
    assert scores == train.train_and_evaluate(tiny_config, tmp_path / "broken")
    expected, resumed = (
        trainings.latest_state(tmp_path / name, tiny_config)[0]
        for name in ("whole", "broken")
    )
    for one, other in zip(expected, resumed, strict=True):
        np.testing.assert_array_equal(one, other)
    steps_logged = [row["step"] for row in trainings.rows_of(tmp_path / "whole")]
    assert max(steps_logged) == 6 * tiny_config.num_epochs


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_to_the_same_end(tmp_path, tiny_config):
    tiny_config.num_epochs = 6
    train.train_and_evaluate(tiny_config, tmp_path / "whole")
    path, workdir = tmp_path / "config.py", tmp_path / "killed"
    fixtures.write_config(path, tiny_config)
    command = f"--config={path}", f"--workdir={workdir}"
    generator = np.random.default_rng(0)
    for _ in range(3):
        process = forked.Main(*command)
        while not (workdir / "metrics.jsonl").exists() and process.poll() is None:
            time.sleep(0.05)
        time.sleep(generator.uniform(0.5, 3))
        process.kill()
    process = forked.Main(*command)
    _, said = process.communicate()
    assert process.returncode == 0, said
    expected, resumed = (
        trainings.latest_state(tmp_path / name, tiny_config)[0]
        for name in ("whole", "killed")
    )
    for one, other in zip(expected, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("was_finished", [True, False])
def test_more_epochs_prolong_a_run(tmp_path, tiny_config, was_finished, capsys):
    """At a constant rate, to the very run that had them from the start."""
    tiny_config.schedule, tiny_config.early_stop_patience = "constant", 0
    tiny_config.warmup_steps = 1  # so few that neither length cuts it
    tiny_config.num_epochs = 4
    whole = train.train_and_evaluate(tiny_config, tmp_path / "whole")
    tiny_config.num_epochs = 2
    train.train_and_evaluate(tiny_config, tmp_path / "run")
    if not was_finished:
        (tmp_path / "run" / "scores.json").unlink()
    tiny_config.num_epochs = 4
    assert train.train_and_evaluate(tiny_config, tmp_path / "run") == whole
    said = capsys.readouterr().out
    assert "prolonged from 2 to 4 epochs" in said and "the constant schedule" in said
    assert workdirs.load_config(tmp_path / "run").num_epochs == 4
    losses = [
        [
            row["train/loss"]
            for row in trainings.rows_of(tmp_path / name)
            if "epoch" in row
        ]
        for name in ("whole", "run")
    ]
    assert losses[0] == losses[1]
    tiny_config.num_epochs = 3
    with pytest.raises(UserError, match="num_epochs: 4 → 3"):
        train.train_and_evaluate(tiny_config, tmp_path / "run")
