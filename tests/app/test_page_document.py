"""A page that is corrected: every change is in its file, and all else stays there."""

import contextlib
import re
import shutil
import threading
from concurrent import futures
from xml.etree import ElementTree

import hypothesis
import pytest
from hypothesis import strategies

from ocr_jax.app import line_tree, page_store, page_tree
from ocr_jax.app.page_document import Document
from ocr_jax.app.page_store import Conflict
from ocr_jax.errors import UserError
from ocr_jax.pages import custom_tags
from ocr_jax.readings import Part, Reading
from ocr_jax.sources.pages import page_xml
from tests import fixtures

TRANSKRIBUS = """<?xml version="1.0" encoding="UTF-8"?>
<!-- by hand -->
<pc:PcGts xmlns:pc="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15"
 xmlns:my="urn:my"><pc:Page imageFilename="page0.png" imageWidth="500"
 imageHeight="400" my:note="kept"><pc:TextRegion id="r1"><!-- a note -->
<pc:Coords points="0,0 499,0 499,399"/>
<pc:TextLine id="a" custom="readingOrder {index:0;} person {offset:0; length:2;}">
<pc:Coords points="55,105 345,105 345,155 55,155"/>
<pc:Baseline points="60,150 340,150"/><pc:TextEquiv conf="0.5">
<pc:Unicode>one</pc:Unicode></pc:TextEquiv><pc:TextStyle fontSize="9"/></pc:TextLine>
<pc:TextLine id="b" custom="readingOrder {index:1;}">
<pc:Coords points="55,170 345,170 345,220 55,220"/>
<pc:Baseline points="60,215 340,215"/></pc:TextLine></pc:TextRegion>
<pc:TextRegion id="r2"><pc:TextLine id="c" custom="readingOrder {index:0;}">
<pc:Coords points="55,270 345,270 345,320 55,320"/></pc:TextLine></pc:TextRegion>
</pc:Page></pc:PcGts>"""


@pytest.fixture
def open_page(tmp_path):
    """Opens the page, each time as another window would."""
    fixtures.save_pages(tmp_path, 1)
    (tmp_path / "page0.xml").write_text(TRANSKRIBUS)
    return lambda: Document(tmp_path / "page0.xml", tmp_path / "page0.png")


def ids(document):
    return [line.line_id for line in document.lines()]


def key_of(document, line_id):
    [key] = [line.key for line in document.lines() if line.line_id == line_id]
    return key


def test_a_change_is_on_disk_and_all_else_stays(open_page):
    document = open_page()
    document.set_text(key_of(document, "a"), "un <b>&")
    document.check(key_of(document, "a"))
    first = open_page().lines()[0]
    assert (first.text, first.is_checked, first.confidence) == ("un <b>&", True, None)
    xml = document.path.read_text()
    for kept in ('<pc:TextRegion id="r1">', "<!-- a note -->", 'my:note="kept"'):
        assert kept in xml
    assert "readingOrder {index:0;} person {offset:0; length:2;}" in xml
    assert xml.index("TextEquiv") < xml.index("TextStyle")  # as the schema has it


def test_the_later_of_two_windows_is_told_and_overwrites_nothing(open_page):
    one, other = open_page(), open_page()
    one.set_text(key_of(one, "a"), "mine")
    with pytest.raises(Conflict, match="another window"):
        other.set_text(key_of(other, "b"), "theirs")
    assert [line.text for line in open_page().lines()] == ["mine", "", ""]
    # What it shows is what it opened, and it still writes nothing.
    with pytest.raises(UserError):
        other.delete(other.lines()[0].key)
    assert ids(open_page()) == ["a", "b", "c"]


def test_lines_move_within_a_region_and_into_the_next(open_page):
    document = open_page()
    document.move(key_of(document, "b"), -1)
    assert ids(document) == ["b", "a", "c"]
    document.move(key_of(document, "b"), -1)  # it is the first already
    document.move(key_of(document, "a"), 1)
    assert ids(open_page()) == ["b", "a", "c"]
    regions = re.findall(r"<pc:TextRegion.*?</pc:TextRegion>", xml(document), re.DOTALL)
    assert ['id="a"' in region for region in regions] == [False, True]
    orders = [re.findall(r"index:(\d)", region) for region in regions]
    assert orders == [["0"], ["0", "1"]]


