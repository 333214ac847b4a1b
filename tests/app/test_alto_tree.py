"""A page in ALTO is corrected in its own words, and all else in it stays."""

import cv2
import pytest

from ocr_jax.app.page_document import Document
from ocr_jax.readings import Part, Reading
from ocr_jax.sources.pages import alto
from tests import fixtures

# Of digital libraries: tenths of a millimetre, here two pixels each; words; no SP.
ALTO = """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v3#" xmlns:xlink="urn:xlink">
<Description><MeasurementUnit>mm10</MeasurementUnit></Description>
<Styles><TextStyle ID="font0" FONTSIZE="9"/></Styles>
<Layout><Page ID="P1" PHYSICAL_IMG_NR="1" WIDTH="250" HEIGHT="200"><PrintSpace>
<TextBlock ID="B1" STYLEREFS="font0"><Shape/>
<TextLine ID="a" HPOS="27.5" VPOS="52.5" WIDTH="145" HEIGHT="25">
<String ID="s1" CONTENT="two" WC="0.5" CC="0 0 9"/><String CONTENT="b" WC="1" CC="0"/>
</TextLine>
<TextLine ID="b" HPOS="27.5" VPOS="85" WIDTH="145" HEIGHT="25"><String CONTENT="c"/>
</TextLine></TextBlock></PrintSpace></Page></Layout></alto>"""


@pytest.fixture
def open_page(tmp_path):
    """Opens the page, each time as another window would."""
    cv2.imwrite(str(tmp_path / "page.png"), fixtures.draw_page())
    (tmp_path / "page.xml").write_text(ALTO)
    return lambda: Document(tmp_path / "page.xml", tmp_path / "page.png")


def test_what_alto_says_of_a_line_is_shown(open_page):
    first, second = open_page().lines()
    assert first[1:6] == ("a", "two b", 0.75, "99099", False)
    assert second[1:6] == ("b", "c", None, "", False)
    assert first.outline == [[55, 105], [345, 105], [345, 155], [55, 155]]
    assert second.is_kept and not first.is_kept


def test_a_change_is_in_its_place_and_all_else_stays(open_page):
    document = open_page()
    first, second = (line.key for line in document.lines())
    document.check(first)
    # The words of a line whose text is the same have their places still.
    assert 'ID="s1"' in document.path.read_text()
    document.set_text(second, "<c> & d")
    characters = [Part(text, sure, 0.0, 0.0) for text, sure in (("n", 1.0), ("o", 0.3))]
    document.set_readings({second: Reading("no", 0.6, characters)})  # a person's stays
    document.check(first, False)
    document.set_readings({first: Reading("no", 0.6, characters)})
    document.check(second)
    one, two = open_page().lines()
    assert one[1:6] == ("a", "no", 0.6, "93", False)
    assert two[1:6] == ("b", "<c> & d", None, "", True)
    xml = document.path.read_text()
    for kept in ('<TextStyle ID="font0" FONTSIZE="9" />', 'STYLEREFS="font0"', 'CS="'):
        assert kept in xml
    for _ in range(5):
        document.undo()
    assert [line.text for line in open_page().lines()] == ["two b", "c"]


def test_lines_are_placed_added_moved_and_deleted(open_page):
    document = open_page()
    first, second = (line.key for line in document.lines())
    document.set_baseline(first, [[61, 151], [340, 150]])
    [line, _] = alto.parse(document.path).lines
    assert line.baseline.tolist() == [[30.5, 75.5], [170, 75]] and line.text == "two b"
    document.add([[60, 300], [340, 300]])
    document.move(second, -1)
    assert [line.line_id for line in open_page().lines()] == ["b", "a", "added1"]
    document.delete(second)
    *_, added = open_page().lines()
    assert added.baseline == [[60, 300], [340, 300]]
    document.delete(first)
    assert len(open_page().lines()) == 1


def test_a_page_without_a_block_gets_one(open_page, tmp_path):
    start, end = ALTO.index("<TextBlock"), ALTO.index("</PrintSpace>")
    (tmp_path / "page.xml").write_text(ALTO[:start] + ALTO[end:])
    document = open_page()
    document.add([[60, 150], [340, 150]])
    assert open_page().lines()[0].baseline == [[60, 150], [340, 150]]
