"""Lines that were cut out along their outline: what is around them is no paper."""

import cv2
import numpy as np
import pytest

from ocr_jax.images import cleaning, cut_outs, opening


def draw_line(rows=96, columns=600):
    """Letters on gray paper, and an outline that follows them: (gray, inside)."""
    gray = np.full((rows, columns), 190, np.uint8)
    for x in range(30, columns - 40, 40):
        cv2.ellipse(gray, (x, rows // 2), (10, rows // 6), 10, 0, 300, 60, 3)
        cv2.line(gray, (x + 15, rows // 3), (x + 12, rows * 2 // 3), 60, 3)
    noise = np.random.default_rng(0).normal(0, 3, gray.shape)
    gray = np.clip(gray + noise, 0, 255).astype(np.uint8)
    xs = np.linspace(4, columns - 4, 13)
    ups = rows * (0.16 + 0.12 * (np.arange(13) % 2))
    outline = np.concatenate(
        [np.stack([xs, ups], 1), np.stack([xs, rows - ups], 1)[::-1]]
    )
    inside = np.zeros_like(gray)
    cv2.fillPoly(inside, [outline.astype(np.int32)], 1)
    return gray, inside


def as_jpeg(gray, quality):
    _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


@pytest.mark.parametrize("around", [0, 255])
@pytest.mark.parametrize("quality", [None, 60])
def test_a_line_that_was_cut_out_is_cleaned_like_the_scan(around, quality):
    gray, inside = draw_line()
    cut = np.where(inside, gray, around).astype(np.uint8)
    cut = as_jpeg(cut, quality) if quality else cut
    found = cut_outs.inside(cut)
    assert np.mean(found != inside) < 0.08 and np.mean(found > inside) < 0.005
    images = [cleaning.line_image(image, 64) for image in (gray, cut)]
    same_size = [cv2.resize(image, (640, 64)).ravel() for image in images]
    assert np.corrcoef(same_size)[0, 1] > 0.95


def test_transparent_surroundings_are_white():
    gray, inside = draw_line()
    image = opening.read_image(np.dstack([gray, gray, gray, 255 * inside]))
    white = np.where(inside, gray, 255).astype(np.uint8)
    np.testing.assert_array_equal(cut_outs.inside(image), cut_outs.inside(white))


def white_on_black():
    return 255 - np.where(draw_line()[0] < 120, 0, 255).astype(np.uint8)


def touching_the_edge():
    """Binary letters, whose stems reach the upper and the lower edge."""
    gray = np.full((40, 400), 255, np.uint8)
    gray[:, 0:400:20] = gray[:, 1:400:20] = gray[:2, ::3] = 0
    return gray


@pytest.mark.parametrize(
    "gray",
    [
        draw_line()[0],
        255 - draw_line()[0],
        white_on_black(),
        255 - white_on_black(),
        touching_the_edge(),
        np.full((30, 90), 255, np.uint8),
        np.zeros((30, 90), np.uint8),
        np.pad(np.full((48, 16), 255, np.uint8), ((8, 8), (24, 24))),  # a letter
    ],
)
def test_other_images_are_no_cut_outs(gray):
    assert cut_outs.inside(gray) is None
