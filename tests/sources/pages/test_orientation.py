"""Pages that a tag turns: lines are cut where they were measured, or not at all."""

import cv2
import numpy as np
import pytest
from PIL import Image

from ocr_jax.errors import UserError
from ocr_jax.images import opening
from ocr_jax.sources.pages import line_cutting, locating, orientation, page_xml
from tests import fixtures

TAG = 0x0112
XML = (
    '<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15">'
    '<Page imageFilename="p.png"{size}><TextRegion><TextLine id="l1">'
    '<Coords points="{outline}"/>{baseline}'
    "<TextEquiv><Unicode>a b</Unicode></TextEquiv></TextLine></TextRegion></Page>"
    "</PcGts>"
)
# The first line of fixtures.draw_page, 500 x 400 px.
LINE = np.array([[50, 100], [350, 100], [350, 160], [50, 160]])


def read(folder, stored, outline, *, tag=1, size=None, baseline=None):
    """Read the page whose stored pixels and tag are these, measured like this."""
    image = Image.fromarray(np.ascontiguousarray(stored))
    exif = image.getexif()
    exif[TAG] = tag
    image.save(folder / "p.png", exif=exif)

    def points(array):
        return " ".join(f"{x},{y}" for x, y in array)

    named = f' imageWidth="{size[0]}" imageHeight="{size[1]}"' if size else ""
    based = "" if baseline is None else f'<Baseline points="{points(baseline)}"/>'
    text = XML.format(size=named, outline=points(outline), baseline=based)
    (folder / "p.xml").write_text(text)
    task = locating.Task("p", "train", "w", folder / "p.xml", "PAGE", folder / "p.png")
    return page_xml.read(task, 32)


def upright(tmp_path):
    [(_, line)] = read(tmp_path, fixtures.draw_page(), LINE, size=(500, 400))
    return line.image


def test_lines_measured_on_the_stored_pixels_are_cut_from_them(tmp_path):
    expected = upright(tmp_path)
    for tag in (6, 8):
        page = fixtures.draw_page()
        [(_, line)] = read(tmp_path, page, LINE, tag=tag, size=(500, 400))
        np.testing.assert_array_equal(line.image, expected)


@pytest.mark.parametrize("tag", range(2, 9))
def test_lines_measured_as_people_see_the_page_are_cut_from_that(tmp_path, tag):
    expected = upright(tmp_path)
    page = fixtures.draw_page()
    stored = opening.stored(opening.Picture(page, tag))
    [(_, line)] = read(tmp_path, stored, LINE, tag=tag, size=(500, 400))
    np.testing.assert_array_equal(line.image, expected)


@pytest.mark.parametrize("tag", [5, 6, 7, 8])
def test_upright_writing_measured_lying_on_its_side_is_stood_up(tmp_path, tag):
    expected = upright(tmp_path)
    page = fixtures.draw_page()
    stored = opening.stored(opening.Picture(page, tag))
    marks = np.zeros((400, 500), np.uint8)
    cv2.fillPoly(marks, [LINE], 1)
    ys, xs = np.nonzero(opening.stored(opening.Picture(marks, tag)))
    left, right, top, bottom = xs.min(), xs.max(), ys.min(), ys.max()
    outline = [(left, top), (right, top), (right, bottom), (left, bottom)]
    [(_, line)] = read(tmp_path, stored, outline, tag=tag, size=(400, 500))
    assert abs(line.image.shape[1] - expected.shape[1]) <= 3
    resized = cv2.resize(line.image, expected.shape[::-1])
    assert np.corrcoef(resized.ravel(), expected.ravel())[0, 1] > 0.8


def test_a_half_turn_is_told_by_the_ink(tmp_path):
    expected = upright(tmp_path)
    page = fixtures.draw_page()
    base = [(50, 152), (350, 152)]
    # The tag is wrong: people see the page upside down, programs do not.
    [(_, line)] = read(tmp_path, page, LINE, tag=3, size=(500, 400), baseline=base)
    np.testing.assert_array_equal(line.image, expected)


@pytest.mark.parametrize(
    ("tag", "size"), [(6, (700, 300)), (3, (700, 300)), (6, (123, 456))]
)
def test_a_page_of_another_size_is_left_out_with_a_word(tmp_path, tag, size):
    page = fixtures.draw_page()
    with pytest.raises(UserError, match="the XML measures"):
        read(tmp_path, page, LINE, tag=tag, size=size)


def test_a_page_turned_without_a_tag_is_left_out_with_a_word(tmp_path):
    page = np.rot90(fixtures.draw_page())
    with pytest.raises(UserError, match="turned since"):
        read(tmp_path, page, LINE, size=(500, 400))


@pytest.mark.parametrize("corner", [(300, 260), (420, 400), (340, 270)])
def test_a_cropped_image_is_left_out_with_a_word(tmp_path, corner):
    """Its lines are elsewhere, though they would still be on it."""
    right, bottom = corner
    page = fixtures.draw_page()[-bottom:, -right:]
    outline = LINE - (50, 60)
    why = rf"500 x 400 px, but the image is {right} x {bottom} px: it has been cropped"
    with pytest.raises(UserError, match=why):
        read(tmp_path, page, outline, size=(500, 400))


@pytest.mark.parametrize("size", [(400, 500), (200, 150), (100, 100)])
def test_a_size_that_is_a_mistake_of_the_program_is_not_used(tmp_path, size):
    """It is swapped, or too small for the lines."""
    expected = upright(tmp_path)
    [(_, line)] = read(tmp_path, fixtures.draw_page(), LINE, size=size)
    np.testing.assert_array_equal(line.image, expected)


def test_another_shape_in_millimetres_is_always_left_out():
    """Its lines can't be measured in pixels of the image."""
    page = line_cutting.Page("mm10", (80, 100), [])
    with pytest.raises(UserError, match="80 x 100 mm10, but the image is 500 x 400 px"):
        orientation.upright(page, opening.Picture(fixtures.draw_page(), 1))


def test_without_a_size_the_lines_say_it_or_the_page_is_left_out(tmp_path):
    expected = upright(tmp_path)
    page = fixtures.draw_page()
    [(_, line)] = read(tmp_path, page, LINE, tag=6)
    np.testing.assert_array_equal(line.image, expected)
    blank = np.full((400, 500), 220, np.uint8)
    with pytest.raises(UserError, match="without the tag"):
        read(tmp_path, blank, LINE, tag=3, size=(500, 400))


def test_a_page_without_lines_lies_as_people_see_it():
    page = line_cutting.Page("pixel", (500, 400), [])
    picture = opening.Picture(fixtures.draw_page(), 3)
    gray, same = orientation.upright(page, picture)
    assert gray is picture.gray and same is page