def xml(document):
    return document.path.read_text()


def test_a_line_is_added_where_it_is_read_with_an_outline_as_thick(open_page):
    document = open_page()
    key = document.add([[60, 370], [340, 370]])
    document.add([[60, 60], [340, 60]])
    assert ids(document) == ["added2", "a", "b", "c", "added1"]
    added = open_page().lines()[4]
    assert added.baseline == [[60, 370], [340, 370]] and added.line_id == "added1"
    ys = [y for _, y in added.outline]
    assert 300 < min(ys) < 340 and 375 < max(ys) < 400
    document.set_baseline(key, [[60, 380], [340, 385]])
    assert open_page().lines()[4].baseline == [[60, 380], [340, 385]]
    for points in (
        [[1, 2]],
        [["x", 1], [2, 3]],
        [[1, 1], [1, 2]],
        [[510, 100], [560, 100]],  # beyond the page, where nothing is
        None,
        [[1e999, 0]] * 2,
    ):
        with pytest.raises(UserError):
            document.add(points)


def test_undo_goes_back_step_by_step_and_letters_are_one_step(open_page):
    document = open_page()
    before = document.path.read_bytes()
    for text in ("u", "un", "un "):
        document.set_text(key_of(document, "b"), text)
    document.delete(key_of(document, "c"))
    assert document.undo() == key_of(document, "c")
    assert ids(document) == ["a", "b", "c"]
    assert document.undo() == key_of(document, "b")
    assert document.path.read_bytes() == before and not document.can_undo
    assert document.undo() is None


def test_readings_spare_what_a_person_wrote(open_page):
    document = open_page()
    document.set_text(key_of(document, "b"), "mine")
    letters = [Part("x", 0.99, 0, 1), Part("y", 0.42, 0, 1)]
    reading = Reading("xy", 0.7, letters)
    document.set_readings({line.key: reading for line in document.lines()})
    lines = open_page().lines()
    # The text of the first has a confidence, so it is a network's.
    assert [line.text for line in lines] == ["xy", "mine", "xy"]
    assert lines[0].characters == "94" and lines[0].confidence == 0.7
    document.set_text(key_of(document, "a"), "xyz")
    assert open_page().lines()[0].characters == ""


def test_readings_of_what_a_person_wrote_are_no_step(open_page):
    document = open_page()
    key = key_of(document, "b")
    document.set_text(key, "mine")
    document.set_readings({key: Reading("xy", 0.7, [])})
    assert document.undo() == key_of(document, "b")
    assert document.lines()[1].text != "mine"


def test_a_change_that_can_not_be_written_is_not_shown(open_page, monkeypatch):
    document = open_page()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(page_store.workdirs, "write_bytes", fail)
    with pytest.raises(UserError, match="No space"):
        document.delete(key_of(document, "a"))
    assert ids(document) == ["a", "b", "c"]
    monkeypatch.undo()
    document.delete(key_of(document, "a"))
    assert ids(open_page()) == ["b", "c"]


def test_lines_keep_their_keys_when_a_step_is_undone(open_page):
    document = open_page()
    key = key_of(document, "a")
    document.set_text(key, "first")
    document.delete(key_of(document, "b"))
    document.undo()
    document.set_text(key, "typed before undo was answered")
    assert document.lines()[0].text == "typed before undo was answered"
    assert ids(open_page()) == ["a", "b", "c"]


def test_a_folder_that_is_gone_is_told_in_a_line(open_page, tmp_path):
    document = open_page()
    shutil.rmtree(tmp_path)
    with pytest.raises(UserError, match="No such file"):
        document.set_text(key_of(document, "a"), "lost")
    assert document.lines()[0].text == "one"


