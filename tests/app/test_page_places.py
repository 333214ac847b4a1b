"""Where lines are added to a page: by a person, and by the finder meanwhile."""

import numpy as np
import pytest

from ocr_jax.app.page_document import Document
from ocr_jax.readings import PageLine, Reading
from tests import fixtures

BESIDE = [[400, 155], [480, 155]]  # to the right of the first line


@pytest.fixture
def document(tmp_path):
    """A page of two lines."""
    fixtures.save_pages(tmp_path, 1)
    return Document(tmp_path / "page0.xml", tmp_path / "page0.png")


def found_on(document):
    """What a finder that misses nothing finds on a page."""
    return [
        PageLine(np.array(line.baseline), np.array(line.outline), Reading("x", 0.5, []))
        for line in document.lines()
    ]


@pytest.mark.parametrize(("text", "is_first"), [("peace", False), ("שלום", True)])
def test_columns_run_as_the_script_does(document, text, is_first):
    for line in document.lines():
        document.set_text(line.key, text)
    key = document.add(BESIDE)
    assert (document.lines()[0].key == key) == is_first


def test_lines_that_a_person_drew_meanwhile_are_not_found_again(document):
    found = found_on(document)
    for line in document.lines():
        document.delete(line.key)
    document.add([[100, 212], [300, 218]])  # as people draw the second one
    document.add_found(found)
    document.add_found(found)  # in another window
    first, second = document.lines()
    assert first.text == "x" and second.text == ""
    assert first.baseline == found[0].baseline.tolist()


def test_where_nothing_new_is_found_nothing_is_done(document):
    other = Document(document.path, document.image)
    document.add_found(found_on(document))
    assert not document.can_undo
    other.set_text(other.lines()[0].key, "mine")  # it is told of no other window


def test_a_baseline_drawn_from_right_to_left_is_the_same_line(document):
    keys = [document.add(points) for points in (BESIDE, BESIDE[::-1])]
    one, other = (line for line in document.lines() if line.key in keys)
    assert one.baseline == other.baseline == BESIDE
    assert one.outline == other.outline
