"""The page on runs: what it says of them, what it refuses, and that a browser shows it.

The workdirs are written by hand: nothing is trained.
"""

import json
import pathlib
import re
import subprocess
import sys

import pytest
import report
from reporting import page as page_lib
from reporting import plots, readings
from reporting import runs as runs_lib

from ocr_jax import reading_tables, workdirs
from ocr_jax.errors import UserError
from tests import fixtures
from tests.app import browsing
from tests.experiments.fixtures import page_body
from tests.fixtures import TRANSCRIPTS, make_run


def row(page, name):
    """The texts of the cells of a run's row."""
    rows = re.findall(r"<tr.*?</tr>", page[: page.index("</table>")], re.DOTALL)
    [found] = [r for r in rows if f">{name}<" in r]
    cells = re.findall(r"<td.*?</td>", found)
    return [re.sub(r"<.*?>", "", cell) for cell in cells]


def test_a_row_shows_the_differing_keys_and_the_scores(tmp_path):
    good = make_run(tmp_path / "good", lstm_dim=64, dropout=0.123456789)
    bad = make_run(tmp_path / "bad", ["la"] * 5)
    page = page_body([good, bad])
    heads = re.findall(r"<th.*?<button>(.*?)</button>", page)
    assert heads == [
        *("run", "state", "CER", "WER", "dropout", "lstm_dim"),
        *("lines/s", "parameters", "time", "epochs"),
    ]
    assert row(page, "good") == [
        *("goodbest", "finished", "0.0%(0.0–0.0)", "0.0%(0.0–0.0)"),
        *("0.1235", "64"),
        *("20", "1,234", "3m00s", "3 / 50"),
    ]
    assert row(page, "bad")[:2] == ["bad", "finished"]


def test_unfinished_runs_are_shown_with_their_last_epoch(tmp_path):
    done = fixtures.make_run(tmp_path / "done", ["x"] * 5)
    half = fixtures.make_unfinished(tmp_path / "half", epochs=2)
    new = fixtures.make_unfinished(tmp_path / "new", epochs=0)
    failed = fixtures.make_unfinished(tmp_path / "failed", epochs=1)
    status = {"name": "failed", "command": [], "state": "failed"}
    workdirs.write_json(failed / "status.json", status)
    page = page_body([done, half, new, failed])
    assert row(page, "half")[1:3] == ["unfinished", "31.2%"]
    assert row(page, "new")[1:3] == ["unfinished", "–"]
    assert row(page, "failed")[1:3] == ["failed", "62.5%"]
    # Their CER is lower, but it is not the final one.
    assert row(page, "done")[0] == "donebest"
    assert "None is finished" in page_body([half, new])


def test_names_and_texts_of_runs_are_escaped(tmp_path):
    readings = ["<i>la</i>", "<script>alert(2)</script>", "&amp;", "$body", "'\""]
    first = make_run(tmp_path / "<b>x<b>", readings, encoder="<u>")
    page = page_body(
        [first, make_run(tmp_path / "plain"), make_run(tmp_path / "none", [""] * 5)]
    )
    for markup in ("<b>x", "<i>la", "<script>alert", "<u>", '"deux"'):
        assert markup not in page
    assert "&lt;b&gt;x&lt;b&gt;" in page and "&lt;script&gt;alert(" in page


def test_a_finished_run_without_its_epochs_is_in_the_table(tmp_path):
    run = fixtures.make_run(tmp_path / "a")
    (run / "metrics.jsonl").unlink()
    assert report.table([run], "validation").endswith("| 0 | – | 1,234 |")


def test_two_runs_get_a_paired_test(tmp_path):
    bad = make_run(tmp_path / "bad", [f"{t}xxx" for t in TRANSCRIPTS])
    good = make_run(tmp_path / "good")
    page = page_body([bad, good])
    assert "Yes: good makes fewer character errors than bad" in page
    assert "<td>100.0%</td>" in page
    assert "Not by these lines" in page_body([good, make_run(tmp_path / "same")])
    assert "more than chance" not in page_body(
        [good, bad, make_run(tmp_path / "third")]
    )
    (bad / "readings_validation.tsv").unlink()
    assert "bad has no readings_validation.tsv" in page_body([bad, good])


@pytest.mark.parametrize(
    ("transcripts", "message"),
    [
        (("la mer", *"abcd"), "line-1 is '<script>.*' and 'a'"),
        (("la mer",), "5 and 1 of them"),
    ],
)
def test_runs_scored_on_different_lines_are_refused(tmp_path, transcripts, message):
    first, second = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    lines = [
        reading_tables.ScoredLine(f"line-{i}", "", t, t)
        for i, t in enumerate(transcripts)
    ]
    fixtures.give_lines(second, lines)
    runs = runs_lib.read([first, second], "validation")
    with pytest.raises(UserError, match=message):
        page_lib.write(tmp_path / "out.html", runs, "validation")
    with pytest.raises(UserError, match=message):
        report.table([first, second], "validation")
    assert not (tmp_path / "out.html").exists()


