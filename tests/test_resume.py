"""Trainings that end early: they go on, and end as if they had not."""

import itertools
import shutil
import time

import numpy as np
import pytest

from ocr_jax import checkpoints, line_training, optimizers, train, trained, workdirs
from ocr_jax.errors import UserError
from tests import fixtures, forked, trainings


def assert_same_end(config, whole, broken):
    """The latest checkpoints of two workdirs are equal, bit by bit."""
    (expected, _), (resumed, progress) = (
        trainings.latest_state(workdir, config) for workdir in (whole, broken)
    )
    assert progress["epoch"] == config.num_epochs
    trainings.assert_same_tree(expected, resumed)


def epochs_of(workdir):
    return [row for row in trainings.rows_of(workdir) if "epoch" in row]


def test_an_interrupted_run_ends_bit_identical(tmp_path, tiny_config):
    """With all that is drawn at random, and five batches an epoch.

    It is stopped within an epoch, at its end, and after a checkpoint.
    """
    tiny_config.dropout, tiny_config.num_epochs = 0.3, 2
    tiny_config.augment.probability = 0.5
    tiny_config.augment.noise = 0.05
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train.train_and_evaluate(tiny_config, whole)
    for more in (3, 2, 2):
        with pytest.raises(KeyboardInterrupt, match="checkpoint written"):
            trainings.train_until(more, tiny_config, broken)
    train.train_and_evaluate(tiny_config, broken)
    assert_same_end(tiny_config, whole, broken)
    assert epochs_of(whole) == epochs_of(broken)


def test_an_interrupted_run_of_several_steps_a_dispatch_ends_bit_identical(
    tmp_path, tiny_config
):
    tiny_config.num_epochs = 2
    tiny_config.steps_per_dispatch, tiny_config.log_every_steps = 2, 3
    scores = train.train_and_evaluate(tiny_config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt, match="checkpoint written"):
        trainings.train_until(3, tiny_config, tmp_path / "broken")
    assert scores == train.train_and_evaluate(tiny_config, tmp_path / "broken")
    assert_same_end(tiny_config, tmp_path / "whole", tmp_path / "broken")
    steps_logged = [row["step"] for row in trainings.rows_of(tmp_path / "whole")]
    assert max(steps_logged) == 5 * tiny_config.num_epochs


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_to_the_same_end(tmp_path, tiny_config):
    tiny_config.num_epochs = 20
    train.train_and_evaluate(tiny_config, tmp_path / "whole")
    path, workdir = tmp_path / "config.py", tmp_path / "killed"
    fixtures.write_config(path, tiny_config)
    command = f"--config={path}", f"--workdir={workdir}"
    generator, step = np.random.default_rng(0), 0
    for _ in range(2):
        process = forked.Main(*command)
        while checkpoints.last_step(workdir, checkpoints.LATEST) in (None, step):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(generator.uniform(0, 0.3))
        process.kill()
        process.communicate()
        step = checkpoints.last_step(workdir, checkpoints.LATEST)
        assert workdirs.scores(workdir) is None
    process = forked.Main(*command)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert_same_end(tiny_config, tmp_path / "whole", tmp_path / "killed")


def test_a_long_epoch_is_saved_on_the_way(tmp_path, tiny_config, monkeypatch):
    tiny_config.num_epochs, tiny_config.log_every_steps = 1, 2
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train.train_and_evaluate(tiny_config, whole)
    monkeypatch.setattr(train, "SAVE_SECONDS", 0)
    monkeypatch.setattr(train, "_end_epoch", lambda *_: 1 / 0)  # a kill before that
    with pytest.raises(ZeroDivisionError):
        train.train_and_evaluate(tiny_config, killed)
    monkeypatch.undo()
    _, progress = trainings.latest_state(killed, tiny_config)
    assert (progress["epoch"], progress["batch"]) == (0, 4)
    train.train_and_evaluate(tiny_config, killed)
    assert_same_end(tiny_config, whole, killed)
    assert epochs_of(whole) == epochs_of(killed)


def test_the_end_of_an_epoch_is_saved_however_often_its_batches_are(
    tmp_path, tiny_config, monkeypatch
):
    monkeypatch.setattr(train, "SAVE_SECONDS", 0)
    tiny_config.num_epochs, tiny_config.log_every_steps = 1, 1
    train.train_and_evaluate(tiny_config, tmp_path)
    _, progress = trainings.latest_state(tmp_path, tiny_config)
    assert (progress["epoch"], progress["batch"]) == (1, 0)


def rate_epochs(monkeypatch, error):
    """Have each epoch's network rated by `error(network)` in place of its CER."""
    validate = line_training.LineTraining.validate
    monkeypatch.setattr(
        line_training.LineTraining,
        "validate",
        lambda task, reader, *more: validate(task, reader, *more)._replace(
            error=error(reader)
        ),
    )


