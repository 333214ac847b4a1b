"""Copies of XML: what no text takes the place of stays as it was."""

from xml.etree import ElementTree

import pytest

from ocr_jax.pages import kept_xml, xml_texts


def test_what_stands_before_the_root_is_kept(tmp_path):
    before = '<?xml-model href="a.rng"?>\n<!-- by <hand> & héart -->\n<!-- two -->\n'
    path = tmp_path / "page.xml"
    root = "<alto><!-- inside --><TextLine /></alto>"
    path.write_text(f"<?xml version='1.0'?>\n{before}{root}", encoding="utf-8")
    assert xml_texts.copy(path, {}).decode() == f"{kept_xml.DECLARATION}{before}{root}"


@pytest.mark.parametrize(
    ("region_text", "expected"),
    [("one\ntwo", "one\nTWO"), ("in one piece", "in one piece")],
)
def test_the_text_of_a_region_is_renewed_where_it_was_that_of_its_lines(
    tmp_path, region_text, expected
):
    def equivalent(text):
        return f"<TextEquiv><Unicode>{text}</Unicode></TextEquiv>"

    lines = "".join(
        f"<TextLine>{equivalent(text)}</TextLine>" for text in ("one", "two")
    )
    region = f"<TextRegion>{lines}{equivalent(region_text)}</TextRegion>"
    (tmp_path / "page.xml").write_text(f"<PcGts><Page>{region}</Page></PcGts>")
    copied = xml_texts.copy(tmp_path / "page.xml", {1: xml_texts.Text("TWO", 0.5)})
    found = ElementTree.fromstring(copied).findtext(
        "./Page/TextRegion/TextEquiv/Unicode"
    )
    assert found == expected
