"""Trainings that the app starts: they outlive it, stop, go on, and are measured."""

import errno
import fcntl
import functools
import json
import os
import subprocess
import sys

import pytest

from ocr_jax import config as config_lib
from ocr_jax import config_keys, workdirs
from ocr_jax.app import checked_lines, processes
from ocr_jax.app.project import Project
from ocr_jax.app.training import Trainings
from ocr_jax.errors import UserError
from tests import fixtures
from tests.app import browsing

# Logs an epoch, and at the second start the last one; ends at SIGINT.
FAKE = """
import json, os, pathlib, signal, sys
workdir = pathlib.Path(sys.argv[-1].partition("=")[2])
workdir.mkdir(exist_ok=True)
log = workdir / "metrics.jsonl"
epoch = log.read_text().count("epoch") + 1 if log.exists() else 1
row = {"epoch": epoch, "validation/cer": 0.5 / epoch, "train/seconds": 60}
with open(log, "a") as file:
    file.write(json.dumps(row) + "\\n" + '{"step": ')
    file.flush()
    if epoch == 1:
        assert "GLIBC_TUNABLES" in os.environ or sys.platform != "linux"
        print("epoch 1/9 trained", flush=True)
        signal.pause()
(workdir / "scores.json").write_text("{}")
"""


wait = functools.partial(browsing.wait, seconds=20)


@pytest.fixture
def project(tmp_path):
    """Two pages, all checked."""
    fixtures.save_pages(tmp_path / "letters", 2)
    project = Project(tmp_path / "letters")
    for page in project.pages():
        project.open(page).check_all()
    return project


@pytest.fixture
def network(tmp_path):
    """The workdir of a network that is never loaded."""
    config = fixtures.make_tiny_config(tmp_path / "lines.h5")
    (tmp_path / "network").mkdir()
    workdirs.write_json(tmp_path / "network" / "config.json", config.to_dict())
    workdirs.write_json(tmp_path / "network" / "dataset.json", {"height": 16})
    return str(tmp_path / "network")


@pytest.fixture
def fake(monkeypatch):
    """Has trainings only seem to train."""
    real = processes.python

    def python(module, *arguments):
        if module == "ocr_jax.app.train_job":
            return [sys.executable, "-c", FAKE, *arguments]
        return real(module, *arguments)

    monkeypatch.setattr(processes, "python", python)


def test_a_training_is_watched_stopped_and_resumed(project, network, fake):
    trainings = Trainings(project)
    name = trainings.start(network, 2)
    wait(lambda: trainings.status(name).cers)
    status = trainings.status(name)
    assert status[:5] == ("run1", "running", 1, 2, [0.5])
    assert status.minutes_left == 1 and status.said == "epoch 1/9 trained"
    with pytest.raises(UserError, match="run1 is running"):
        trainings.start(network, 2)
    # Another app, as after a kill -9 of the first, sees and stops it.
    other = Trainings(Project(project.folder))
    assert other.status(name).state == "running"
    other.stop(name)
    wait(lambda: trainings.status(name).state == "stopped")
    assert other.status(name).state == "stopped"
    trainings.resume(name)
    wait(lambda: trainings.status(name).state == "finished")
    assert trainings.names() == ["run1"]
    with pytest.raises(UserError, match="not stopped"):
        trainings.resume(name)


def test_of_two_windows_only_one_starts_a_training(project, network, fake, monkeypatch):
    trainings, theirs = Trainings(project), Trainings(Project(project.folder))
    make, meanwhile = checked_lines.make, []

    def slow(*arguments):
        for other in (trainings, theirs):  # another window, and another app
            with pytest.raises(UserError, match="being started"):
                other.start(network, 2)
        meanwhile.append(trainings.names())
        return make(*arguments)

    monkeypatch.setattr(checked_lines, "make", slow)
    name = trainings.start(network, 2)
    assert meanwhile == [[]] and trainings.names() == [name]
    wait(lambda: trainings.status(name).cers)
    trainings.stop(name)
    wait(lambda: trainings.status(name).state == "stopped")
    monkeypatch.setattr(checked_lines, "make", make)
    other = trainings.start(network, 2)
    with pytest.raises(UserError, match="run2 is running"):
        trainings.resume(name)
    wait(lambda: trainings.status(other).cers)
    trainings.stop(other)
    wait(lambda: trainings.status(other).state == "stopped")


