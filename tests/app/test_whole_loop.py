"""Read, correct, train, read again, export: in a browser, through two kill -9."""

import io
import json
import os
import signal
import urllib.request
import zipfile

import cv2
import numpy as np
import pytest

from ocr_jax.app import gains
from ocr_jax.app.project import Project
from ocr_jax.app.training import Trainings
from ocr_jax.sources.pages import page_xml
from tests import fixtures
from tests.app.browsing import click, inputs, press, type_keys, values, wait, wait_saved

LINES, ROOM = 3, 70


@pytest.fixture
def folder(tmp_path):
    """Two pages of handwriting, without XML."""
    pytest.importorskip("ocr_jax.sources.synthetic.fonts", reason="needs fonts")
    line = fixtures.read_font_line(fixtures.font_tasks(*fixtures.FEW_LINES)[1], 64)
    high, wide = line.image.shape
    (tmp_path / "letters").mkdir()
    for number in range(2):
        page = np.full((LINES * 2 * high + 2 * ROOM, wide + 2 * ROOM), 225.0)
        for n in range(LINES):
            top = ROOM + 2 * n * high
            page[top : top + high, ROOM : ROOM + wide] -= 0.75 * line.image
        page[0, number] = 0  # no two are identical
        path = tmp_path / "letters" / f"page{number}.png"
        cv2.imwrite(str(path), page.astype(np.uint8))
    return tmp_path / "letters"


def lines(folder, number):
    project = Project(folder)
    return project.open(project.page(f"page{number}")).lines()


def read_all(browser, folder, item):
    """Have the pages read from the list."""
    wait(lambda: browser.find_elements("css selector", "a.row-page"))
    click(browser, "//button[contains(., 'Read')]")
    click(browser, f"//*[contains(@class, 'q-item')][contains(., '{item}')]")


def correct_by_keyboard(browser, url):
    from selenium.webdriver.common.keys import Keys

    for number, texts in enumerate((["abc", "cab"], ["acb"])):
        browser.get(f"{url}page/page{number}")
        inputs(browser)
        for text in texts:
            press(browser, Keys.CONTROL, "a")
            type_keys(browser, text, Keys.ENTER)
        wait_saved(browser)


def train(browser, folder, url):
    """Begin a training of two epochs; return the id of its process after the first."""
    browser.get(f"{url}train")
    field = wait(lambda: browser.find_elements("css selector", ".begin input"))[0]
    field.send_keys("\b2\t")
    click(browser, "//button[contains(., 'Train on')]")
    trainings = Trainings(Project(folder))
    wait(lambda: trainings.names() and trainings.status("run1").epoch, 120)
    return json.loads((trainings.folder / "run1.job.json").read_text())["pid"]


def test_pages_are_read_corrected_trained_on_and_read_again(
    browser, start, folder, finished, tmp_path
):
    options = folder, f"--workdir={finished[1]}"
    app = start(*options)
    browser.get(app.url)
    read_all(browser, folder, "Pages that are not read")
    wait(lambda: len(Project(folder).pages()) == 2 and lines(folder, 1), 60)
    read = [lines(folder, number) for number in range(2)]
    assert all(len(found) >= LINES and found[0].text for found in read)
    correct_by_keyboard(browser, app.url)
    type_keys(browser, "a")
    wait_saved(browser)
    app.kill()
    app = start(*options)
    browser.get("about:blank")  # what was shown as saved is there
    browser.get(f"{app.url}page/page0")
    assert values(browser)[:2] == ["abc", "cab"]
    assert [line.is_checked for line in lines(folder, 0)][:3] == [True, True, False]
    assert lines(folder, 1)[1].text == read[1][1].text + "a"
    pid = train(browser, folder, app.url)
    app.kill()
    os.kill(pid, signal.SIGKILL)
    app = start(*options)
    browser.get("about:blank")
    browser.get(f"{app.url}train")
    click(browser, "//button[contains(., 'Go on')]")
    trainings = Trainings(Project(folder))
    wait(lambda: trainings.status("run1").state == "finished", 120)
    assert len(trainings.status("run1").cers) == 2
    click(browser, "//button[contains(., 'What did it gain')]")
    [told] = browser.find_elements("css selector", ".gain")
    wait(lambda: "95 % interval" in told.text, 60)
    assert told.text == str(gains.of(trainings, "run1"))
    before = (folder / "page0.xml").read_bytes()
    click(browser, "//button[contains(., 'Read all unchecked lines again')]")
    wait(lambda: (folder / "page0.xml").read_bytes() != before, 60)
    wait(lambda: "2 of 2 pages read" in browser.page_source, 60)
    again = [lines(folder, number) for number in range(2)]
    assert [line.text for line in again[0]][:2] == ["abc", "cab"]
    assert again[1][0].text == "acb" and again[1][1].text == read[1][1].text + "a"
    with urllib.request.urlopen(f"{app.url}download/page.zip") as answer:
        zipfile.ZipFile(io.BytesIO(answer.read())).extractall(tmp_path / "out")
    assert len(page_xml.parse(tmp_path / "out" / "page0.xml").lines) == len(read[0])
    for image in folder.glob("*.png"):
        os.link(image, tmp_path / "out" / image.name)
    arguments = f"--source={tmp_path / 'out'}", f"--out={tmp_path / 'lines.h5'}"
    assert fixtures.run_prepare("pages", *arguments) == 0
    texts = [
        text
        for split in fixtures.read_splits(tmp_path / "lines.h5").values()
        for text in split.transcripts
    ]
    assert {"abc", "cab", "acb"} <= set(texts)
