"""The app in a browser: pages are corrected by keyboard, and nothing saved is lost."""

import json
import time

import pytest

from ocr_jax.app.page_document import Document
from ocr_jax.sources.pages import page_xml
from tests import fixtures

SCRIPT = "<script>document.title = 'hacked'</script>"


@pytest.fixture
def folder(tmp_path):
    """Two pages of two lines each."""
    fixtures.save_pages(tmp_path / "letters", 2)
    return tmp_path / "letters"


def wait(condition, seconds=10):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def inputs(browser):
    return wait(lambda: browser.find_elements("css selector", ".pv-field input"))


def values(browser):
    return [field.get_property("value") for field in inputs(browser)]


def wait_saved(browser):
    status = browser.find_element("css selector", ".pv-status")
    wait(lambda: status.text == "Saved")


def type_keys(browser, *keys):
    """Press keys wherever the keyboard goes, as a person does."""
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def press(browser, modifier, key):
    from selenium.webdriver.common.action_chains import ActionChains

    chain = ActionChains(browser).key_down(modifier).send_keys(key)
    chain.key_up(modifier).perform()


def texts(folder, name):
    return [line.text for line in page_xml.parse(folder / f"{name}.xml").lines]


def test_three_lines_are_corrected_by_keyboard_alone(browser, start, folder):
    from selenium.webdriver.common.keys import Keys

    app = start(folder)
    browser.get(app.url)
    [first, _] = wait(lambda: browser.find_elements("css selector", "a.row-page"))
    first.send_keys(Keys.ENTER)
    assert len(inputs(browser)) == 2
    # The first line has the keyboard already.
    type_keys(browser, Keys.END, " un", Keys.ENTER, Keys.END, " שלום", Keys.ENTER)
    wait_saved(browser)
    assert texts(folder, "page0") == ["abc un", "abc שלום"]
    type_keys(browser, Keys.ESCAPE)
    wait(lambda: browser.find_elements("css selector", "a.row-page"))
    assert "2 checked" in browser.page_source
    browser.get(f"{app.url}page/page1")
    inputs(browser)
    type_keys(browser, Keys.END, SCRIPT)
    wait_saved(browser)
    browser.refresh()
    assert values(browser) == [f"abc{SCRIPT}", "abc"]
    assert browser.title == "page1"
    document = Document(folder / "page0.xml", folder / "page0.png")
    assert all(line.is_checked for line in document.lines())
    requested = [
        message["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"]
        == "Network.requestWillBeSent"
    ]
    others = [url for url in requested if not url.startswith((app.url, "data:"))]
    assert requested and not others


def test_undo_delete_and_order_have_keys(browser, start, folder):
    from selenium.webdriver.common.keys import Keys

    app = start(folder)
    browser.get(f"{app.url}page/page0")
    inputs(browser)
    type_keys(browser, Keys.END, "d")
    press(browser, Keys.ALT, Keys.ARROW_DOWN)
    wait(lambda: texts(folder, "page0") == ["abc", "abcd"])
    wait_saved(browser)
    type_keys(browser, "e")  # the line that was moved still has the keyboard
    wait(lambda: texts(folder, "page0") == ["abc", "abcde"])
    wait_saved(browser)
    press(browser, Keys.CONTROL, Keys.DELETE)
    wait(lambda: texts(folder, "page0") == ["abc"])
    for expected in (["abc", "abcde"], ["abc", "abcd"], ["abcd", "abc"], ["abc"] * 2):
        wait_saved(browser)
        press(browser, Keys.CONTROL, "z")
        wait(lambda expected=expected: texts(folder, "page0") == expected)
    wait(lambda: values(browser) == ["abc", "abc"])


def test_a_click_on_the_image_goes_to_the_text(browser, start, folder):
    app = start(folder)
    browser.get(f"{app.url}page/page0")
    second = inputs(browser)[1]
    polygon = browser.find_elements("css selector", ".pv polygon")[1]
    polygon.click()
    assert browser.switch_to.active_element == second
    assert "on" in polygon.get_attribute("class")


def test_what_was_shown_as_saved_survives_kill_9(browser, start, folder):
    from selenium.webdriver.common.keys import Keys

    app = start(folder)
    browser.get(f"{app.url}page/page0")
    inputs(browser)
    type_keys(browser, Keys.END, " saved")
    wait_saved(browser)
    app.kill()
    type_keys(browser, " not saved")
    status = browser.find_element("css selector", ".pv-status")
    assert status.text == "Saving …"
    assert texts(folder, "page0") == ["abc saved", "abc"]
    app = start(folder)
    browser.get("about:blank")
    browser.get(f"{app.url}page/page0")
    assert values(browser) == ["abc saved", "abc"]


def test_the_later_of_two_windows_is_told(browser, start, folder):
    from selenium.webdriver.common.keys import Keys

    app = start(folder)
    browser.get(f"{app.url}page/page0")
    inputs(browser)
    other = Document(folder / "page0.xml", folder / "page0.png")
    other.set_text(other.lines()[1].key, "theirs")
    type_keys(browser, Keys.END, "mine")
    status = browser.find_element("css selector", ".pv-status")
    wait(lambda: "another window" in status.text)
    assert texts(folder, "page0") == ["abc", "theirs"]
    browser.find_element("xpath", "//button[.='Load again']").click()
    wait(lambda: "theirs" in values(browser))