def test_runs_without_readings_are_compared_by_their_scores(tmp_path):
    runs = [make_run(tmp_path / name) for name in "ab"]
    for run in runs:
        (run / "readings_validation.tsv").unlink()
    page = page_body(runs)
    assert row(page, "a")[1] == "finished" and "Readings" not in page
    scores = workdirs.scores(runs[1])
    scores["validation"]["lines"] = 7
    workdirs.write_json(runs[1] / "scores.json", scores)
    with pytest.raises(
        UserError, match=r"a and .*b were scored on other lines: 5 and 7"
    ):
        page_lib.write(
            tmp_path / "out.html", runs_lib.read(runs, "validation"), "validation"
        )


def test_a_user_error_is_reported_in_one_line(tmp_path, capsys):
    run, out = make_run(tmp_path / "a"), f"--out={tmp_path}/report.html"
    (tmp_path / "folder.html").mkdir()
    for arguments, message in (
        ([str(tmp_path / "folder.html"), out], "no run in"),
        ([str(run), out, "--split=test"], "the runs have no scores of 'test'"),
        ([str(run), f"--out={tmp_path}/scores.json"], "a name that ends in .html"),
        ([str(run), f"--out={tmp_path}/no/report.html"], "can't be written"),
        ([str(run), f"--out={tmp_path}/folder.html"], "can't be written: Is a dir"),
    ):
        assert report.main(arguments) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert report.main([str(run), out]) == 0


def test_parameter_importance_needs_enough_runs(tmp_path):
    def sweep(count):
        for i in range(count):
            if not (tmp_path / f"{i}").exists():
                # Only the rate decides; the seed is anything.
                wrong = min(5, i // 3)
                readings = [*("?" * wrong), *fixtures.TRANSCRIPTS[wrong:]]
                rate = 1e-4 * 1.3**i
                fixtures.make_run(
                    tmp_path / f"{i}", readings, learning_rate=rate, seed=i * 7 % 5
                )
        return runs_lib.read([tmp_path / f"{i}" for i in range(count)], "validation")

    assert "What the parameters did" not in page_lib.render(sweep(2), "validation")
    few = page_lib.render(sweep(4), "validation")
    assert "4 finished runs are too few to say" in few
    runs = sweep(20)
    assert "PED-ANOVA" in page_lib.render(runs, "validation")
    [bars] = plots.importance(runs, ["learning_rate", "seed"]).data
    shares = dict(zip(bars.y, bars.x, strict=True))
    assert shares["learning_rate"] > 0.7 and sum(shares.values()) == pytest.approx(1)


def test_writing_a_page_imports_neither_jax_nor_tensorflow(tmp_path):
    run = make_run(tmp_path / "a")
    program = (
        "import sys, report; code = report.main(sys.argv[1:]);"
        "heavy = {'jax', 'tensorflow', 'wandb'} & set(sys.modules); exit(heavy or code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(run), f"--out={tmp_path}/a.html"],
        cwd=pathlib.Path(report.__file__).parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_browser_sorts_the_table_and_fetches_nothing(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(readings, "LINES_A_VIEW", 2)
    names = {"b": (10, 0.5), "c": (9, 0.25), "<b>a<b>": (100, 0.75)}
    runs = [
        fixtures.make_run(tmp_path / name, ["?"] * 5, lstm_dim=dim, dropout=dropout)
        for name, (dim, dropout) in names.items()
    ]
    assert report.main([*map(str, runs), f"--out={tmp_path}/page.html"]) == 0
    address = (tmp_path / "page.html").as_uri()
    browser.get(address)
    # On a busy machine the browser may answer for the empty page before it.
    browsing.wait(lambda: browser.current_url == address)
    state = "return document.readyState"
    browsing.wait(lambda: browser.execute_script(state) == "complete")

    def order(column):
        [head] = browser.find_elements("xpath", f"//th/button[text()='{column}']")
        head.click()
        shown = browser.find_elements("css selector", ".runs .name")
        return [element.text for element in shown]

    assert order("run") == ["<b>a<b>", "b", "c"]
    assert order("run") == ["c", "b", "<b>a<b>"]
    # Numbers by size: as words, 100 comes before 9.
    assert order("lstm_dim") == ["c", "b", "<b>a<b>"]
    browsing.wait(
        lambda: browser.find_elements("css selector", ".main-svg .trace path")
    )
    legend = browser.find_elements("css selector", ".legendtext")
    assert [text.text for text in legend] == list(names)
    lines = browser.find_element("id", "lines")
    assert "line-0" in lines.text and "line-4" not in lines.text
    assert "<script>alert(1)" in lines.text
    browser.find_element("css selector", "option[value=sample]").click()
    assert "line-4" in lines.text and "line-1" not in lines.text
    assert browser.get_log("browser") == []
    messages = [json.loads(e["message"]) for e in browser.get_log("performance")]
    requests = [
        message["message"]["params"]["request"]["url"]
        for message in messages
        if message["message"]["method"] == "Network.requestWillBeSent"
    ]
    assert requests and all(url.startswith(("file:", "data:")) for url in requests)
