"""`ocr-jax COMMAND`: the modules' own commands under one name, and quick to start."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import ocr_jax
from ocr_jax import cli, recognizer

ROOT = Path(__file__).parent.parent


def run(*arguments, code=("-m", "ocr_jax"), **options):
    return subprocess.run(
        [sys.executable, *code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        **options,
    )


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_each_command_on_a_line(arguments):
    result = run(*arguments)
    assert result.returncode == 0, result.stderr
    for name, command in cli.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.help)}$", result.stdout, re.M)
        assert importlib.util.find_spec(f"ocr_jax.{command.module}")


def test_help_and_the_import_of_the_package_load_nothing_heavy():
    code = (
        "import sys; sys.argv = ['ocr-jax', '--help']\n"
        "import ocr_jax; from ocr_jax import cli; cli.main()\n"
        "heavy = {'jax', 'numpy', 'absl', 'ml_collections', 'cv2', 'rich', 'h5py'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    result = run(code=("-c", code))
    assert result.returncode == 0, result.stderr


def test_version():
    assert run("--version").stdout == f"ocr_jax {ocr_jax.__version__}\n"


def test_an_unknown_command_names_the_nearest():
    result = run("trian")
    assert result.returncode == 2
    [said] = result.stderr.splitlines()
    assert "no command 'trian'. Did you mean train?" in said


@pytest.mark.parametrize(("name", "command"), cli.COMMANDS.items())
def test_each_command_runs_its_module_with_the_arguments(name, command, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ocr-jax", name, "a", "--b=c"])
    ran = []
    monkeypatch.setattr(runpy, "run_module", lambda module, **_: ran.append(module))
    assert cli.main() == 0
    assert ran == [f"ocr_jax.{command.module}"]
    assert sys.argv[1:] == [*command.arguments, "a", "--b=c"]


@pytest.mark.parametrize("name", ["train", "compare"])
def test_a_command_shows_its_own_help(name):
    result = run(name, "--help")
    assert result.returncode == 0, result.stderr
    module = (ROOT / "ocr_jax" / f"{cli.COMMANDS[name].module}.py").read_text()
    assert module.split('"""')[1].splitlines()[0] in result.stdout


@pytest.mark.slow
def test_arguments_reach_the_command_and_its_exit_code_comes_back(tmp_path):
    result = run("evaluate", f"--workdir={tmp_path}")
    assert result.returncode == 2
    assert f"{tmp_path} is not a workdir of a training" in result.stderr
    result = run("train", "--config=quickstart", "--config.lstm_dmi=3")
    assert result.returncode == 2 and "config.lstm_dim" in result.stderr


@pytest.mark.slow
def test_lines_are_prepared_by_several_processes(tmp_path):
    out = tmp_path / "lines.h5"
    options = "--lines=4", "--validation_lines=1", "--test_lines=1", "--workers=2"
    result = run("prepare", "fonts", f"--out={out}", *options)
    assert result.returncode == 0, result.stderr
    assert out.exists()


@pytest.mark.slow
def test_the_recogniser_is_a_name_of_the_package_that_is_imported_when_used():
    code = (
        "import sys, ocr_jax\nassert 'jax' not in sys.modules\n"
        "from ocr_jax import Recognizer, Reading\nassert 'jax' in sys.modules"
    )
    result = run(code=("-c", code))
    assert result.returncode == 0, result.stderr
    assert ocr_jax.Recognizer is recognizer.Recognizer
    assert ocr_jax.Reading is recognizer.Reading
    assert {"Recognizer", "Reading"} <= set(dir(ocr_jax))
    with pytest.raises(AttributeError, match="no attribute 'Recogniser'"):
        getattr(ocr_jax, "Recogni" + "ser")
