"""The ink of lines: strokes, marks over them, and exposure, as strong as asked."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ocr_jax.augmentation import ink
from tests.augmentation import varied


def test_stroke_changes_thickness_by_its_pixels(strokes):
    for pixels in (-2.0, -0.5, 1.0, 2.0):
        images, _ = varied.force(*strokes, stroke=(pixels, 0.0))
        assert images[0, 16].sum() == pytest.approx(3.0 + pixels, abs=1e-5)


def test_brightness_and_contrast_are_sums_and_products():
    grey = np.full((7, varied.HEIGHT, varied.WIDTH), 0.5, np.float32)
    widths = np.full(7, varied.WIDTH, np.int32)
    for values, expected in (
        ({"brightness": (0.2, 0.0)}, 0.7),
        ({"brightness": (-0.6, 0.0)}, 0.0),
        ({"contrast": (-0.2, 0.0)}, 0.4),
        ({"contrast": (0.0, 0.4)}, 0.6),
    ):
        np.testing.assert_allclose(
            varied.force(grey, widths, **values)[0], expected, atol=1e-6
        )


def test_what_shows_through_is_the_next_line_mirrored():
    wedges, widths = np.zeros((7, 50, 125), np.float32), 20 * np.arange(1, 7)
    for row, width in enumerate(widths):
        wedges[row, 16:, :width] = np.linspace(0, 1, width)
    behind = np.asarray(
        jax.jit(ink.other_side)(varied.KEYS, wedges, np.append(widths, 0))
    )
    for row, seen in enumerate(behind.sum(axis=1)):
        source = wedges[(row + 1) % 7].sum(axis=0)
        mirrored, straight = (
            np.correlate(seen, profile, "full").max()
            for profile in (source[::-1], source)
        )
        assert mirrored > 1.1 * straight or (row == 5 and not seen.any())


def test_ruled_lines_are_few_thin_and_drawn_over_the_ink(batch):
    rule = jax.jit(ink.rule)
    for key in varied.KEYS:
        ruled = np.asarray(rule(key, batch[0][1], 150, 0.7))
        assert (ruled >= batch[0][1]).all()
        bare = np.asarray(rule(key, np.zeros_like(batch[0][1]), 150, 0.7))
        assert 0 < bare.max() <= 0.7
        np.testing.assert_array_equal(ruled, np.maximum(batch[0][1], bare))
        thick = varied.HEIGHT * ink.THICKEST + 2
        assert (bare > 0).sum(axis=0).max() <= ink.RULED_LINES * thick


def test_blur_is_a_gaussian(batch):
    blur, inside = jax.jit(ink.blur), np.s_[ink.REACH : -ink.REACH]
    size = (2 * ink.REACH + 1,) * 2
    for deviation in (0.5, 1.0, 2.0):
        expected = cv2.GaussianBlur(batch[0][1], size, deviation)
        blurred = np.asarray(blur(batch[0][1], deviation))
        np.testing.assert_allclose(
            blurred[inside, inside], expected[inside, inside], atol=1e-5
        )


def test_noise_has_the_deviation_asked_for_and_no_bias():
    grey = jnp.full((63, 500), 0.5)
    noise = np.asarray(jax.jit(ink.add_noise)(varied.KEY, grey, 0.1)) - 0.5
    assert noise.mean() == pytest.approx(0.0, abs=2e-3)
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    # Four rows share random bits, but no noise.
    assert np.abs(np.corrcoef(noise) - np.eye(63)).max() < 0.3


def test_masked_spans_are_whole_columns_and_no_more_than_their_share():
    mask = jax.jit(jax.vmap(ink.mask_spans, (0, None, None, None)))
    keys, image = jax.random.split(varied.KEY, 200), jnp.ones((varied.HEIGHT, 400))
    for width, share in ((390, 0.2), (390, 0.02), (37, 0.3)):
        gone = 1.0 - np.asarray(mask(keys, image, width, share))[:, :, :width]
        assert (gone == gone[:, :1]).all() and set(np.unique(gone)) == {0.0, 1.0}
        shares = gone[:, 0].mean(axis=1)
        assert shares.max() <= share and shares.mean() > 0.4 * share
        if share == 0.2:
            thirds = gone[:, 0].mean(axis=0).reshape(3, -1).mean(axis=1)
            assert thirds.max() < 1.25 * thirds.min()
