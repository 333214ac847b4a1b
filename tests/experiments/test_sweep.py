"""Sweeps: trials as jobs, a search that goes on where it was left."""

import itertools
import json
import re
import shlex
from pathlib import Path

import optuna
import pytest
import report
import sweep
import yaml
from launching import job_status, local_executor
from sweeping import sweep_file, sweep_search

from ocr_jax import config as config_lib
from ocr_jax import workdirs
from tests.experiments.fake_trainings import trials_train_in

COMMAND = ["python", "-m", "ocr_jax.main", "--config=a.py", "${args}"]


@pytest.fixture(autouse=True)
def fake_trainings(tmp_path, monkeypatch):
    """Trials train for three epochs, in an instant, in a folder of their own."""
    return trials_train_in(tmp_path, monkeypatch)


def write(**changes):
    content = {
        "name": "mine",
        "method": "grid",
        "metric": {"name": "validation/cer"},
        "parameters": {"config.dropout": {"values": [0.1, 0.25, 0.4]}},
        "command": COMMAND,
    }
    Path("mine.yaml").write_text(yaml.safe_dump(content | changes))


def run(*arguments):
    return sweep.main(["mine.yaml", "--gpus=none", "--slots=2", *arguments])


def trials():
    return sorted(path.name for path in Path("runs/sweeps/mine").glob("trial_*"))


def status_of(trial):
    return json.loads((Path("runs/sweeps/mine") / trial / "status.json").read_text())


def open_study():
    folder = Path("runs/sweeps/mine")
    folder.mkdir(parents=True, exist_ok=True)
    storage = f"sqlite:///{folder.absolute()}/study.db"
    return sweep_search.open_study(sweep_file.read("mine.yaml"), folder, storage)


def test_a_grid_runs_each_point_once_and_prints_the_best(capsys):
    write()
    assert run() == 0
    assert trials() == ["trial_0000", "trial_0001", "trial_0002"]
    output = capsys.readouterr().out
    assert "3 finished" in output
    assert "runs/sweeps/mine/trial_0001 0.25 --workdir=DIR" in output
    assert run() == 0
    assert trials() == ["trial_0000", "trial_0001", "trial_0002"]


@pytest.mark.filterwarnings("error:The reported value is ignored")
def test_an_interrupted_sweep_resumes_its_trials(monkeypatch):
    write()
    study = open_study()
    found, folder = sweep_file.read("mine.yaml"), Path("runs/sweeps/mine")
    search = sweep_search.Search(study, found, folder, local_executor.Watcher())
    begun = next(search.propose(None, seed=0))
    assert begun.name == "trial_0000"
    search.report(begun, {1: 0.5})
    assert run() == 0
    # Who began it hears of it, too, where both run at the same time.
    search.changed(begun, job_status.read(begun.workdir))
    study = open_study()
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
    assert sorted(trial.value for trial in study.trials) == pytest.approx(
        [0.05 + 1 / 3, 0.1 + 1 / 3, 0.2 + 1 / 3]
    )


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_the_cap_of_a_search_includes_trials_of_earlier_runs(method):
    parameters = {"config.dropout": {"min": 0.0, "max": 0.6}}
    write(method=method, parameters=parameters, run_cap=5)
    assert run("--trials=3") == 0
    assert len(trials()) == 3
    assert run() == 0
    assert len(trials()) == 5
    # What was drawn at the first time is not drawn again.
    assert len({status_of(name)["command"][-2] for name in trials()}) == 5


def test_a_sweep_continues_after_a_failed_trial():
    write(parameters={"config.dropout": {"values": [0.9, 0.2]}})
    assert run() == 1
    assert status_of("trial_0001")["state"] == "finished"


def test_a_failed_grid_point_is_retried_at_each_start(capsys):
    write(parameters={"config.dropout": {"values": [0.9, 0.2]}})
    assert [run(), run()] == [1, 1]
    Path("mended").touch()
    assert run() == 0
    assert "1 finished" in capsys.readouterr().out
    assert run() == 0
    assert "no job was started" in capsys.readouterr().out
    assert trials() == ["trial_0000", "trial_0001"]
    assert status_of("trial_0000")["state"] == "finished"


def test_a_failed_trial_still_counts_when_the_search_is_run_again():
    write(method="random", parameters={"config.dropout": {"value": 0.9}})
    assert [run("--trials=1"), run("--trials=1")] == [1, 1]
    assert trials() == ["trial_0000"]


@pytest.mark.parametrize(
    ("changes", "options", "cap"),
    [
        ({}, ["--trials=2"], "--trials"),
        ({"run_cap": 2}, [], "run_cap in the file"),
        ({"run_cap": 3}, ["--trials=2"], "--trials"),
    ],
)
def test_failed_trials_at_the_cap_of_a_search_say_what_tries_more(
    changes, options, cap, capsys
):
    parameters = {"config.dropout": {"value": 0.9}}
    write(method="random", parameters=parameters, **changes)
    assert run(*options) == 1
    Path("mended").touch()
    capsys.readouterr()
    assert run(*options) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "of the 2 trials, 2 failed, and are not tried" in said[0]
    assert said[0].endswith(f"try more with a larger {cap}")
    write(method="random", parameters=parameters)
    run("--trials=3")
    assert status_of("trial_0002")["state"] == "finished"


@pytest.fixture
def one_ctrl_c(monkeypatch):
    """Ctrl-C while the first job runs: no other is started."""
    real = local_executor.Local.run

    def run_one(self, found, watcher):
        return real(self, itertools.islice(found, 1), watcher)

    monkeypatch.setattr(local_executor.Local, "run", run_one)


