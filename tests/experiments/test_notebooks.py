"""The notebooks run from top to bottom, on tiny data."""

import json
import os
import pathlib

import matplotlib.pyplot as plt
import pytest

from ocr_jax.data import lines_writer
from ocr_jax.errors import UserError
from tests import fixtures

FOLDER = pathlib.Path(__file__).parents[2] / "experiments" / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))


@pytest.fixture
def tiny_data(tmp_path, tiny_lines, finished, monkeypatch):
    """What the notebooks look at, named as their users would name it."""
    _, workdir, _ = finished
    characters = tmp_path / "characters.h5"
    splits = {"train": fixtures.draw_characters(24, 0)}
    lines_writer.write_lines(characters, splits, height=28, source="drawn")
    monkeypatch.setenv("CHARACTERS_FILE", str(characters))
    monkeypatch.setenv("LINES_FILE", str(tiny_lines))
    monkeypatch.setenv("WORKDIR", str(workdir))


def run(name):
    cells = json.loads((FOLDER / name).read_text())["cells"]
    plt.switch_backend("Agg")
    names = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            code = compile("".join(cell["source"]), f"{name}, cell {number}", "exec")
            exec(code, names)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_top_to_bottom(name, tiny_data):
    run(name)
    assert plt.get_fignums()
    plt.close("all")


@pytest.mark.parametrize("workdir", ["", "runs/unfinished"])
def test_without_a_finished_run_one_sentence_says_what_to_do(
    workdir, tmp_path, monkeypatch
):
    (tmp_path / "experiments" / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "experiments" / "notebooks")
    monkeypatch.setenv("WORKDIR", workdir)
    where = f"../../{workdir or 'runs'}"
    with pytest.raises(SystemExit, match=f"no finished run in {where}: train one, as"):
        run("look_at_a_run.ipynb")


def test_a_run_may_be_named_as_where_trainings_are_started(
    tiny_data, tmp_path, monkeypatch
):
    (tmp_path / "experiments" / "notebooks").mkdir(parents=True)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(os.environ["WORKDIR"])
    monkeypatch.chdir(tmp_path / "experiments" / "notebooks")
    monkeypatch.setenv("WORKDIR", "runs/mine")
    run("look_at_a_run.ipynb")
    plt.close("all")


def test_a_finder_of_lines_is_not_taken_for_the_newest_run(
    tiny_data, tmp_path, monkeypatch
):
    (tmp_path / "experiments" / "notebooks").mkdir(parents=True)
    (tmp_path / "runs" / "finder").mkdir(parents=True)
    (tmp_path / "runs" / "finder" / "scores.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "experiments" / "notebooks")
    monkeypatch.delenv("WORKDIR")
    with pytest.raises(SystemExit, match="no finished run"):
        run("look_at_a_run.ipynb")


def test_a_run_of_one_validation_line_can_be_looked_at(
    tiny_data, tmp_path, monkeypatch
):
    [line] = fixtures.draw_lines(1, seed=0, prefix="only")
    splits = {"train": [line], "validation": [line]}
    lines_writer.write_lines(
        tmp_path / "one.h5", splits, height=fixtures.HEIGHT, source="drawn"
    )
    monkeypatch.setenv("LINES_FILE", str(tmp_path / "one.h5"))
    run("look_at_a_run.ipynb")
    plt.close("all")


@pytest.mark.parametrize("name", ["look_at_lines.ipynb", "look_at_characters.ipynb"])
def test_without_a_lines_file_one_sentence_says_what_makes_it(
    name, tmp_path, monkeypatch
):
    (tmp_path / "experiments" / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "experiments" / "notebooks")
    with pytest.raises(UserError, match="does not exist: make it with"):
        run(name)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_small(name):
    assert (FOLDER / name).stat().st_size < 1_000_000
    for cell in json.loads((FOLDER / name).read_text())["cells"]:
        for output in cell.get("outputs", []):
            assert len(json.dumps(output)) < 200_000


def test_there_are_notebooks_for_every_kind_of_data():
    assert len(NOTEBOOKS) == 4
