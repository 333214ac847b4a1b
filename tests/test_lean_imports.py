"""What is heavy is imported only where it is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import fixtures

ROOT = Path(__file__).parent.parent
HEAVY = (
    "tensorflow",
    "tensorflow_datasets",
    "wandb",
    "optuna",
    "plotly",
    "fontTools",
    "fontpkg",
    "wonderwords",
    "safetensors",
    "bidi",
)
# Runs a module in which importing one of these packages raises. They still count as
# installed: a command may ask whether they are there.
BLOCKED = """
import importlib.machinery, runpy, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        raise AssertionError(f"{spec.name} was imported")
    def exec_module(self, module):
        pass
_, blocked, absent, module, *arguments = sys.argv
sys.modules |= dict.fromkeys(absent.split())
blocked = blocked.split()
sys.meta_path.insert(0, Blocker())
sys.argv = [module, *arguments]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def run_blocked(packages, *command, absent=""):
    arguments = " ".join(packages), absent, *map(str, command)
    result = subprocess.run(
        [sys.executable, "-c", BLOCKED, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """An image of a line, dark on white, as a file."""
    from PIL import Image

    path = tmp_path_factory.mktemp("page") / "line.png"
    Image.fromarray(255 - fixtures.draw_line("abc")).save(path)
    return path


def test_a_training_imports_nothing_heavy(tmp_path, tiny_config):
    """Its pictures take matplotlib, and that fontTools: without it there are none."""
    tiny_config.num_epochs = 1
    config, workdir = tmp_path / "config.py", tmp_path / "run"
    fixtures.write_config(config, tiny_config)
    command = "ocr_jax.main", f"--config={config}", f"--workdir={workdir}"
    run_blocked(HEAVY, *command, absent="matplotlib")
    assert (workdir / "scores.json").exists()


def test_reading_scoring_and_comparing_import_nothing_heavy(finished, page):
    _, workdir, _ = finished
    packages = *HEAVY, "matplotlib"
    evaluate = "ocr_jax.main", "--mode=evaluate", f"--workdir={workdir}"
    assert "validation scores" in run_blocked(packages, *evaluate)
    assert run_blocked(packages, "ocr_jax.predict", f"--workdir={workdir}", page)
    assert "A =" in run_blocked(packages, "ocr_jax.compare", workdir, workdir)


def test_the_network_that_ships_reads_without_what_only_training_needs(page):
    assert run_blocked((*HEAVY[:-2], "optax", "orbax"), "ocr_jax.predict", page)


def test_the_blocker_blocks():
    with pytest.raises(AssertionError, match="json was imported"):
        run_blocked(["json"], "ocr_jax.compare", "--help")
