"""Outlines: around a line's letters, on the page, and clear of the lines beside."""

import cv2
import numpy as np

from ocr_jax.data.pages_file import Line
from ocr_jax.pages import outlines

SIZE = (400, 600)


def line(y, above=30.0, below=10.0, left=100, right=500):
    return Line(np.array([[left, y], [right, y]], float), above, below)


def covered(outline):
    mask = np.zeros(SIZE, np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    return mask > 0


def test_an_outline_holds_what_its_letters_reach():
    mask = covered(outlines.outline(line(200), [], SIZE))
    assert mask[170:211, 100:501].all()
    assert not mask[:160].any() and not mask[216:].any()
    assert not mask[:, :85].any() and not mask[:, 515:].any()


def test_an_outline_ends_before_the_lines_beside():
    mask = covered(outlines.outline(line(200), [line(180), line(205)], SIZE))
    beside = mask[:, 100:501]
    assert not beside[:181, 10:-10].any() and not beside[206:, 10:-10].any()


def test_an_outline_stays_on_the_page():
    outline = outlines.outline(line(5, left=0, right=599), [], SIZE)
    assert outline.min() >= 0
    assert (outline <= np.array(SIZE[::-1]) - 1).all()
    assert covered(outline)[5:10, 10:590].all()


def test_an_outline_is_the_same_whichever_way_its_baseline_runs():
    there, back = (line(200), line(200)._replace(baseline=line(200).baseline[::-1]))
    np.testing.assert_array_equal(
        *(covered(outlines.outline(one, [], SIZE)) for one in (there, back))
    )
