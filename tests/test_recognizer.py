"""The Recognizer: any image reads the same, alone or among others."""

import io
import pathlib
import tempfile

import jax
import numpy as np
import pytest
from PIL import Image

from ocr_jax.errors import UserError
from ocr_jax.readings import Part, Reading
from ocr_jax.recognizer import _widths, is_one_image
from tests import fixtures


@pytest.mark.parametrize("name", fixtures.SCAN_KINDS)
def test_an_image_of_any_kind_reads_the_same(recognizer, tmp_path, name):
    [reading] = recognizer.read([fixtures.save_scan(tmp_path, name)])
    assert reading.text == fixtures.SCAN_TEXT


def test_paths_bytes_files_and_arrays_are_images(recognizer, tmp_path):
    path = pathlib.Path(fixtures.save_scan(tmp_path, "gray.png"))
    colour = np.repeat(fixtures.draw_scan()[..., None], 3, axis=2)
    images = [
        path,
        path.read_bytes(),
        io.BytesIO(path.read_bytes()),
        fixtures.draw_scan(),
        colour,
    ]
    assert {reading.text for reading in recognizer.read(images)} == {fixtures.SCAN_TEXT}


def test_pil_images_and_arrays_of_any_channels_are_images(recognizer):
    gray = fixtures.draw_scan()
    opaque = np.full_like(gray, 255)
    images = [
        Image.fromarray(gray),
        gray[..., None],
        np.stack([gray, gray, gray, opaque], axis=-1),
        jax.numpy.asarray(gray),
    ]
    readings = recognizer.read(images)
    assert [reading.text for reading in readings] == [fixtures.SCAN_TEXT] * 4


def test_one_image_is_read_as_a_list_of_one(recognizer, tmp_path):
    path = fixtures.save_scan(tmp_path, "gray.png")
    for one in (path, pathlib.Path(path), fixtures.draw_scan(), Image.open(path)):
        [reading] = recognizer.read(one)
        assert reading.text == fixtures.SCAN_TEXT


def test_a_temporary_file_is_one_image():
    with tempfile.NamedTemporaryFile() as file:
        assert is_one_image(file)
    assert not is_one_image(["a.png"]) and not is_one_image(np.zeros((2, 3, 4, 1)))


def test_an_image_that_cannot_be_read_is_skipped_when_asked(recognizer):
    images = [fixtures.draw_scan(), b"no image", np.zeros((2, 3, 4, 5)), "gone.png"]
    readings = recognizer.read([*images, images[0]], on_error="skip")
    read = fixtures.SCAN_TEXT
    assert [reading.text for reading in readings] == [read, "", "", "", read]
    assert readings[1].confidence == 0
    with pytest.raises(UserError, match=r"gone.png can't be read.*: No such file"):
        recognizer.read(images[3])
    with pytest.raises(UserError, match=r"array .2, 3, 4, 5. of float64: expected"):
        recognizer.read([images[2]])
    with pytest.raises(UserError, match="expected 'raise' or 'skip'"):
        recognizer.read([], on_error="ignore")


def test_a_line_reads_the_same_alone_and_among_others(recognizer):
    texts = ["ac", "cab" * 9, "abc", "bac" * 20, "ca", "acb" * 5] * 4
    pages = [fixtures.draw_scan(text) for text in texts]
    together = recognizer.read(pages)
    for image, reading in zip(pages[:6], together, strict=False):
        [alone] = recognizer.read([image])
        assert alone.text == reading.text
        assert alone.confidence == pytest.approx(reading.confidence, abs=1e-4)


def test_each_character_has_a_confidence_and_a_place_in_the_image(recognizer):
    [reading] = recognizer.read([fixtures.draw_scan()])
    assert (
        "".join(c.text for c in reading.characters)
        == reading.text
        == fixtures.SCAN_TEXT
    )
    for position, character in enumerate(reading.characters):
        middle = fixtures.SCAN_SCALE * (8 * position + 6)
        assert abs(character.x - middle) < fixtures.SCAN_SCALE * 8
        assert 0 < character.confidence <= 1
        assert 0 < character.width < 2 * fixtures.SCAN_SCALE * 8
    confidences = [c.confidence for c in reading.characters]
    assert 0 < reading.confidence <= np.mean(confidences) + 1e-6


def test_characters_reach_half_way_to_their_neighbours():
    widths = _widths(np.array([10.0, 20.0, 26.0]), 100)
    assert widths.tolist() == [10.0, 8.0, 6.0]
    assert _widths(np.array([10.0]), 100).tolist() == [100.0]
    assert _widths(np.array([]), 100).tolist() == []


def test_words_are_what_spaces_divide():
    characters = [Part(c, 0.5, 10.0 * i, 10.0) for i, c in enumerate(" ab  c")]
    words = Reading(" ab  c", 0.5, characters).words
    assert words == [Part("ab", 0.5, 15.0, 20.0), Part("c", 0.5, 50.0, 10.0)]
    assert Reading("", 1.0, []).words == []


def test_nothing_to_read_gives_nothing(recognizer):
    assert recognizer.read([]) == []
    with pytest.raises(UserError):
        recognizer.read([b"not an image"])
