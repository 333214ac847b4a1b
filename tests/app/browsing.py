"""What a person does in the app's windows."""

import time


def wait(condition, seconds=10):
    """Wait until a condition holds, and return what it returns."""
    end, pause = time.monotonic() + seconds, 0.02
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(pause)
        pause = min(2 * pause, 0.2)  # to look takes time from what is waited for
    return found


def inputs(browser):
    """The fields of the lines of a page."""
    return wait(lambda: browser.find_elements("css selector", ".pv-field input"))


def values(browser):
    """The texts that are shown."""
    inputs(browser)
    # All at once: between two questions they may be drawn anew.
    return browser.execute_script(
        "return [...document.querySelectorAll('.pv-field input')].map(f => f.value)"
    )


def wait_saved(browser):
    """Wait until the page is shown as saved."""
    status = browser.find_element("css selector", ".pv-status")
    wait(lambda: status.text == "Saved")


def click(browser, path):
    """Click what an XPath names, as soon as it is shown."""

    def shown():
        found = browser.find_elements("xpath", path)
        return next((element for element in found if element.is_displayed()), None)

    wait(shown, 30).click()


def type_keys(browser, *keys):
    """Press keys wherever the keyboard goes, as a person does."""
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def press(browser, modifier, key):
    """Press a key with another one held down."""
    from selenium.webdriver.common.action_chains import ActionChains

    chain = ActionChains(browser).key_down(modifier).send_keys(key)
    chain.key_up(modifier).perform()
