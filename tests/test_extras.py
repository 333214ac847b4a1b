"""Without an optional package: one line that says how to install it, exit code 2."""

import importlib.metadata
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from ocr_jax import extras
from ocr_jax.errors import UserError
from ocr_jax.scoring import report
from tests import fixtures

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Runs a script, or -m and a module, as if the packages were not installed.
WITHOUT = """
import runpy, sys
sys.modules |= dict.fromkeys(sys.argv[1].split(","))
_, _, *sys.argv = sys.argv
if sys.argv[0] == "-m":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    sys.path.insert(0, sys.argv[0].rpartition("/")[0])
    runpy.run_path(sys.argv[0], run_name="__main__")
"""
PREPARE = ("-m", "ocr_jax.prepare")
SYNTHETIC = ",".join(name for name, e in extras.EXTRAS.items() if e == "synthetic")


def run_without(packages, *command, **options):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, packages, *map(str, command)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        **options,
    )


@pytest.mark.parametrize(
    ("packages", "extra", "command"),
    [
        ("fontTools", "synthetic", (*PREPARE, "fonts", "--out=x.h5")),
        ("fontpkg", "synthetic", (*PREPARE, "emnist", "--source=fonts", "--out=x.h5")),
        ("wonderwords", "synthetic", (*PREPARE, "emnist_lines", "--out=x.h5")),
        ("tensorflow", "tf", (*PREPARE, "emnist", "--out=x.h5")),
        ("ray", "ray", ("launch.py", "sample.yaml", "--executor=ray")),
        ("optuna", "sweeps", ("sweep.py", "sweeps/lines_bayes.yaml", "--dry_run")),
        ("plotly", "report", ("report.py", "runs/a", "--out=report.html")),
        ("nicegui", "app", ("-m", "ocr_jax.app", "pages")),
    ],
)
def test_a_command_names_the_extra_that_it_lacks(packages, extra, command, tmp_path):
    if command[0].endswith(".py"):
        paths = [ROOT / "experiments" / part for part in command[:2]]
        command = (*paths, *command[2:])
    result = run_without(packages, *command, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    [said] = result.stderr.strip().splitlines()
    assert f"needs {packages}" in said
    assert f"pip install 'ocr_jax[{extra}]'" in said
    assert not list(tmp_path.iterdir())


def distributions_of(requirements):
    """Names of all that pip installs for some requirements on this machine."""
    names, seen = set(), set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        marker, name = requirement.marker, canonicalize_name(requirement.name)
        key = name, frozenset(requirement.extras)
        if key in seen or (marker and not marker.evaluate({"extra": extra})):
            continue
        seen.add(key)
        names.add(name)
        for text in importlib.metadata.requires(name) or ():
            waiting += [(Requirement(text), e) for e in ("", *requirement.extras)]
    return names


def modules_beside_the_base():
    """Top-level modules that are installed here, but not for `pip install ocr_jax`."""
    base = distributions_of(PROJECT["dependencies"]) | {"ocr-jax"}
    return [
        module
        for module, names in importlib.metadata.packages_distributions().items()
        if base.isdisjoint(map(canonicalize_name, names))
    ]


@pytest.mark.slow
def test_the_base_prepares_lines_trains_reads_and_exports(tmp_path, tiny_lines):
    """With its dependencies alone: only the pictures are missing."""
    beside = modules_beside_the_base()
    assert set(extras.EXTRAS) <= set(beside)
    config, tiny_config = tmp_path / "config.py", fixtures.make_tiny_config(tiny_lines)
    tiny_config.num_epochs = 1
    fixtures.write_config(config, tiny_config)
    workdir, sheet, page = (tmp_path / name for name in ("run", "sheet.png", "p.png"))
    Image.fromarray(fixtures.draw_page()).save(page)
    run = f"--workdir={workdir}"
    commands = [
        ("-m", "ocr_jax.main", f"--config={config}", run),
        (*PREPARE, "show", tiny_lines, f"--out={sheet}"),
        ("-m", "ocr_jax.predict", run, sheet),
        ("-m", "ocr_jax.predict", "--decoder=beam", sheet),
        ("-m", "ocr_jax.transcribe", page, f"--out={tmp_path / 'texts'}"),
        ("-m", "ocr_jax.tune_decoder", run),
        ("-m", "ocr_jax.main", run, "--mode=evaluate"),
        ("-m", "ocr_jax.export", run, f"--out={tmp_path / 'exported'}"),
    ]
    trained, *others = (run_without(",".join(beside), *c) for c in commands)
    for result in (trained, *others):
        assert result.returncode == 0, (result.args, result.stderr)
    assert trained.stdout.count("pip install 'ocr_jax[report]'") == 1
    assert (workdir / "scores.json").exists()
    assert not list(workdir.glob("*.png"))
    assert sheet.exists()


@pytest.mark.slow
def test_help_of_every_script_needs_no_optional_package():
    every = ",".join(extras.EXTRAS)
    for script in ("launch.py", "sweep.py", "report.py"):
        result = run_without(every, ROOT / "experiments" / script, "--help")
        assert result.returncode == 0, result.stderr


def test_a_package_that_is_no_extra_is_an_error_of_ours(monkeypatch):
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        extras.load("no_such_package")


def test_a_lazy_module_is_imported_at_first_use(monkeypatch):
    module = extras.Lazy("optuna.trial")
    monkeypatch.setitem(sys.modules, "optuna.trial", None)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r"needs optuna.*ocr_jax\[sweeps\]"):
        print(module.Trial)


def test_that_pictures_are_missing_is_said_once(capsys):
    report._say_no_pictures.cache_clear()
    report._say_no_pictures()
    report._say_no_pictures()
    assert len(capsys.readouterr().out.splitlines()) == 1
