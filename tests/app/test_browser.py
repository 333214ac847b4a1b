"""The app in a browser: pages are corrected by keyboard, and nothing saved is lost."""

import json

import numpy as np
from PIL import Image

from ocr_jax.app.page_document import Document
from ocr_jax.sources.pages import page_xml
from tests.app.browsing import inputs, press, type_keys, values, wait, wait_saved
from tests.app.conftest import MARKUP

SCRIPT = "<script>document.title = 'hacked'</script>"


def texts(folder, name):
    return [line.text for line in page_xml.parse(folder / f"{name}.xml").lines]


def test_pages_are_corrected_by_keyboard_alone(browser, app):
    from selenium.webdriver.common.keys import Keys

    folder = app.folder
    browser.get(app.url)
    rows = wait(lambda: browser.find_elements("css selector", "a.row-page"), 20)
    titles = [row.find_element("css selector", ".title").text for row in rows]
    # A name is text, and the TIFF was split before anything was shown.
    names = [MARKUP, *(f"page{n}" for n in range(5)), "two_0001", "two_0002"]
    assert titles == names
    rows[1].send_keys(Keys.ENTER)
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


def test_undo_delete_and_order_have_keys(browser, app):
    from selenium.webdriver.common.keys import Keys

    browser.get(f"{app.url}page/page2")
    inputs(browser)
    type_keys(browser, Keys.END, "d")
    press(browser, Keys.ALT, Keys.ARROW_DOWN)
    wait(lambda: texts(app.folder, "page2") == ["abc", "abcd"])
    wait_saved(browser)
    type_keys(browser, "e")  # the line that was moved still has the keyboard
    wait(lambda: texts(app.folder, "page2") == ["abc", "abcde"])
    wait_saved(browser)
    press(browser, Keys.CONTROL, Keys.DELETE)
    wait(lambda: texts(app.folder, "page2") == ["abc"])
    for expected in (["abc", "abcde"], ["abc", "abcd"], ["abcd", "abc"], ["abc"] * 2):
        wait_saved(browser)
        press(browser, Keys.CONTROL, "z")
        wait(lambda expected=expected: texts(app.folder, "page2") == expected)
    wait(lambda: values(browser) == ["abc", "abc"])


def test_a_click_on_the_image_goes_to_the_text(browser, app):
    browser.get(f"{app.url}page/page3")
    second = inputs(browser)[1]
    polygon = browser.find_elements("css selector", ".pv polygon")[1]
    polygon.click()
    assert browser.switch_to.active_element == second
    assert "on" in polygon.get_attribute("class")


def test_the_later_of_two_windows_is_told(browser, app):
    from selenium.webdriver.common.keys import Keys

    browser.get(f"{app.url}page/page4")
    inputs(browser)
    other = Document(app.folder / "page4.xml", app.folder / "page4.png")
    other.set_text(other.lines()[1].key, "theirs")
    type_keys(browser, Keys.END, "mine")
    status = browser.find_element("css selector", ".pv-status")
    wait(lambda: "another window" in status.text)
    assert texts(app.folder, "page4") == ["abc", "theirs"]
    browser.find_element("xpath", "//button[.='Load again']").click()
    wait(lambda: "theirs" in values(browser))


def test_esc_leaves_no_page_whose_last_change_was_not_saved(browser, app):
    browser.get(f"{app.url}page/page3")
    inputs(browser)
    script = """
      const view = getElement(Number(document.querySelector(".pv").id.slice(1)));
      const key = view.start[0].key, told = [];
      view.send = () => told.push(view.sent.map(({ op, text }) => [op, text]));
      const said = { problem: "No space", undoable: true, lines: null };
      const answer = (more) => view.done({ number: view.number, ...said, ...more });
      view.write(view.rows[0], "mine");
      view.leave();
      answer({ is_unsaved: true });
      told.push([view.leaving, view.rows[0].text, view.status.text]);
      view.write(view.rows[0], "mine, longer");
      answer({ is_conflict: true });
      told.push([view.leaving, view.queue.length]);
      return told;"""
    assert browser.execute_script(script) == [
        [["text", "mine"]],
        [False, "mine", "No space"],
        [["text", "mine, longer"]],
        [False, 0],
    ]
    assert "page/page3" in browser.current_url


def test_what_is_typed_while_a_page_is_read_stays_to_be_seen(browser, app):
    browser.get(f"{app.url}page/page3")
    inputs(browser)
    script = """
      const view = getElement(Number(document.querySelector(".pv").id.slice(1)));
      const [first, second] = view.start.map((row) => row.key);
      view.sent = [{ op: "text", key: first, text: "mine" }];
      view.queue = [{ op: "check", key: second, is_checked: true }];
      view.done({ number: null, problem: "", undoable: true, lines: view.start });
      const shown = view.rows.map((row) => [row.text, row.is_checked]);
      view.sent = null;
      view.queue = [];
      return shown;"""
    assert browser.execute_script(script) == [["mine", False], ["abc", True]]


def test_all_files_that_are_dropped_at_once_become_pages(browser, app, tmp_path):
    for number in range(12):
        page = np.random.default_rng(number).integers(0, 256, (2000, 1500), np.uint8)
        Image.fromarray(page).save(tmp_path / f"leaf{number}.png", compress_level=0)
    browser.get(app.url)
    field = wait(lambda: browser.find_elements("css selector", "input[type=file]"))[0]
    field.send_keys("\n".join(map(str, sorted(tmp_path.glob("leaf*.png")))))

    script = "return [...document.querySelectorAll('.title')].map(e => e.textContent)"
    names = {f"leaf{number}" for number in range(12)}
    wait(lambda: names <= set(browser.execute_script(script)), 20)


def test_what_is_lost_on_its_way_is_sent_again_and_done_once(browser, app):
    browser.get(f"{app.url}page/page3")
    inputs(browser)
    count = len(values(browser))
    script = """
      const view = getElement(Number(document.querySelector(".pv").id.slice(1)));
      const { emit } = window.socket, { done } = view;
      window.socket.emit = (kind, ...more) => { // the first message is lost,
        if (kind === "event") window.socket.emit = emit;
        else emit.call(window.socket, kind, ...more);
      };
      view.done = () => { view.done = done; }; // and the first answer
      view.patience = 500;
      view.push({ op: "add", points: [[60, 300], [340, 300]] });
      return [window.socket.emit === emit, view.done === done];"""
    assert browser.execute_script(script) == [True, False]
    wait_saved(browser)
    wait(lambda: len(values(browser)) == count + 1)
    type_keys(browser, "abc")
    wait_saved(browser)
    assert len(texts(app.folder, "page3")) == count + 1
