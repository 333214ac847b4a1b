"""`prepare show` of pages: their lines are drawn, true ones and found ones."""

import shutil

import numpy as np
import pytest
from PIL import Image

from ocr_jax import prepare
from ocr_jax.data.pages_file import Line
from ocr_jax.pages import finder
from tests import fixtures


class OneLine:
    """A finder that sees one line."""

    def find_at_size(self, image):
        return [Line(np.array([[100.0, 900.0], [700.0, 900.0]]), 30.0, 10.0)]


@pytest.fixture
def show(tmp_path, monkeypatch, capsys):
    """A function: shows what is named; returns colours, what was said and code."""
    fixtures.save_pages(tmp_path / "in", 2)
    options = f"--source={tmp_path}/in", f"--out={tmp_path}/pages.h5", "--split=100,0,0"
    assert fixtures.run_prepare("whole_pages", *options) == 0
    monkeypatch.setattr(finder, "load", lambda name: OneLine())
    monkeypatch.chdir(tmp_path)

    def shown(*arguments):
        capsys.readouterr()
        code = prepare.main(["show", *arguments, "--out=sheet.png"])
        said = "".join(capsys.readouterr())
        if code:
            return None, said, code
        sheet = np.asarray(Image.open("sheet.png")).astype(int)
        red = (sheet[..., 0] - sheet[..., 1] > 60).sum()
        green = (sheet[..., 1] - sheet[..., 0] > 60).sum()
        return (red, green), said, code

    return shown


def test_true_lines_of_a_pages_file_are_green_and_found_ones_red(show):
    (red, green), said, _ = show("pages.h5")
    assert green > 1000 and red == 0 and "2 of 2 train pages" in said
    (red, green), said, _ = show("pages.h5", "--finder=any", "--count=1")
    assert green > 1000 and red > 500 and "1 of 2 train pages" in said


def test_of_images_the_found_lines_are_drawn(show, tmp_path):
    (tmp_path / "in/torn.png").write_bytes(b"no")
    (red, green), said, _ = show("in")
    assert red > 500 and green == 0
    assert "2 of 3 pages" in said and "torn: " in said
    (red, _), _, _ = show("in/page0.png")
    assert red > 500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pages.h5", "--split=test"), "has no test pages"),
        (("pages.h5", "--augment"), "--augment is for lines files"),
        (("in", "--split=test"), "--split is for lines and pages files"),
        (("missing.png",), "missing.png does not exist"),
    ],
)
def test_mistakes_are_one_line(show, arguments, message):
    _, said, code = show(*arguments)
    assert code == 2 and message in said and len(said.splitlines()) == 1


@pytest.mark.parametrize("named", ["sheet.png", "."])
def test_a_sheet_does_not_replace_the_page_that_it_draws(show, tmp_path, named):
    scan = shutil.copy(tmp_path / "in/page0.png", tmp_path / "sheet.png")
    before = scan.read_bytes()
    _, said, code = show(named)
    assert code == 2 and "--out=sheet.png is a page to draw: name another" in said
    assert scan.read_bytes() == before