@pytest.mark.parametrize("saved_before", range(4))
def test_a_kill_at_any_of_its_checkpoints_costs_nothing_but_time(
    tmp_path, tiny_config, monkeypatch, saved_before
):
    """Of two epochs, each of which is the best so far and saves two checkpoints."""

    class Killed(BaseException):
        pass

    rate_epochs(monkeypatch, lambda reader: 1 / int(reader.step))
    tiny_config.num_epochs = 2
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    scores = train.train_and_evaluate(tiny_config, whole)
    save, count = checkpoints.Checkpoints.save, itertools.count()

    def save_some(*arguments):
        if next(count) == saved_before:
            raise Killed
        save(*arguments)

    monkeypatch.setattr(checkpoints.Checkpoints, "save", save_some)
    with pytest.raises(Killed):
        train.train_and_evaluate(tiny_config, killed)
    monkeypatch.setattr(checkpoints.Checkpoints, "save", save)
    assert train.train_and_evaluate(tiny_config, killed) == scores
    assert_same_end(tiny_config, whole, killed)
    trainings.assert_same_tree(
        *(trained.load_best(workdir).state for workdir in (whole, killed))
    )


def test_the_network_of_the_lowest_error_is_kept_also_after_an_interruption(
    tmp_path, tiny_config, monkeypatch
):
    errors = iter([0.5, 0.2, 0.4, 0.3])
    rate_epochs(monkeypatch, lambda _: next(errors))
    tiny_config.num_epochs = 4
    with pytest.raises(KeyboardInterrupt):
        trainings.train_until(12, tiny_config, tmp_path)  # in the third epoch
    assert train.train_and_evaluate(tiny_config, tmp_path)["epoch"] == 2
    best = [row["epoch"] for row in epochs_of(tmp_path) if row["best"]]
    assert best == [1, 2]


@pytest.mark.parametrize("is_finished", [True, False])
def test_a_run_without_its_latest_checkpoint_is_not_trained_from_random_weights(
    finished, tmp_path, is_finished
):
    config, workdir = finished[0].copy_and_resolve_references(), tmp_path / "run"
    shutil.copytree(finished[1], workdir)
    shutil.rmtree(workdir / "checkpoints" / checkpoints.LATEST)
    if not is_finished:
        (workdir / "scores.json").unlink()
    before = trainings.files_of(workdir)
    config.num_epochs += is_finished
    with pytest.raises(UserError, match=r"run has no latest checkpoint .*init_from="):
        train.train_and_evaluate(config, workdir)
    assert trainings.files_of(workdir) == before


def test_a_finished_run_without_its_latest_checkpoint_is_trained_anew_at_most(
    finished, tmp_path, capsys
):
    workdir = shutil.copytree(finished[1], tmp_path / "run")
    shutil.rmtree(workdir / "checkpoints" / checkpoints.LATEST)
    train.train_and_evaluate(finished[0], workdir)
    said = capsys.readouterr().out
    assert said == f"{workdir} is finished: --overwrite trains it anew.\n"


def test_more_epochs_prolong_a_run(tmp_path, tiny_config, capsys):
    """At a constant rate, to the very run that had them from the start."""
    tiny_config.schedule, tiny_config.early_stop_patience = "constant", 0
    tiny_config.warmup_steps = 1  # so few that neither length cuts it
    tiny_config.num_epochs = 4
    whole = train.train_and_evaluate(tiny_config, tmp_path / "whole")
    tiny_config.num_epochs = 2
    train.train_and_evaluate(tiny_config, tmp_path / "finished")
    shutil.copytree(tmp_path / "finished", tmp_path / "not finished")
    (tmp_path / "not finished" / "scores.json").unlink()
    for name in ("finished", "not finished"):
        tiny_config.num_epochs = 4
        capsys.readouterr()
        assert train.train_and_evaluate(tiny_config, tmp_path / name) == whole
        said = capsys.readouterr().out
        assert "prolonged from 2 to 4 epochs" in said
        assert "the constant schedule" in said
        assert workdirs.load_config(tmp_path / name).num_epochs == 4
        losses = [
            [row["train/loss"] for row in epochs_of(tmp_path / run)]
            for run in ("whole", name)
        ]
        assert losses[0] == losses[1]
        tiny_config.num_epochs = 3
        with pytest.raises(UserError, match="num_epochs: 4 → 3"):
            train.train_and_evaluate(tiny_config, tmp_path / name)


def test_epochs_that_the_lines_gave_a_run_are_as_good_as_its_configs(
    tmp_path, tiny_config, monkeypatch, capsys
):
    monkeypatch.setattr(optimizers, "TRAINING", (80, 2))  # two epochs
    tiny_config.num_epochs = 0
    workdir = tmp_path / "my run"
    scores = train.train_and_evaluate(tiny_config, workdir)
    assert f"--workdir='{workdir}' IMAGE" in capsys.readouterr().out
    tiny_config.num_epochs = 1
    with pytest.raises(UserError, match="num_epochs: 2 → 1"):
        train.train_and_evaluate(tiny_config, workdir)
    for same in (0, 2):
        tiny_config.num_epochs = same
        assert train.train_and_evaluate(tiny_config, workdir) == scores
        further = f"--workdir='{workdir}' --config.num_epochs=N trains it further, with"
        assert f"{further} N above 2; --overwrite" in capsys.readouterr().out
    tiny_config.num_epochs = 3
    train.train_and_evaluate(tiny_config, workdir)
    assert "prolonged from 2 to 3 epochs" in capsys.readouterr().out
    assert [row["epoch"] for row in epochs_of(workdir)] == [1, 2, 3]
