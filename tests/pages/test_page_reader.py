"""Whole pages: their lines are found, read in order, and written for other programs."""

import html
import io
import json
import re
import types
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ocr_jax import page_reader, transcribe
from ocr_jax.data.pages_file import Line
from ocr_jax.page_reader import PageReader
from ocr_jax.pages import finder, line_reading, page_xml_writer, turning
from ocr_jax.readings import Page, PageLine, Reading
from tests import fixtures

TEXTS = ["cab", "abc", "ac"]


def draw_page():
    """A page of three lines, and where they are, from bottom to top."""
    scans = [fixtures.draw_scan(text) for text in TEXTS]
    page = np.full((120 * len(scans), 300), 228, np.uint8)
    lines = []
    for n, scan in enumerate(scans):
        high, width = scan.shape
        top = 120 * n + 25
        page[top : top + high, 30 : 30 + width] = scan
        baseline = np.array([[30, top + high - 4], [30 + width, top + high - 4]])
        lines.insert(0, Line(baseline.astype(float), high - 4.0, 4.0))
    return page, lines


PAGE, LINES = draw_page()


class KnownLines:
    """A finder that knows where the lines of PAGE are, and finds none elsewhere."""

    def find(self, gray):
        # A PDF's pages may be drawn a pixel larger.
        return LINES if np.allclose(gray.shape, PAGE.shape, atol=2) else []


@pytest.fixture
def reader(recognizer):
    return PageReader(KnownLines(), recognizer)


@pytest.fixture
def run(finished, tmp_path, monkeypatch):
    """A function: reads what is named, as it stands in tmp_path; the exit code."""
    monkeypatch.setattr(finder, "load", lambda _: KnownLines())
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PAGE).save("page.png")
    return lambda *args: transcribe.main([*args, f"--workdir={finished[1]}"])


def test_a_page_is_read_from_top_to_bottom(reader):
    page = reader.read(PAGE)
    assert page.size == (300, 360)
    assert page.text.split("\n") == TEXTS
    for line in page.lines:
        xs = [part.x for part in line.reading.characters]
        assert xs == sorted(xs)
        assert xs[0] > 0 and xs[-1] < np.ptp(line.baseline[:, 0])


@pytest.mark.parametrize(("texts", "order"), [("ab", [0, 1]), ("אב", [1, 0])])
def test_columns_stand_as_their_script_runs(texts, order):
    columns = [
        Line(np.array([[left, 100], [left + 100, 100]], float), 20.0, 6.0)
        for left in (20, 180)
    ]
    readings = [Reading(text, 1.0, []) for text in texts]
    known = types.SimpleNamespace(
        best=types.SimpleNamespace(height=32), read_lines=lambda images: readings
    )
    read = line_reading.read_found(known, PAGE, columns)
    assert read.text.split("\n") == [texts[place] for place in order]


def test_a_page_without_lines_is_empty_and_that_is_said(reader):
    gray = np.full((50, 80), 200, np.uint8)
    page = reader.read(gray)
    assert page.lines == [] and page.text == "" and page.confidence == 0
    assert page_reader.doubt(page) == "has no lines that the finder sees"


@pytest.mark.parametrize(
    ("sure", "turned", "words"),
    [(0.55, 0, ["hardly legible"]), (0.55, 90, ["by 90", "hardly"]), (0.56, 0, [])],
)
def test_it_is_said_of_a_page_that_its_network_can_hardly_read(sure, turned, words):
    reading = Reading("fur", 0.5, [], evidence=(sure,))
    page = Page((9, 9), [PageLine(np.zeros((2, 2)), np.zeros((3, 2)), reading)], turned)
    said = page_reader.doubt(page)
    assert all(word in said for word in words) and bool(said) == bool(words)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_that_reads_better_another_way_up_is_read_so(reader, degrees):
    straight = reader.read(PAGE)
    assert straight.turned == 0 and page_reader.doubt(straight) == ""
    turned, back = turning.turn(PAGE, degrees)
    page = reader.read(np.ascontiguousarray(turned))
    assert page.text.split("\n") == TEXTS
    assert page.turned == 360 - degrees
    assert f"clockwise by {360 - degrees} degrees" in page_reader.doubt(page)
    assert page.size == turned.shape[::-1]
    for line, known in zip(page.lines, straight.lines, strict=True):
        there = line.baseline @ back[:, :2].T + back[:, 2]
        np.testing.assert_allclose(there, known.baseline, atol=1e-6)


