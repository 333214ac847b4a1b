"""Claims: a run is prolonged or overwritten when the new one begins, or not at all."""

import contextlib
import shutil
from pathlib import Path

import pytest

from ocr_jax import claims, workdirs
from ocr_jax import config as config_lib
from ocr_jax.errors import UserError
from tests import trainings


class Killed(BaseException):
    """In place of SIGKILL: nothing is cleaned up."""


def claim(workdir, *, epochs=1, seed=0, begin=True, **flags):
    config = config_lib.default_config()
    config.num_epochs, config.seed = epochs, seed
    with claims.claim(workdir, config, **flags):
        if begin:
            claims.begin(workdir, config)


def finish(workdir, **values):
    """Claim a workdir, and leave in it what a finished run has."""
    claim(workdir, **values)
    for name in ("dataset.json", "metrics.jsonl", *workdirs.OF_BEST):
        workdirs.write_json(workdir / name, {})
    for name in ("best", "latest"):
        (workdir / "checkpoints" / name).mkdir(parents=True, exist_ok=True)
        workdirs.write_json(workdir / "checkpoints" / name / "state", {})


def test_a_prolonged_run_keeps_nothing_that_was_of_the_network_so_far(tmp_path, capsys):
    finish(tmp_path)
    claim(tmp_path)
    claim(tmp_path, epochs=2, begin=False)
    assert all((tmp_path / name).exists() for name in workdirs.OF_BEST)
    assert workdirs.num_epochs(tmp_path) == 1
    claim(tmp_path, epochs=2)
    assert not any((tmp_path / name).exists() for name in workdirs.OF_BEST)
    assert workdirs.num_epochs(tmp_path) == 2
    assert f"tune_decoder --workdir={tmp_path}" in capsys.readouterr().out


def test_an_overwritten_run_leaves_nothing_but_what_the_launcher_writes(tmp_path):
    finish(tmp_path)
    (tmp_path / "log.txt").touch()
    claim(tmp_path, seed=1, overwrite=True)
    new = {"config.json", "environment.json", "changes.diff", "lock", "log.txt"}
    assert {path.name for path in tmp_path.iterdir()} <= new
    assert workdirs.load_config(tmp_path).seed == 1


@pytest.mark.parametrize("moves", range(20))
def test_a_kill_before_the_new_run_begins_loses_nothing_of_the_old(
    tmp_path, monkeypatch, moves
):
    """Killed at some move of a file, there or back, and claimed again."""
    finish(tmp_path)
    before = trainings.files_of(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(claims, "_back_if_nothing_comes", contextlib.nullcontext)
        kill_at(patch, Path, "rename", moves)
        with contextlib.suppress(Killed):
            claim(tmp_path, seed=1, overwrite=True, begin=False)
    with monkeypatch.context() as patch:
        kill_at(patch, Path, "rename", moves // 2)
        with contextlib.suppress(Killed):
            claim(tmp_path)
    claim(tmp_path)
    after = trainings.files_of(tmp_path)
    assert after.pop("environment.json") and before.pop("environment.json")
    assert after == before


def test_a_kill_while_the_old_run_is_removed_leaves_the_new_one(tmp_path, monkeypatch):
    finish(tmp_path)
    remove = shutil.rmtree

    def kill(path, **kwargs):
        if Path(path, "scores.json").exists():
            Path(path, "config.json").unlink()
            raise Killed
        remove(path, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(claims, "_back_if_nothing_comes", contextlib.nullcontext)
        patch.setattr(shutil, "rmtree", kill)
        with pytest.raises(Killed):
            claim(tmp_path, seed=1, overwrite=True)
    assert workdirs.scores(tmp_path) is None
    claim(tmp_path, seed=1)
    assert workdirs.scores(tmp_path) is None
    assert not any((tmp_path / name).exists() for name in claims.ASIDE)


def kill_at(patch, owner, name, calls):
    """Let a function do its work so many times, and be killed at the next."""
    original, left = getattr(owner, name), iter(range(calls))

    def work(*args, **kwargs):
        if next(left, None) is None:
            raise Killed
        return original(*args, **kwargs)

    patch.setattr(owner, name, work)


def test_a_run_without_its_dataset_is_damaged_and_no_new_one(tmp_path):
    finish(tmp_path)
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(UserError, match=r"damaged: it has scores\.json, but no data"):
        claim(tmp_path, seed=1)
    assert (tmp_path / "scores.json").exists()
    claim(tmp_path, seed=1, overwrite=True)
    assert workdirs.scores(tmp_path) is None


def test_a_network_that_was_exported_is_not_trained_over(tmp_path):
    (tmp_path / workdirs.WEIGHTS).touch()
    (tmp_path / "config.json").touch()
    with pytest.raises(UserError, match="a network that was exported: name another"):
        claim(tmp_path, overwrite=True)


def test_only_a_training_is_advised_to_overwrite(tmp_path):
    finish(tmp_path)
    config = config_lib.default_config()
    config.lstm_dim = 3
    with pytest.raises(UserError, match=r"name another --workdir$"):
        workdirs.refuse_other_config(tmp_path, config)
    with pytest.raises(UserError, match=r"name another --workdir or add --overwrite$"):
        claim(tmp_path, seed=3)
