"""What the browser app takes: a page to open, a key to appear, a list, and memory.

    python experiments/benchmarks/app.py --image=page.jpg

Selenium drives headless Chromium. A key is timed in the browser: from its event to the
frame that shows it, and to the word "Saved", after the whole file has been written.
Memory is that of the server while a person goes through the pages of the list and
corrects a line on each.
"""

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from ocr_jax import errors
from ocr_jax.pages import page_xml_writer
from ocr_jax.readings import Page, PageLine, Part, Reading

FLAGS = ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage")
PATIENCE = 60  # seconds
TEXT = "dem lieben Bruder schreibe ich heute noch"
# Times each key until it is seen, and until it is saved.
WATCH = """
window.keys = {seen: [], saved: []};
const status = document.querySelector(".pv-status");
let begun = null;
document.addEventListener("keydown", (event) => {
  begun ??= event.timeStamp;  // the first key that is not saved yet
  requestAnimationFrame(() => setTimeout(
    () => window.keys.seen.push(performance.now() - event.timeStamp)));
}, true);
new MutationObserver(() => {
  if (status.textContent === "Saved" && begun !== null) {
    window.keys.saved.push(performance.now() - begun);
    begun = null;
  }
}).observe(status, {characterData: true, childList: true, subtree: true});
"""


def main():
    """Make the pages, start the app, and print what it takes as a table."""
    args = _parser().parse_args()
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        folder = Path(temporary, "pages")
        make_pages(folder, args)
        server, url = start(folder)
        stack.callback(server.kill)
        browser = driver()
        stack.callback(browser.quit)
        print(f"| what, at a load of {os.getloadavg()[0]:.1f} | figure |\n|---|---|")
        for name in ("list of pages, cold", "the same again"):
            before = processor(server.pid)
            row(name, f"{listed(browser, url, args.pages):.2f} s")
            row("of the server's processor", f"{processor(server.pid) - before:.2f} s")
        for count in (60, 1000):
            url_of = f"{url}page/lines{count}"
            opened(browser, url_of, count)
            row(f"page of {count} lines opens", median(browser, url_of, count))
            before = processor(server.pid)
            for name, seconds in typed(browser, args.keys).items():
                row(f"a key at {count} lines is {name}", spread(seconds))
            each = 1000 * (processor(server.pid) - before) / args.keys
            row("of the server's processor, a key", f"{each:.0f} ms")
        for done, megabytes in used(browser, url, server.pid, args):
            row(f"memory of the server after {done:,} pages", f"{megabytes:.0f} MB")


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, help="of a page; a gray one by default")
    parser.add_argument("--pages", type=int, default=500, help="pages of the list")
    parser.add_argument("--keys", type=int, default=100, help="keys that are timed")
    parser.add_argument("--visits", type=int, default=1500, help="pages to correct")
    return parser


def make_pages(folder: Path, args: argparse.Namespace):
    """Pages of 30 lines, and two of 60 and of 1,000, all with the same image."""
    folder.mkdir()
    original = folder.parent / "page.jpg"
    if args.image:
        shutil.copy(args.image, original)
    else:
        Image.new("L", (2480, 3508), 225).save(original)
    size = Image.open(original).size
    names = {f"page{number:04}": 30 for number in range(args.pages - 2)}
    for name, count in (names | {"lines60": 60, "lines1000": 1000}).items():
        os.link(original, folder / f"{name}.jpg")
        content = page_xml_writer.page_xml(page(size, count), f"{name}.jpg")
        (folder / f"{name}.xml").write_bytes(content)


def page(size: tuple[int, int], count: int) -> Page:
    """A page of so many lines, as one that was read."""
    width, height = size
    lines, high = [], height / (count + 1)
    each = [Part(letter, 0.7, 0.0, 0.0) for letter in TEXT]
    for number in range(count):
        y = high * (number + 1)
        outline = [
            (width * (0.1 + 0.8 * n / 9), y - 0.7 * high + 0.1 * high * (n % 2))
            for n in range(10)
        ]
        outline += [(x, y + 0.2 * high) for x, _ in reversed(outline)]
        baseline = [(width * 0.1, y), (width * 0.9, y)]
        lines.append(
            PageLine(np.array(baseline), np.array(outline), Reading(TEXT, 0.7, each))
        )
    return Page(size, lines)


def start(folder: Path) -> tuple[subprocess.Popen, str]:
    """Start the app; return its process and its address."""
    command = [sys.executable, "-m", "ocr_jax.app", str(folder)]
    server = subprocess.Popen(
        [*command, "--no_browser", "--port=0"], stdout=subprocess.PIPE, text=True
    )
    return server, re.search(r"http://\S+", server.stdout.readline()).group()


def driver() -> webdriver.Chrome:
    """Headless Chromium of Debian."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS, "window-size=1300,900"):
        options.add_argument(f"--{flag}")
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    browser.set_page_load_timeout(PATIENCE)  # or it would wait for five minutes
    return browser


def until(condition):
    """Wait until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.005)


def listed(browser, url: str, count: int) -> float:
    """Seconds until the list and the number of all pages are shown."""
    begun = time.monotonic()
    browser.get(url)
    shown = f"return document.body.innerText.includes('{count:,} pages')"
    until(lambda: browser.execute_script(shown))
    return time.monotonic() - begun


def opened(browser, url: str, count: int = 0) -> float:
    """Seconds until a page has its lines and its image."""
    begun = time.monotonic()
    browser.get(url)
    lines = (
        "const fields = document.querySelectorAll('.pv-field input').length;"
        f"return fields >= {count or 1} && performance.getEntriesByType('resource')"
        ".some((one) => one.name.includes('/image/') && one.responseEnd > 0)"
    )
    until(lambda: browser.execute_script(lines))
    return time.monotonic() - begun


def median(browser, url: str, count: int) -> str:
    """The usual time to open a page."""
    return f"{statistics.median(opened(browser, url, count) for _ in range(5)):.2f} s"


def typed(browser, count: int) -> dict[str, list[float]]:
    """Milliseconds until each key is seen, and until the page is saved after it."""
    browser.execute_script(WATCH)
    for number in range(count):
        ActionChains(browser, duration=0).send_keys("abcdefgh"[number % 8]).perform()
        time.sleep(0.12)  # a quick typist's pace
    status = "return document.querySelector('.pv-status').textContent === 'Saved'"
    until(lambda: browser.execute_script(status))
    return browser.execute_script("return window.keys")


def spread(milliseconds: list[float]) -> str:
    """The median, and what one in twenty takes longer than."""
    high = statistics.quantiles(milliseconds, n=20)[-1]
    return f"{statistics.median(milliseconds):.0f} ms (95 %: {high:.0f} ms)"


def used(browser, url: str, pid: int, args: argparse.Namespace):
    """Correct a line on one page after the other; yield the server's memory."""
    status = "return document.querySelector('.pv-status').textContent === 'Saved'"
    quarter = max(1, args.visits // 4)
    for number in range(args.visits):
        if number % quarter == 0:
            yield number, memory(pid)
        if number % 10 == 0:
            browser.get(url)
        opened(browser, f"{url}page/page{number % (args.pages - 2):04}")
        ActionChains(browser, duration=0).send_keys("abc", Keys.ENTER).perform()
        until(lambda: browser.execute_script(status))
    yield args.visits, memory(pid)


def processor(pid: int) -> float:
    """The seconds that a process has worked: what waits for others is not in it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """The megabytes that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def row(name: str, figure: str):
    """Print a row of the table."""
    print(f"| {name} | {figure} |", flush=True)


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