def test_the_text_of_words_stays_when_their_line_is_moved(open_page):
    words = "".join(
        "<pc:Word><pc:TextEquiv>"
        f"<pc:Unicode>{word}</pc:Unicode></pc:TextEquiv></pc:Word>"
        for word in ("un", "deux")
    )
    path = open_page().path
    path.write_text(
        TRANSKRIBUS.replace(
            "</pc:TextLine></pc:TextRegion>",
            words + "</pc:TextLine></pc:TextRegion>",
            1,
        )
    )
    document = open_page()
    assert document.lines()[1].text == "un deux"
    document.set_baseline(key_of(document, "b"), [[60, 216], [340, 216]])
    assert open_page().lines()[1].text == "un deux"


def test_of_several_texts_the_first_by_index_says_who_wrote_it(open_page):
    path = open_page().path
    others = (
        '<pc:TextEquiv index="1" conf="0.9"><pc:Unicode>ome</pc:Unicode></pc:TextEquiv>'
        '<pc:TextEquiv index="0"><pc:Unicode>one</pc:Unicode></pc:TextEquiv>'
    )
    whole = re.compile(r"<pc:TextEquiv conf.*?</pc:TextEquiv>", re.DOTALL)
    path.write_text(whole.sub(others, TRANSKRIBUS))
    first = open_page().lines()[0]
    assert (first.text, first.confidence, first.is_kept) == ("one", None, True)


def test_a_text_that_is_folded_in_its_xml_is_one_line(open_page):
    path = open_page().path
    path.write_text(TRANSKRIBUS.replace(">one<", ">\n  one\n  more\n<"))
    assert open_page().lines()[0].text == "one more"


def test_a_tab_that_is_pasted_parts_words(open_page):
    document = open_page()
    document.set_text(key_of(document, "a"), "un\tdeux")
    assert open_page().lines()[0].text == "un deux"


def test_a_page_without_regions_gets_one(open_page):
    path = open_page().path
    page = re.sub(r"<pc:TextRegion.*</pc:TextRegion>", "", TRANSKRIBUS, flags=re.DOTALL)
    path.write_text(page)
    open_page().add([[60, 150], [340, 150]])
    assert len(page_xml.parse(path).lines) == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<alto/>",
        "<PcGts/>",
        '<!DOCTYPE x [<!ENTITY a "b">]><PcGts><Page>&a;</Page></PcGts>',
    ],
)
def test_other_files_are_refused(open_page, content):
    open_page().path.write_text(content)
    with pytest.raises(UserError):
        open_page()


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(text=strategies.text(max_size=12))
def test_any_text_is_what_is_read_again(text):
    tree = page_tree.PageTree(TRANSKRIBUS.encode(), "page")
    tree.set_text(tree.lines[0], text, None, "")
    again = page_tree.PageTree(tree.to_bytes(), "page")
    written = again.lines[0].findtext("./{*}TextEquiv/{*}Unicode")
    assert (written or "") == line_tree.writable(text)


def test_pages_that_are_written_at_once_keep_their_prefixes(monkeypatch):
    other = TRANSKRIBUS.replace("pc:", "").replace("xmlns:pc", "xmlns")
    trees = [page_tree.PageTree(xml.encode(), "page") for xml in (TRANSKRIBUS, other)]
    alone = [tree.to_bytes() for tree in trees]
    register, both = ElementTree.register_namespace, threading.Barrier(2)

    def register_at_once(*names):
        register(*names)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.2)

    monkeypatch.setattr(ElementTree, "register_namespace", register_at_once)
    with futures.ThreadPoolExecutor(2) as pool:
        assert list(pool.map(page_tree.PageTree.to_bytes, trees)) == alone


NAMES = strategies.sampled_from(["checked", "readingOrder", "person", "check"])
TAGS = strategies.lists(st_tag := strategies.tuples(NAMES, NAMES), max_size=4)


@hypothesis.given(tags=TAGS, tag=st_tag)
def test_a_tag_is_put_beside_the_others(tags, tag):
    custom = " ".join(f"{name} {{{key}:7; other:8;}}" for name, key in tags)
    name, key = tag
    put = custom_tags.put(custom, name, key, "9")
    assert custom_tags.get(put, name, key) == "9"
    others = [other for other, _ in tags if other != name]
    assert re.findall(r"(\w+) \{", put) == [*others, name]
    assert custom_tags.get(custom_tags.put(put, name, key, ""), name, key) == ""
