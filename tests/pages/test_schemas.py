"""PAGE and ALTO that are written have the form that their schemas ask for."""

import datetime
import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from ocr_jax.pages import page_xml_writer
from ocr_jax.readings import Page, PageLine, Part, Reading

WRITERS = {"page": page_xml_writer.page_xml, "alto": page_xml_writer.alto}
NAME = re.compile(r"[A-Za-z_][\w.-]*")  # xs:ID
# Of each element: its children, in their order, and the attributes that it must have.
FORMS = {
    "PcGts": (["Metadata", "Page"], []),
    "Metadata": (["Creator", "Created", "LastChange"], []),
    "Page": (["TextRegion"], ["imageFilename", "imageWidth", "imageHeight"]),
    "TextRegion": (["Coords", "TextLine"], ["id"]),
    "TextEquiv": (["Unicode"], ["conf"]),
    "alto": (["Description", "Layout"], []),
    "Description": (
        ["MeasurementUnit", "sourceImageInformation", "Processing"],
        [],
    ),
    "Processing": (["processingSoftware"], ["ID"]),
    "PrintSpace": (["TextBlock"], ["HPOS", "VPOS", "WIDTH", "HEIGHT"]),
    "TextBlock": (["TextLine"], ["ID", "HPOS", "VPOS", "WIDTH", "HEIGHT"]),
    "Shape": (["Polygon"], []),
    "String": ([], ["ID", "CONTENT", "WC"]),
}
LINES = {
    "page": (["Coords", "Baseline", "TextEquiv"], ["id"]),
    "alto": (["Shape", "String"], ["ID", "HPOS", "VPOS", "WIDTH", "HEIGHT"]),
}


def page(lines):
    """A page with lines, some of them turned, empty or with marks of XML."""
    texts = ["a <b> & c", "", "é'\"\x07"]
    placed = []
    for n in range(lines):
        baseline = np.array([[10.0, 50.0 * n + 40], [290.2, 50.0 * n + 41.6]])
        outline = np.array([[0, 50.0 * n], [299, 50.0 * n], [299, 50 * n + 45.4]])
        if n % 2:
            baseline, outline = baseline[:, ::-1], outline[:, ::-1]
        text = texts[n % 3]
        parts = [Part(character, 1.0, 1.0, 1.0) for character in text]
        placed.append(PageLine(baseline, outline, Reading(text, 0.5, parts)))
    return Page((300, 300), placed)


@pytest.mark.parametrize("lines", [0, 1, 5])
def test_page_xml_is_valid_by_its_schema(lines):
    etree = pytest.importorskip("lxml.etree", reason="needs lxml")
    found = importlib.util.find_spec("ocrd_validators")
    if found is None:
        pytest.skip("its schema comes with: pip install --no-deps ocrd")
    path = Path(found.submodule_search_locations[0], "page.xsd")
    schema = etree.XMLSchema(etree.parse(path))
    schema.assertValid(etree.fromstring(page_xml_writer.page_xml(page(lines), "a.png")))


@pytest.mark.parametrize("lines", [0, 5])
@pytest.mark.parametrize("form", WRITERS)
def test_elements_are_in_order_with_what_they_must_have(form, lines):
    root = ElementTree.fromstring(WRITERS[form](page(lines), "a.png"))
    forms = FORMS | {"TextLine": LINES[form]}
    if form == "alto":
        forms = forms | {
            "Page": (["PrintSpace"], ["ID", "PHYSICAL_IMG_NR", "WIDTH", "HEIGHT"])
        }
    for element in root.iter():
        children = [child.tag.partition("}")[2] for child in element]
        order, attributes = forms.get(element.tag.partition("}")[2], ([], []))
        if order:
            places = [order.index(child) for child in children]
            assert places == sorted(places)
        assert set(attributes) <= set(element.attrib)


@pytest.mark.parametrize("form", WRITERS)
def test_ids_are_names_and_unique(form):
    root = ElementTree.fromstring(WRITERS[form](page(5), "a.png"))
    ids = [e.get(key) for e in root.iter() for key in ("id", "ID") if e.get(key)]
    assert len(ids) == len(set(ids)) >= 5
    assert all(NAME.fullmatch(one) for one in ids)


@pytest.mark.parametrize("form", WRITERS)
def test_places_and_confidences_are_within_their_bounds(form):
    root = ElementTree.fromstring(WRITERS[form](page(5), "a.png"))
    for element in root.iter():
        for key in ("points", "POINTS", "BASELINE"):
            if text := element.get(key):
                numbers = np.array(re.split("[ ,]", text), int)
                assert len(numbers) % 2 == 0
                assert numbers.min() >= 0 and numbers.max() < 300
        box = [element.get(key) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
        if all(box):
            left, top, width, height = map(int, box)
            assert 0 <= left <= left + width <= 300
            assert 0 <= top <= top + height <= 300
        for key in ("conf", "WC"):
            assert 0 <= float(element.get(key, 0)) <= 1


def test_times_are_of_a_time_zone():
    root = ElementTree.fromstring(page_xml_writer.page_xml(page(1), "a.png"))
    for name in ("Created", "LastChange"):
        text = root.findtext(f"{{*}}Metadata/{{*}}{name}")
        assert datetime.datetime.fromisoformat(text).tzinfo is not None
