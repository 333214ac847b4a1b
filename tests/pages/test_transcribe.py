"""Pages with XML: texts go into copies of it, in which all else stays as it was."""

import re
import types
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ocr_jax import reading_bar, transcribe
from ocr_jax.app import trees
from ocr_jax.data.pages_file import Line
from ocr_jax.pages import xml_texts
from tests import fixtures

TEXTS = ("cab", "abc", "ac")
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!-- by hand -->
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
 xmlns:my="urn:my">
<Page imageFilename="page.png" imageWidth="{width}" imageHeight="{height}">
<TextRegion id="r1" my:note="kept"><!-- a note --><Coords points="0,0 9,0 9,9"/>
{lines}
</TextRegion></Page></PcGts>"""
PAGE_LINE = """<TextLine id="l{n}">
<Coords points="{left},{top} {right},{top} {right},{bottom} {left},{bottom}"/>
<Word id="w{n}"><Coords points="0,0 1,0 1,1"/></Word>{text}
<TextStyle fontSize="9"/></TextLine>"""
ALTO = """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Description>
<MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>page.png</fileName></sourceImageInformation>
</Description><Layout><Page WIDTH="{width}" HEIGHT="{height}"><PrintSpace>
<TextBlock ID="b1">{lines}</TextBlock></PrintSpace></Page></Layout></alto>"""
ALTO_LINE = """<TextLine ID="l{n}" HPOS="{left}" VPOS="{top}" WIDTH="{width}"
 HEIGHT="{high}">{text}</TextLine>"""
TEXT_OF = {
    "page": "<TextEquiv><Unicode>{}</Unicode></TextEquiv>",
    "alto": '<String CONTENT="{}"/>',
}


def save(folder, kind, texts=("", "", ""), name="page"):
    """A page of three lines, of which some have a text already."""
    folder.mkdir(exist_ok=True)
    scans = [fixtures.draw_scan(text) for text in TEXTS]
    page = np.full((100 * len(scans), max(s.shape[1] for s in scans) + 40), 228, "u1")
    lines = []
    for n, (scan, text) in enumerate(zip(scans, texts, strict=True)):
        high, width = scan.shape
        left, top = 20, 100 * n + 18
        page[top : top + high, left : left + width] = scan
        lines.append(
            (PAGE_LINE if kind == "page" else ALTO_LINE).format(
                n=n,
                text=TEXT_OF[kind].format(text) if text else "",
                left=left,
                top=top,
                right=left + width,
                bottom=top + high,
                width=width,
                high=high,
            )
        )
    Image.fromarray(page).save(folder / "page.png")
    whole = (PAGE if kind == "page" else ALTO).format(
        width=page.shape[1], height=page.shape[0], lines="".join(lines)
    )
    (folder / f"{name}.xml").write_text(whole, encoding="utf-8")


@pytest.fixture
def run(finished, tmp_path):
    """A function: reads tmp_path/in into tmp_path/out; returns the exit code."""

    def transcribed(*options):
        where = f"--workdir={finished[1]}", f"--out={tmp_path / 'out'}", "--lines=xml"
        return transcribe.main([str(tmp_path / "in"), *where, *options])

    return transcribed


def transcripts(folder, out, capsys):
    assert fixtures.run_prepare("pages", f"--source={folder}", f"--out={out}") == 0
    capsys.readouterr()
    return sorted(
        (line_id, text)
        for split in fixtures.read_splits(out).values()
        for line_id, text in zip(split.line_ids, split.transcripts, strict=True)
    )


@pytest.mark.parametrize("kind", ["page", "alto"])
def test_the_copy_has_the_texts_and_prepares_to_the_same_lines(
    run, kind, tmp_path, capsys
):
    save(tmp_path / "in", kind)
    assert run() == 0
    assert "1 page: 1 read" in capsys.readouterr().err
    Image.open(tmp_path / "in/page.png").save(tmp_path / "out/page.png")
    lines = transcripts(tmp_path / "out", tmp_path / "o.h5", capsys)
    assert lines == [(f"page/l{n}", text) for n, text in enumerate(TEXTS)]


@pytest.mark.parametrize("kind", ["page", "alto"])
def test_all_but_the_texts_stays(run, kind, tmp_path):
    save(tmp_path / "in", kind, texts=("", "old", ""))
    assert run() == 0
    before, after = (
        (tmp_path / folder / "page.xml").read_text() for folder in ("in", "out")
    )
    assert "ns0" not in after
    for what in (r'(?<!\w)(?:id|ID)="[^w].*?"', r'points="20.*?"', "xmlns.*?="):
        assert set(re.findall(what, before)) <= set(re.findall(what, after))
    assert ("<!-- a note -->" in after) == (kind == "page")
    if kind == "page":
        order = [e.tag.partition("}")[2] for e in ElementTree.fromstring(after).iter()]
        assert order[order.index("TextLine") :][:5] == (
            ["TextLine", "Coords", "TextEquiv", "Unicode", "TextStyle"]
        )


@pytest.mark.parametrize("kind", ["page", "alto"])
def test_texts_that_are_there_are_kept_unless_told(run, kind, tmp_path, capsys):
    save(tmp_path / "in", kind, texts=("", "old", ""))
    assert run() == 0
    assert "2 lines read, 1 kept" in capsys.readouterr().err
    assert "old" in (tmp_path / "out/page.xml").read_text()
    assert run() == 0
    assert "0 read, 1 done before" in capsys.readouterr().err
    assert run("--overwrite") == 0
    assert "3 lines read, 0 kept" in capsys.readouterr().err
    assert "old" not in (tmp_path / "out/page.xml").read_text()


def test_comments_and_instructions_within_a_line_do_no_harm(run, tmp_path):
    save(tmp_path / "in", "alto")
    path = tmp_path / "in/page.xml"
    within = "<!-- in a line --><?pi x?></TextLine>"
    path.write_text(path.read_text().replace("</TextLine>", within))
    assert run() == 0
    after = (tmp_path / "out/page.xml").read_text()
    assert "<!-- in a line -->" in after and 'CONTENT="cab"' in after


def test_texts_can_be_plain(run, tmp_path):
    save(tmp_path / "in", "page", texts=("", "old", ""))
    assert run("--format=text") == 0
    assert (tmp_path / "out/page.txt").read_text() == "cab\nold\nac\n"


def test_texts_come_in_the_reading_order_of_the_file(run, tmp_path):
    save(tmp_path / "in", "page", texts=("", "old", ""))
    path = tmp_path / "in/page.xml"
    order = (
        '<ReadingOrder><OrderedGroup id="o"><RegionRefIndexed index="0" '
        'regionRef="r2"/></OrderedGroup></ReadingOrder>'
    )
    whole = path.read_text().replace("<TextRegion", order + "<TextRegion", 1)
    second = '</TextRegion><TextRegion id="r2"><TextLine id="l2"'
    path.write_text(whole.replace('<TextLine id="l2"', second))
    assert run("--format=text") == 0
    assert (tmp_path / "out/page.txt").read_text() == "ac\ncab\nold\n"
    assert run() == 0
    copied = ElementTree.parse(tmp_path / "out/page.xml").iterfind(".//{*}Unicode")
    assert [element.text for element in copied] == ["cab", "old", "ac"]


def test_a_bad_page_and_a_bad_line_cost_only_themselves(run, tmp_path, capsys):
    folder = tmp_path / "in"
    save(folder, "page")
    whole = (folder / "page.xml").read_text()
    bad = whole.replace('points="20,18', 'points="x,y')
    (folder / "page.xml").write_text(bad)
    (folder / "torn.xml").write_text(whole[:300])
    assert run() == 0
    said = capsys.readouterr().err
    assert "torn: " in said and "page/l0" in said
    assert "2 pages: 1 read, 0 done before, 1 left out; 2 lines read" in said


def test_mistakes_are_one_line(run, tmp_path, capsys, finished):
    folder = tmp_path / "in"
    for options in ((), ("--format=docx",)):
        assert run(*options) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    folder.mkdir()
    assert run() == 2
    assert "no ALTO or PAGE XML" in capsys.readouterr().err
    save(folder, "page")
    workdir, blocked = f"--workdir={finished[1]}", tmp_path / "file"
    blocked.touch()
    for out, message in (
        (folder, "is in the folder of the pages"),
        (folder / "texts", "is in the folder of the pages"),
        (blocked, "File exists"),
        (blocked / "texts", "Not a directory"),
    ):
        assert (
            transcribe.main([str(folder), workdir, "--lines=xml", f"--out={out}"]) == 2
        )
        said = capsys.readouterr().err
        assert message in said and len(said.splitlines()) == 1


def test_texts_with_marks_of_xml_are_texts(tmp_path):
    save(tmp_path, "alto")
    text = "a <b> & \"c\" 'd'"
    copied = xml_texts.copy(tmp_path / "page.xml", {1: xml_texts.Text(text, 0.5)})
    strings = list(ElementTree.fromstring(copied).iterfind(".//{*}String"))
    assert [string.get("CONTENT") for string in strings] == [text]
    assert strings[0].get("WC") == "0.5000" and strings[0].get("HPOS") == "20"


@pytest.mark.parametrize("form", ["page", "alto"])
def test_a_text_that_is_read_again_was_checked_by_nobody(tmp_path, form):
    save(tmp_path, form)
    path = tmp_path / "page.xml"
    tree = trees.read(path.read_bytes(), "page.xml")
    for line in tree.lines:
        tree.set_text(line, "by hand", 0.9, "9999999")
        tree.check(line, True)
    path.write_bytes(tree.to_bytes())
    copied = trees.read(xml_texts.copy(path, {0: xml_texts.Text("read", 0.5)}), "")
    first, *others = copied.lines
    assert not copied.is_checked(first) and not copied.tenths(first)
    assert all(map(copied.is_checked, others))


@pytest.mark.parametrize("form", ["page", "alto"])
def test_a_found_page_is_read_again_as_it_was_read(
    form, finished, tmp_path, monkeypatch
):
    save(tmp_path / "in", "page")
    between = [
        Line(np.array([[20.3, y + 0.45], [150.3, y + 0.45]]), 40.0, 6.0)
        for y in (60, 160, 260)
    ]
    finder = types.SimpleNamespace(find=lambda gray: between)
    monkeypatch.setattr(transcribe.finder_lib, "load", lambda name: finder)
    monkeypatch.chdir(tmp_path)
    workdir = f"--workdir={finished[1]}"
    command = "in/page.png", f"--format={form}", "--out=out", workdir
    assert transcribe.main([*command]) == 0
    command = "out", "--lines=xml", "--overwrite", "--out=again", workdir
    assert transcribe.main([*command]) == 0
    first, again = (readings(tmp_path / name / "page.xml") for name in ("out", "again"))
    assert first == again and any(text for text, _ in first)


def readings(path):
    """Texts and confidences of the lines of ALTO or PAGE."""
    root = ElementTree.parse(path).getroot()
    return [
        (e.get("CONTENT") or e.findtext("{*}Unicode"), e.get("WC") or e.get("conf"))
        for e in (*root.iterfind(".//{*}String"), *root.iterfind(".//{*}TextEquiv"))
    ]


@pytest.mark.parametrize(
    ("out", "is_shown", "is_terminal"),
    [(None, False, True), ("texts", True, True), (None, True, False)],
)
def test_a_bar_is_shown_where_no_texts_come(
    monkeypatch, capsys, out, is_shown, is_terminal
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal, raising=False)
    with reading_bar.shown(3, out) as bar:
        bar()
    assert ("Reading" in capsys.readouterr().err) == is_shown
