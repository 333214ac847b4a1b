"""A running app."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


class App:
    """An app in a process of its own."""

    def __init__(self, *arguments):
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
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def start():
    """Starts apps, which end with the test."""
    pytest.importorskip("nicegui", reason="needs the extra app")
    apps = []

    def started(*arguments):
        apps.append(App(*arguments))
        return apps[-1]

    yield started
    for app in apps:
        if app.process.poll() is None:
            app.kill()