def test_a_way_up_that_is_sure_ends_the_search(reader, monkeypatch):
    tried = []
    monkeypatch.setattr(PageReader, "_ways_up", lambda *_: tried_ways(tried))
    turned = np.ascontiguousarray(turning.turn(PAGE, 90).image)
    assert reader.read(turned).turned == 270
    assert tried == [180, 270]


def tried_ways(tried):
    for degrees in (180, 270, 90, 45):
        tried.append(degrees)
        yield degrees


@pytest.mark.parametrize("degrees", [45, 90, 135, 180, 270, 315])
def test_points_of_a_turned_page_are_turned_back(degrees):
    gray = np.full((80, 120), 220, np.uint8)
    gray[20:23, 90:93] = 0
    image, back = turning.turn(gray, degrees)
    y, x = np.argwhere(image < 120).mean(axis=0)
    np.testing.assert_allclose(back @ [x, y, 1], [91, 21], atol=0.3)
    assert image.min() < 40 and np.median(image) == 220


def test_a_line_without_ink_has_no_text(recognizer):
    class Anywhere:
        def find(self, gray):
            return [Line(np.array([[10.0, 40.0], [70.0, 40.0]]), 20.0, 5.0)]

    blank = np.full((60, 80), 200, np.uint8)
    page = PageReader(Anywhere(), recognizer).read(blank)
    assert [line.reading.text for line in page.lines] == [""]


@pytest.mark.parametrize("form", ["page", "alto"])
def test_what_is_written_prepares_to_the_same_lines(run, form, tmp_path, capsys):
    assert run("page.png", f"--format={form}", "--out=out") == 0
    assert "1 page: 1 read" in capsys.readouterr().err
    options = f"--source={tmp_path}/out", f"--out={tmp_path}/lines.h5"
    assert fixtures.run_prepare(form, *options) == 0
    transcripts = {
        line_id: text
        for split in fixtures.read_splits(tmp_path / "lines.h5").values()
        for line_id, text in zip(split.line_ids, split.transcripts, strict=True)
    }
    assert transcripts == {f"page/line{n}": text for n, text in enumerate(TEXTS)}


def test_coordinates_are_whole_and_on_the_page(reader):
    page = reader.read(PAGE)
    for written in (
        page_xml_writer.page_xml(page, "a.png"),
        page_xml_writer.alto(page, "a.png"),
    ):
        root = ElementTree.fromstring(written)
        names = ("points", "POINTS", "BASELINE")
        texts = [e.get(name) for e in root.iter() for name in names if e.get(name)]
        numbers = np.array([re.findall(r"[^ ,]+", t)[:4] for t in texts]).astype(int)
        assert len(texts) >= 2 * len(TEXTS)
        assert numbers.min() >= 0
        assert (numbers[:, ::2] < 300).all() and (numbers[:, 1::2] < 360).all()


def test_texts_are_no_markup(reader):
    page = reader.read(PAGE)
    bad = '<script>alert("1")</script>&'
    lines = [
        line._replace(reading=line.reading._replace(text=bad)) for line in page.lines
    ]
    for write in (page_xml_writer.page_xml, page_xml_writer.alto):
        root = ElementTree.fromstring(write(page._replace(lines=lines), "a.png"))
        strings = [e.text or e.get("CONTENT") for e in root.iter()]
        assert strings.count(bad) == len(TEXTS)


def test_html_shows_image_and_texts_and_needs_no_other_file(run, tmp_path):
    assert run("page.png", "--format=html", "--out=out") == 0
    shown = (tmp_path / "out/page.html").read_text()
    assert "data:image/jpeg;base64," in shown
    assert not re.search(r'(?:src|href)="(?!data:)', shown)
    items = re.findall(r"<li[^>]*>(.*?)</li>", shown)
    assert [html.unescape(re.sub("<.*?>", "", item)) for item in items] == TEXTS


