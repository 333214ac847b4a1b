"""Cleaning: paper becomes exactly zero, ink bright; images of any kind are read."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from ocr_jax.errors import UserError
from ocr_jax.images import cleaning, opening


def scan(height=96, width=400, ink=60, paper_level=205, noise=3.0, seed=0):
    """Dark strokes on noisy light paper: (gray (H, W) uint8, ink (H, W) bool)."""
    drawing = np.zeros((height, width), np.uint8)
    for x in range(30, width - 40, 35):
        cv2.ellipse(drawing, (x, height // 2), (10, height // 4), 10, 0, 300, 1, 4)
        cv2.line(drawing, (x + 12, height // 5), (x + 9, height * 4 // 5), 1, 4)
    generator = np.random.default_rng(seed)
    gray = np.where(drawing > 0, ink, paper_level) + generator.normal(
        0, noise, drawing.shape
    )
    return np.clip(gray, 0, 255).astype(np.uint8), drawing > 0


def everywhere(gray):
    return np.ones(gray.shape, bool)


def assert_ink_is(ink, expected, least=0.7):
    """Bright where there is writing, exactly zero on nearly all of the paper."""
    core = cv2.erode(expected.astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    around = cv2.dilate(expected.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert np.median(ink[core]) > least
    assert np.mean(ink[~around] == 0.0) > 0.98


@pytest.mark.parametrize(
    "kind", [{}, {"ink": 150, "paper_level": 190}, {"noise": 9.0}, {"paper_level": 120}]
)
def test_ink_is_bright_and_paper_zero(kind):
    gray, expected = scan(**kind)
    assert_ink_is(cleaning.clean(gray, everywhere(gray)), expected)


def test_uneven_light_and_a_stain_are_paper():
    gray, expected = scan()
    shade = np.linspace(0, 70, gray.shape[1])
    stain = np.zeros(gray.shape)
    cv2.circle(stain, (200, 40), 45, 40, -1)
    stained = np.clip(gray - shade - cv2.GaussianBlur(stain, (0, 0), 8), 0, 255)
    ink = cleaning.clean(stained.astype(np.uint8), everywhere(gray))
    assert_ink_is(ink, expected, least=0.5)


@pytest.mark.parametrize("noise", [3.0, 9.0])
def test_a_coarse_scan_keeps_its_ink_as_a_fine_one_does(noise):
    gray, _ = scan(height=192, width=1000, noise=noise)
    coarse = cv2.resize(gray, None, fx=1 / 6, fy=1 / 6, interpolation=cv2.INTER_AREA)
    fine = cleaning.line_image(gray, 64)
    image = cleaning.line_image(coarse, 64)
    assert abs(image.shape[1] - fine.shape[1]) <= 0.04 * fine.shape[1]
    images = [cv2.resize(i, (400, 64)).ravel().astype(float) for i in (fine, image)]
    assert np.corrcoef(images)[0, 1] > 0.8


def test_a_ruled_line_is_weakened():
    gray, expected = scan()
    ruled = gray.copy()
    ruled[80:82] = np.minimum(ruled[80:82], 90)
    ink = cleaning.clean(ruled, everywhere(gray))
    free = ~(cv2.dilate(expected.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)
    assert ink[81][free[81]].mean() < 0.4
    assert np.median(ink[expected]) > 0.7


def test_white_ink_on_black_reads_like_black_on_white():
    gray, expected = scan()
    assert_ink_is(cleaning.clean(255 - gray, everywhere(gray)), expected)


def test_an_image_of_two_colours_stays_as_it_is():
    _, expected = scan()
    binary = np.where(expected, 0, 255).astype(np.uint8)
    ink = cleaning.clean(binary, everywhere(binary))
    assert np.array_equal(ink > 0.5, expected)


def test_outside_the_mask_is_blank():
    gray, _ = scan()
    mask = everywhere(gray)
    mask[:, 200:] = False
    assert not cleaning.clean(gray, mask)[:, 200:].any()


@pytest.mark.parametrize("size", [(40, 170), (96, 400), (400, 1700)])
def test_a_line_gets_its_height_and_keeps_its_aspect(size):
    gray, _ = scan(*size)
    line = cleaning.clean_line(gray, 64)
    assert line.image.shape[0] == 64 and line.image.dtype == np.uint8
    drawn = np.flatnonzero(line.image.max(axis=0) > 100) * line.scale + line.left
    original = np.flatnonzero(gray.min(axis=0) < 130)
    assert abs(drawn[0] - original[0]) < 0.05 * size[1]
    assert abs(drawn[-1] - original[-1]) < 0.05 * size[1]


def test_wide_margins_are_cut_so_that_the_writing_fills_the_line():
    gray, _ = scan()
    framed = np.pad(gray, ((200, 150), (300, 300)), constant_values=205)
    line = cleaning.clean_line(framed, 64)
    rows = np.flatnonzero(line.image.max(axis=1) > 100)
    assert rows[-1] - rows[0] > 40


@pytest.mark.parametrize("row", [0, 48, 90])
@pytest.mark.parametrize("height", [64, 512])
def test_a_lone_dash_is_not_blown_up(row, height):
    gray = np.full((96, 1400), 220, np.uint8)
    gray[row : row + 4, 100:1300:3] = 40
    width = cleaning.clean_line(gray, height).image.shape[1]
    assert width <= min(cleaning.LONGEST * height, cleaning.MAX_WIDTH)


@pytest.mark.parametrize(
    ("gray", "message"),
    [
        (np.full((1, 1), 200, np.uint8), "too small"),
        (np.full((64, 300), 200, np.uint8), "nothing on it"),
        (np.full((64, 50_000), 200, np.uint8), "50000 px wide at height 64"),
    ],
    ids=["one pixel", "blank", "endless"],
)
def test_a_scan_without_a_line_is_refused(gray, message):
    with pytest.raises(UserError, match=message):
        cleaning.clean_line(gray, 64)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


GRADIENT = np.tile(np.arange(0, 250, 5, dtype=np.uint8), (20, 1))


@pytest.mark.parametrize(
    "mode", ["L", "RGB", "RGBA", "P", "LA", "CMYK", "I;16", "I", "F"]
)
def test_every_kind_of_image_is_read_as_gray(mode):
    if mode == "I;16":
        image = Image.fromarray(GRADIENT.astype(np.uint16) * 257)
    elif mode in "IF":
        image = Image.fromarray(
            GRADIENT.astype(np.int32 if mode == "I" else np.float32) * 257
        )
    else:
        image = Image.fromarray(GRADIENT).convert(mode)
    gray = opening.read_image(encoded(image, "TIFF"))
    assert gray.shape == GRADIENT.shape and gray.dtype == np.uint8
    assert np.all(np.diff(gray[0].astype(int)) >= -3)
    assert gray[0, 0] < 10 and gray[0, -1] > 235


def test_transparency_is_white_paper():
    image = Image.new("RGBA", (30, 20), (0, 0, 0, 0))
    assert np.all(opening.read_image(encoded(image)) == 255)


def test_an_image_lying_on_its_side_is_turned_by_its_exif_tag():
    image = Image.fromarray(GRADIENT)
    exif = image.getexif()
    exif[0x0112] = 6
    assert opening.read_image(encoded(image, "JPEG", exif=exif)).shape == (50, 20)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes"),
        (b"hello", "can't be read as an image"),
        (encoded(Image.fromarray(GRADIENT))[:60], "can't be read as an image"),
        (encoded(Image.fromarray(GRADIENT), "JPEG")[:300], "can't be read as an image"),
    ],
    ids=["zero bytes", "text", "torn png", "torn jpeg"],
)
def test_what_is_not_a_whole_image_is_one_clear_line(tmp_path, content, message):
    path = tmp_path / "line.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        opening.read_image(path)
    assert "\n" not in str(error.value) and "line.png" in str(error.value)


@pytest.mark.parametrize("source", [None, ["line.png"], 3])
def test_what_is_of_no_kind_of_image_is_one_clear_line(source):
    with pytest.raises(UserError, match="expected a path, bytes, an open file"):
        opening.read_image(source)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_no_numbers_are_refused(value):
    pixels = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    pixels[3, 3] = value
    with pytest.raises(UserError, match="infinite, or no numbers"):
        opening.read_image(pixels)


def test_a_torn_file_that_pillow_has_opened_is_refused():
    noise = np.random.default_rng(0).integers(0, 256, (40, 90), np.uint8)
    torn = io.BytesIO(encoded(Image.fromarray(noise))[:900])
    with pytest.raises(UserError, match="can't be read as an image"):
        opening.read_image(Image.open(torn))


@pytest.mark.parametrize("side", [12_500, 60_000])
def test_a_small_file_that_claims_to_be_huge_is_refused(side):
    small = encoded(Image.fromarray(GRADIENT))
    header = b"IHDR" + struct.pack(">II", side, side) + small[24:29]
    bomb = small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:]
    with pytest.raises(UserError, match="pixels") as error:
        opening.read_image(bomb)
    assert "\n" not in str(error.value)


def opened_whole(ink, length):
    """The ruled lines of (H, W) ink, found in all rows and not only in likely ones."""
    closed = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
    return cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))


@pytest.mark.parametrize("rows", [15, 16])
def test_ruled_lines_are_found_where_only_some_rows_can_hold_one(rows):
    noise = np.random.default_rng(0)
    for _ in range(20):
        ink = noise.random((rows, 150), np.float32) * (noise.random((rows, 150)) < 0.4)
        for row in noise.integers(rows, size=3):
            start, end = np.sort(noise.integers(151, size=2))
            ink[row, start:end] = noise.random()
        ruled = opened_whole(ink, 2 * rows)
        expected = np.maximum(ink - (1 - cleaning.RULED_KEPT) * ruled, 0)
        weakened = cleaning._weaken_ruled_lines(ink.copy())
        np.testing.assert_array_equal(weakened, expected)


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15, 16])
@pytest.mark.parametrize("kind", ["gray", "colour"])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_the_bits_that_a_scanner_used_are_all_the_range(bits, kind, suffix):
    values = (GRADIENT.astype(float) / GRADIENT.max() * (2**bits - 1)).astype(np.uint16)
    if kind == "colour":
        values = np.repeat(values[..., None], 3, axis=2)
    _, data = cv2.imencode(suffix, values)
    gray = opening.read_image(data.tobytes())
    assert gray[0, 0] == 0 and gray[0, -1] == 255
    assert np.all(np.abs(gray - GRADIENT / GRADIENT.max() * 255) <= 2)


@pytest.mark.parametrize("room", [0, 4, 20])
@pytest.mark.parametrize("on_parchment", [False, True])
def test_a_drop_capital_that_fills_its_crop_is_ink(room, on_parchment):
    letter = np.zeros((200, 160), np.uint8)
    letter[:, :70] = letter[140:] = 1  # an L with strokes a third as thick as high
    letter = np.pad(letter, room)
    gray = np.where(letter, 40, 190 if on_parchment else 240).astype(np.uint8)
    image = cleaning.line_image(gray, 64)
    small = cv2.resize(letter * 255, image.shape[::-1], interpolation=cv2.INTER_AREA)
    if room < 20:  # the margins are cut otherwise
        assert np.abs(image.astype(float) - small).mean() < 10
    assert np.mean(image > 128) > 0.4


def test_white_letters_on_black_are_ink():
    letter = np.zeros((64, 64), np.uint8)
    letter[8:56, 24:40] = 255
    image = cleaning.line_image(letter, 64)
    assert 0 < np.mean(image > 128) < 0.6 and image[:, image.shape[1] // 2].max() > 200
