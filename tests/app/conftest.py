"""A project, and a running app."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from ocr_jax.app.project import Project
from tests import fixtures

ROOT = Path(__file__).parent.parent.parent
MARKUP = "<img src=x onerror=alert(1)>"


class App:
    """An app in a process of its own."""

    def __init__(self, *arguments):
        self.folder = arguments[0]
        command = [sys.executable, "-m", "ocr_jax.app", *map(str, arguments)]
        self.process = subprocess.Popen(
            [*command, "--no_browser", "--port=0"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        line = self.process.stdout.readline()
        self.url = re.search(r"http://\S+", line).group()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


@pytest.fixture
def project(tmp_path):
    """Two pages of two lines each; the first line of the first is checked."""
    fixtures.save_pages(tmp_path / "letters", 2)
    project = Project(tmp_path / "letters")
    document = project.open(project.pages()[0])
    document.set_text(document.lines()[0].key, "été <b>")
    document.check(document.lines()[0].key)
    return project


@pytest.fixture
def start():
    """Starts apps, which end with the test."""
    pytest.importorskip("nicegui", reason="needs the extra app")
    with contextlib.ExitStack() as stack:

        def started(*arguments):
            app = App(*arguments)
            stack.callback(app.kill)
            return app

        yield started


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An app on five pages of two lines, one whose name is HTML, and a TIFF of two."""
    pytest.importorskip("nicegui", reason="needs the extra app")
    folder = tmp_path_factory.mktemp("app") / "letters"
    fixtures.save_pages(folder, 5)
    Image.fromarray(fixtures.draw_page()).save(folder / f"{MARKUP}.png")
    pages = [Image.fromarray(fixtures.draw_page()) for _ in range(2)]
    pages[0].save(folder / "two.tif", save_all=True, append_images=pages[1:])
    app = App(folder)
    yield app
    app.kill()