def test_a_sweep_interrupted_before_its_last_trial_exits_with_130(one_ctrl_c):
    write()
    assert [run("--trials=2"), run("--trials=2")] == [130, 0]


def test_a_sweep_exits_with_130_while_resumed_trials_are_unfinished(one_ctrl_c):
    write()
    study = open_study()
    for _ in range(3):
        study.ask()
    assert [run(), run(), run()] == [130, 130, 0]


@pytest.mark.parametrize("drawn_earlier", [False, True])
def test_a_trial_that_its_config_refuses_has_failed(drawn_earlier, capsys):
    # Of the seed's first three draws the second is too large.
    write(method="random", parameters={"config.dropout": {"min": 0.0, "max": 1.1}})
    assert run("--trials=1") == 0
    if drawn_earlier:
        sweep_search.draw(sweep_file.read("mine.yaml"), open_study().ask(), seed=0)
    assert [run("--trials=3"), run("--trials=3")] == [1, 1]
    assert trials() == ["trial_0000", "trial_0002"]
    output = capsys.readouterr().out
    assert "failed     trial_0001  config.dropout is 1.0" in output
    states = [trial.state.name for trial in open_study().trials]
    assert states == ["COMPLETE", "FAIL", "COMPLETE"]


def test_an_unlimited_search_gives_up_when_every_trial_fails(fake_trainings, capsys):
    fake_trainings.epochs = 1
    write(method="random", parameters={"config.dropout": {"value": 0.9}})
    assert run() == 2
    assert "the last 10 trials failed" in capsys.readouterr().err
    assert len(trials()) in (10, 11)


def test_an_unlimited_search_gives_up_when_the_config_refuses_every_trial():
    write(method="random", parameters={"config.dropout": {"value": 2.0}})
    found, folder = sweep_file.read("mine.yaml"), Path("runs/sweeps/mine")
    search = sweep_search.Search(open_study(), found, folder, local_executor.Watcher())
    assert list(search.propose(None, seed=0)) == []
    assert "trials failed" in search.problem and trials() == []


def test_a_trial_rejected_by_the_pruner_is_stopped(fake_trainings, monkeypatch, capsys):
    fake_trainings.epochs = 100
    pruner = optuna.pruners.ThresholdPruner(upper=0.3, n_warmup_steps=3)
    monkeypatch.setattr(sweep_search, "make_pruner", lambda _: pruner)
    write(
        parameters={"config.dropout": {"values": [0.3, 0.7]}},
        early_terminate={"type": "hyperband", "min_iter": 2},
    )
    assert run() == 0
    assert [status_of(n)["state"] for n in trials()] == ["finished", "pruned"]
    # The command that was printed shows both, side by side.
    [shown] = re.findall(r"report\.py (.+)", capsys.readouterr().out)
    for name in trials():  # what a real training would have left
        defaults = config_lib.default_config().to_dict()
        workdirs.write_json(Path("runs/sweeps/mine", name, "config.json"), defaults)
    assert report.main(shlex.split(shown)) == 0
    assert re.findall(r"\((\w+)\)", capsys.readouterr().out)[-1] == "pruned"


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": {"config.dropout": {"values": [0.5]}}},
        {"early_terminate": {"type": "hyperband", "min_iter": 2}},
        {"command": [*COMMAND[:-1], "--config.lines_file=b.h5", "${args}"]},
    ],
)
def test_a_folder_of_another_search_is_refused(changes, capsys):
    write()
    run()
    write(**changes)
    assert run() == 2
    assert "a search of other parameters" in capsys.readouterr().err


def test_an_invalid_grid_point_is_reported_before_any_job_starts(capsys):
    write(parameters={"config.dropout": {"values": [0.1, 2.0]}})
    assert run() == 2
    assert "config.dropout is 2.0" in capsys.readouterr().err
    assert trials() == []


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_a_refused_sweep_leaves_no_files(method, capsys):
    write(method=method, parameters={"config.dropuot": {"values": [0.1, 0.2]}})
    assert run("--trials=2") == 2
    assert "dropuot" in capsys.readouterr().err
    assert not Path("runs").exists()
    write(method=method)
    assert run("--trials=2") == 0


def test_a_metric_that_was_not_logged_ends_the_sweep(capsys):
    write(metric={"name": "validation/top3", "goal": "maximize"})
    assert run("--slots=1") == 2
    said = "no metric 'validation/top3' in runs/sweeps/mine/trial_0000: expected one of"
    assert said in capsys.readouterr().err
    assert len(trials()) == 1


def test_a_metric_that_no_training_logs_is_refused_before_any_trial(capsys):
    write(metric={"name": "cer"})
    assert run() == 2
    assert "no metric 'cer': expected one of validation/cer" in capsys.readouterr().err
    assert not Path("runs").exists()


@pytest.mark.parametrize("folder", ["a.py", "a.py/inside", "/proc/inside"])
def test_a_folder_that_cannot_be_made_is_reported_in_one_line(folder, capsys):
    write()
    assert run(f"--workdir={folder}") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"ocr_jax: {folder} can't be written to: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("option", ["--seed=-1", "--trials=0"])
def test_an_invalid_number_is_reported_in_one_line(option, capsys):
    write()
    assert run(option) == 2
    assert "--seed must be 0 or more, --trials 1 or more" in capsys.readouterr().err


def test_an_invalid_storage_is_reported_in_one_line(capsys):
    write()
    assert run("--storage=nowhere://x") == 2
    assert "nowhere://x: Can't load plugin" in capsys.readouterr().err


def test_an_old_name_of_a_key_is_refused_with_the_new_one(capsys):
    write(parameters={"config.average": {"values": [0.9, 0.99]}})
    assert run() == 2
    assert "config.average is now config.ema_decay" in capsys.readouterr().err