def test_without_file_locks_two_windows_of_an_app_start_one_training(
    project, network, fake, monkeypatch
):
    def refused(*_):  # as NFS answers for a folder
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    trainings, make = Trainings(project), checked_lines.make

    def slow(*arguments):
        with pytest.raises(UserError, match="being started"):
            trainings.start(network, 2)
        return make(*arguments)

    for kind in ("flock", "lockf"):
        monkeypatch.setattr(fcntl, kind, refused)
    monkeypatch.setattr(checked_lines, "make", slow)
    name = trainings.start(network, 2)
    wait(lambda: trainings.status(name).cers)
    trainings.stop(name)
    wait(lambda: trainings.status(name).state == "stopped")
    assert trainings.names() == [name]
    trainings.resume(name)
    wait(lambda: trainings.status(name).state == "finished")


def test_the_command_has_the_shape_of_the_network(project, network, fake):
    trainings = Trainings(project)
    name = trainings.start(network, 7)
    job = json.loads((trainings.folder / f"{name}.job.json").read_text())
    command = trainings.command(name, job)
    options = [part for part in command if part.startswith("--config")]
    config = config_lib.load(options)
    assert (config.name, config.num_epochs, config.init_from) == (
        *("lines_ctc", 7),
        network,
    )
    theirs = config_lib.flatten(workdirs.load_config(network))
    ours = config_lib.flatten(config)
    assert all(ours[key] == theirs[key] for key in config_keys.ARCHITECTURE)
    assert "--gpus=auto" in command  # a slot, as experiments/launch.py has it
    assert (trainings.folder / "run1.h5").exists()
    os.kill(job["pid"], 9)
    wait(lambda: trainings.status(name).state == "stopped")


def test_a_folder_does_not_say_what_is_run(project, network, tmp_path):
    trainings = Trainings(project)
    trainings.folder.mkdir()
    job = {"command": ["touch", str(tmp_path / "run")], "network": network, "pid": 0}
    workdirs.write_json(trainings.folder / "<b>.job.json", job)
    assert trainings.status("<b>").state == "stopped"
    with pytest.raises(UserError, match="does not say how to train"):
        trainings.resume("<b>")
    assert not (tmp_path / "run").exists()


def test_a_training_may_choose_its_number_of_epochs(project, network, fake):
    trainings = Trainings(project)
    name = trainings.start(network, 0)
    wait(lambda: trainings.status(name).said)
    assert trainings.status(name).epochs == 9
    trainings.stop(name)
    wait(lambda: trainings.status(name).state == "stopped")


def test_what_can_not_be_trained_is_told(project, network, tmp_path):
    trainings = Trainings(project)
    for name in ("run1", "../letters/run1"):
        with pytest.raises(UserError, match="no such training"):
            trainings.status(name)
    with pytest.raises(UserError):
        trainings.start(str(tmp_path / "none"), 2)
    for page in project.pages():
        document = project.open(page)
        for line in document.lines():
            document.check(line.key, False)
    with pytest.raises(UserError, match="no line is checked"):
        trainings.start(network, 2)
    assert trainings.names() == []


def test_nothing_is_imported_from_the_folder_of_a_project(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    command = processes.python("ocr_jax.prepare", "--help")
    done = subprocess.run(
        command, cwd=tmp_path, env=processes.environment(), capture_output=True
    )
    assert done.returncode == 0


def test_a_number_that_another_process_has_is_not_ours():
    assert not processes.is_running(os.getpid(), "--workdir=/nowhere")
