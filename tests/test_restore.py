"""A run's code comes back: its commit, its changes, and the command that trains it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ocr_jax import claims, restore, workdirs
from ocr_jax import config as config_lib
from tests import fixtures

FILES = {
    "ocr_jax/__init__.py": "",
    "ocr_jax/main.py": "import sys\nprint('first code', *sys.argv[1:])\n",
    "configs/mine.py": "# the config\n",
}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A checkout with code that prints its arguments; it is where the user is."""
    folder = fixtures.make_checkout(tmp_path / "code", FILES)
    for module in (workdirs, restore):
        monkeypatch.setattr(module, "__file__", str(folder / "ocr_jax/main.py"))
    monkeypatch.chdir(folder)
    return folder


def train(monkeypatch, *arguments, program="/somewhere/ocr_jax/main.py", **values):
    """The workdir of a run that was started by this command."""
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    config = config_lib.default_config()
    config.update({"lines_file": "", **values})
    with claims.claim(Path("runs/mine"), config):
        return Path("runs/mine")


def commit_other_code(repository):
    (repository / "ocr_jax/main.py").write_text("print('later code')\n")
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *who, "commit", "-qam", "later"], check=True)


def printed(capsys):
    """The command between the lines of the output, and what stderr says."""
    out, err = capsys.readouterr()
    [command] = [line for line in out.splitlines() if line.startswith("    ")]
    return command.strip(), err


def run(command, tmp_path):
    """What a command prints in a user's shell."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    path = f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-c", command],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()


def test_the_printed_command_runs_the_code_of_the_run(
    repository, tmp_path, monkeypatch, capsys
):
    train(monkeypatch, "--config=configs/mine.py", "--config.seed", "3", "--overwrite")
    commit_other_code(repository)
    assert restore.main(["runs/mine"]) == 0
    command, err = printed(capsys)
    assert err == ""
    said = run(command, tmp_path)
    assert said == "first code --config=configs/mine.py --config.seed=3"


def test_uncommitted_changes_and_a_new_config_come_back(
    repository, tmp_path, monkeypatch, capsys
):
    (repository / "ocr_jax/main.py").write_text("print('changed code')\n")
    (repository / "configs/new.py").write_text("# a new config\n")
    train(monkeypatch, "--config=configs/new.py", "--workdir=runs/mine")
    commit_other_code(repository)
    (repository / "configs/new.py").unlink()
    assert restore.main(["runs/mine", f"--out={tmp_path}/old code"]) == 0
    command, _ = printed(capsys)
    assert "--config=configs/new.py" in command and "--workdir" not in command
    assert (tmp_path / "old code/configs/new.py").read_text() == "# a new config\n"
    assert run(command, tmp_path) == "changed code"


def test_relative_files_of_the_run_are_found_from_the_worktree(
    repository, monkeypatch, capsys
):
    train(monkeypatch, "--config=configs/mine.py", lines_file="data/a.h5")
    assert restore.main(["runs/mine"]) == 0
    command, err = printed(capsys)
    assert f"--config.lines_file={repository}/data/a.h5" in command
    assert f"its lines file {repository}/data/a.h5 is not here" in err


def test_a_prolonged_run_is_trained_for_all_its_epochs(repository, monkeypatch, capsys):
    workdir = train(monkeypatch, "--config=configs/mine.py")
    workdirs.write_json(workdir / "dataset.json", {})
    config = workdirs.load_config(workdir)
    config.num_epochs = 500
    with claims.claim(workdir, config):
        claims.begin(workdir, config)
    capsys.readouterr()
    assert restore.main(["runs/mine"]) == 0
    command, err = printed(capsys)
    assert command.endswith("--config.num_epochs=500")
    assert "prolonged to 500 epochs: the command trains them in one go, at other" in err


@pytest.mark.parametrize(
    ("program", "arguments"),
    [("notebook", ()), ("/x/ocr_jax/main.py", ("--config=/gone/config.py",))],
)
def test_a_config_that_is_not_in_git_is_written_from_the_runs_own(
    repository, monkeypatch, capsys, program, arguments
):
    lines = str(repository / "lines.h5")
    train(
        monkeypatch, *arguments, program=program, lines_file=lines, name='it\'s "mine"'
    )
    assert restore.main(["runs/mine"]) == 0
    command, _ = printed(capsys)
    assert command.endswith("--config=restored_config.py")
    loaded = config_lib.load(["--config=restored/mine/restored_config.py"])
    assert loaded == workdirs.load_config(Path("runs/mine"))


def test_what_was_too_large_to_record_is_told(repository, monkeypatch, capsys):
    (repository / "table.py").write_bytes(b"x" * (1 << 21))
    train(monkeypatch, "--config=configs/mine.py")
    assert restore.main(["runs/mine"]) == 2
    _, err = printed(capsys)
    assert "not brought back: the changes of table.py: too large" in err


def test_changes_that_do_not_apply_are_told(repository, monkeypatch, capsys):
    workdir = train(monkeypatch, "--config=configs/mine.py")
    (workdir / "changes.diff").write_text("cut o")
    assert restore.main(["runs/mine"]) == 2
    _, err = printed(capsys)
    assert "not brought back: the changes in runs/mine/changes.diff: error:" in err


def test_other_versions_are_told(repository, monkeypatch, capsys):
    workdir = train(monkeypatch, "--config=configs/mine.py")
    record = json.loads((workdir / "environment.json").read_text())
    record["versions"]["jax"] = "0.1"
    workdirs.write_json(workdir / "environment.json", record)
    assert restore.main(["runs/mine"]) == 0
    assert "trained with jax 0.1; here it is" in printed(capsys)[1]


def forget_commit(repository, workdir):
    workdirs.write_json(workdir / "environment.json", {"commit": ""})


def rewrite_commit(repository, workdir):
    workdirs.write_json(workdir / "environment.json", {"commit": "0" * 40})


def forget_environment(repository, workdir):
    (workdir / "environment.json").unlink()


def be_an_ensemble(repository, workdir):
    workdirs.write_json(workdir / "config.json", {"ensemble_size": 2})


def take_the_place(repository, workdir):
    Path("restored/mine").mkdir(parents=True)


def install_without_git(repository, workdir):
    shutil.rmtree(repository / ".git")


@pytest.mark.parametrize(
    ("mishap", "message"),
    [
        (forget_commit, "runs/mine records no commit: its code was in no git checkout"),
        (rewrite_commit, "trained at commit 000000000000, which "),
        (forget_environment, "runs/mine has no environment.json"),
        (be_an_ensemble, "runs/mine is an ensemble"),
        (take_the_place, "restored/mine exists already: name another folder"),
        (install_without_git, "this ocr_jax is in no git checkout: clone"),
    ],
)
def test_what_stands_in_the_way_is_one_line(
    repository, monkeypatch, capsys, mishap, message
):
    mishap(repository, train(monkeypatch, "--config=configs/mine.py"))
    assert restore.main(["runs/mine"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