def test_json_and_tsv_have_a_place_and_a_confidence_for_each_line(run, capsys):
    assert run("page.png", "--format=json") == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["page"], page["width"], page["height"]) == ("page", 300, 360)
    assert [line["text"] for line in page["lines"]] == TEXTS
    assert all(len(line["baseline"]) == 2 for line in page["lines"])
    assert run("page.png", "--format=tsv") == 0
    rows = [row.split("\t") for row in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["page", "line", "confidence", "text"]
    assert [row[3] for row in rows[1:]] == TEXTS


def test_every_page_of_a_tiff_and_a_pdf_is_read(run, tmp_path, capsys):
    pytest.importorskip("pypdfium2", reason="PDFs need the extra pages")
    image = Image.fromarray(PAGE)
    image.save("two.tif", save_all=True, append_images=[image])
    image.save("two.pdf", save_all=True, append_images=[image], resolution=300)
    assert run("two.tif", "two.pdf", "--out=out") == 2
    assert "two pages would be written to two_0001" in capsys.readouterr().err
    for name in ("two.tif", "two.pdf"):
        assert run(name, f"--out={name}.out") == 0
        files = sorted((tmp_path / f"{name}.out").glob("*.txt"))
        assert [file.name for file in files] == ["two_0001.txt", "two_0002.txt"]
        assert files[1].read_text().split() == TEXTS


def test_standard_input_is_a_page(run, tmp_path, monkeypatch, capsys):
    class Stdin:
        buffer = io.BytesIO((tmp_path / "page.png").read_bytes())

    monkeypatch.setattr("sys.stdin", Stdin)
    assert run("-") == 0
    assert capsys.readouterr().out.split() == TEXTS


def test_the_same_command_again_goes_on_where_it_was(run, tmp_path, capsys):
    (tmp_path / "scans").mkdir()
    Image.fromarray(PAGE).save("scans/a.png")
    assert run("scans", "--out=out") == 0
    Image.fromarray(PAGE).save("scans/b.png")
    assert run("scans", "--out=out") == 0
    assert "2 pages: 1 read, 1 done before" in capsys.readouterr().err


def test_a_page_that_cannot_be_read_costs_only_itself(run, tmp_path, capsys):
    (tmp_path / "scans").mkdir()
    Image.fromarray(PAGE).save("scans/good.png")
    (tmp_path / "scans/torn.png").write_bytes(b"\x89PNG no")
    (tmp_path / "scans/torn.pdf").write_bytes(b"%PDF-1.4 no")
    assert run("scans") == 0
    captured = capsys.readouterr()
    assert captured.out.split() == TEXTS
    assert "3 pages: 1 read, 0 done before, 2 left out" in captured.err
    assert len(captured.err.splitlines()) == 3
    assert run("scans/torn.png") == 2


def test_what_is_said_of_many_pages_is_said_of_a_few(run, tmp_path, capsys):
    (tmp_path / "scans").mkdir()
    for n in range(15):
        Image.new("L", (40, 40), 200).save(f"scans/blank{n:02}.png")
        (tmp_path / f"scans/torn{n:02}.png").write_bytes(b"no")
    assert run("scans") == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 10 + 10 + 2 + 1
    assert "blank09: has no lines that the finder sees" in said[9]
    assert "15 x has no lines that the finder sees (blank00, " in said[-3]
    assert "15 x " in said[-2] and "torn00" in said[-2]
    assert "30 pages: 15 read, 0 done before, 15 left out" in said[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.png",), "missing.png does not exist"),
        (("empty",), "empty holds no page"),
        (("page.png", "--format=page"), "name a folder by --out"),
        (("page.png", "--format=xml"), "is for --lines=xml"),
        (("page.png", "--format=docx"), "docx"),
        (("page.png", "--out=page.png"), "--out=page.png"),
    ],
)
def test_mistakes_are_one_line(run, tmp_path, capsys, arguments, message):
    (tmp_path / "empty").mkdir()
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1
