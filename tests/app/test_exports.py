"""What is downloaded: every page, in the format that was asked for."""

import io
import re
import zipfile

import pytest

from ocr_jax.app import exports
from ocr_jax.readings import Part, Reading
from ocr_jax.sources.pages import alto


def test_exports_hold_every_page(project, tmp_path):
    packed = {}
    for kind in exports.KINDS:
        with zipfile.ZipFile(io.BytesIO(exports.pack(project, kind))) as file:
            packed[kind] = {name: file.read(name) for name in file.namelist()}
    assert packed["text"]["page0.txt"].decode() == "été <b>\nabc\n"
    assert packed["page"]["page1.xml"] == project.pages()[1].xml.read_bytes()
    shown = packed["html"]["page0.html"].decode()
    assert "é&lt;b&gt;" not in shown and "&lt;b&gt;" in re.sub("<.*?>", "", shown)
    (tmp_path / "alto.xml").write_bytes(packed["alto"]["page0.xml"])
    lines = alto.parse(tmp_path / "alto.xml").lines
    assert [line.text.strip() for line in lines] == ["été <b>", "abc"]


def test_a_text_whose_place_is_not_known_is_exported(project, tmp_path):
    first, _ = project.pages()
    lost = "<TextLine><TextEquiv><Unicode>lost</Unicode></TextEquiv></TextLine>"
    xml = first.xml.read_text().replace("</TextRegion>", f"{lost}</TextRegion>")
    first.xml.write_text(xml)
    for kind in exports.KINDS:
        with zipfile.ZipFile(io.BytesIO(exports.pack(project, kind))) as file:
            [name] = [name for name in file.namelist() if name.startswith("page0")]
            assert b"lost" in file.read(name)
            if kind == "alto":
                file.extract(name, tmp_path)
    texts = [line.text for line in alto.parse(tmp_path / "page0.xml").lines]
    assert texts == ["été <b>", "abc", "lost"]


def test_the_other_format_says_what_a_person_checked_and_wrote(project):
    page = project.pages()[0]
    document = project.open(page)
    reading = Reading("xy", 0.7, [Part("x", 0.99, 0, 1), Part("y", 0.42, 0, 1)])
    second = document.lines()[1].key
    document.set_text(second, "")
    document.set_readings({second: reading})
    document.set_text(document.add([[60, 300], [340, 300]]), "by hand")
    shown = [
        (n.text, n.confidence, n.characters, n.is_checked) for n in document.lines()
    ]
    assert [line[1:] for line in shown] == [
        (None, "", True),
        (0.7, "94", False),
        (None, "", False),
    ]
    for write in (exports.as_alto, exports.as_page):
        page.xml.write_bytes(write(page, project.open(page)))
        lines = project.open(page).lines()
        assert shown == [
            (n.text, n.confidence, n.characters, n.is_checked) for n in lines
        ]
        assert [line.is_kept for line in lines] == [True, False, True]


def test_a_page_that_can_not_be_shown_is_named_in_the_zip(project):
    first, _ = project.pages()
    first.image.write_bytes(b"no image")
    with zipfile.ZipFile(io.BytesIO(exports.pack(project, "html"))) as file:
        assert file.namelist() == ["page1.html", "left_out.txt"]
        assert file.read("left_out.txt").startswith(b"page0: ")


def test_downloads_have_the_reading_order_of_page(project):
    page = project.pages()[0]
    first, second = project.open(page).lines()
    project.open(page).set_text(first.key, "one")
    xml = page.xml.read_text()
    regions = '<TextRegion id="a">', '</TextRegion><TextRegion id="b"><TextLine id="l1"'
    xml = re.sub(r"<TextRegion\b[^>]*>", regions[0], xml)
    xml = xml.replace('<TextLine id="l1"', regions[1])
    refs = [
        f'<RegionRefIndexed index="{n}" regionRef="{r}"/>' for n, r in enumerate("ba")
    ]
    order = f"<ReadingOrder><OrderedGroup>{''.join(refs)}</OrderedGroup></ReadingOrder>"
    page.xml.write_text(xml.replace(regions[0], order + regions[0]))
    document = project.open(page)
    assert exports.as_text(page, document).decode() == f"{second.text}\none\n"
    made = alto.parse(io.BytesIO(exports.as_alto(page, document)), "made")
    assert [line.text for line in made.lines] == [second.text, "one"]


@pytest.mark.parametrize("kind", exports.KINDS)
def test_a_page_whose_xml_is_broken_is_named_in_the_zip(project, kind):
    first, _ = project.pages()
    first.xml.write_bytes(b"<PcGts")
    with zipfile.ZipFile(io.BytesIO(exports.pack(project, kind))) as file:
        assert file.namelist() == [f"page1{exports.KINDS[kind][0]}", "left_out.txt"]
        said = file.read("left_out.txt").decode()
    assert said.startswith("page0: ") and said.count("\n") == 1
