"""The notebooks run from top to bottom, on tiny data."""

import json
import pathlib

import matplotlib.pyplot as plt
import pytest

from ocr_jax.data import lines_writer
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


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_top_to_bottom(name, tiny_data):
    cells = json.loads((FOLDER / name).read_text())["cells"]
    plt.switch_backend("Agg")
    names = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            code = compile("".join(cell["source"]), f"{name}, cell {number}", "exec")
            exec(code, names)
    assert plt.get_fignums()
    plt.close("all")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_small(name):
    assert (FOLDER / name).stat().st_size < 1_000_000
    for cell in json.loads((FOLDER / name).read_text())["cells"]:
        for output in cell.get("outputs", []):
            assert len(json.dumps(output)) < 200_000


def test_there_are_notebooks_for_every_kind_of_data():
    assert len(NOTEBOOKS) == 4
