"""A running app, and a browser to use it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FLAGS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
    *("disable-background-networking", "disable-component-update", "disable-sync"),
    *("disable-dev-shm-usage", "window-size=1300,900"),
)


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium that logs its console and its network."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    pytest.importorskip("nicegui", reason="needs the extra app")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver (Debian: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(f"--{flag}")
    logged = {"browser": "ALL", "performance": "ALL"}
    options.set_capability("goog:loggingPrefs", logged)
    service = webdriver.ChromeService(executable_path=driver)
    chrome = webdriver.Chrome(options=options, service=service)
    yield chrome
    chrome.quit()


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
