"""Slanting lines are straightened, and nothing else about them changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ocr_jax.models import slant

HEIGHT = 32


def strokes(shear, width=120):
    """A line (HEIGHT, width) of strokes; `shear` would make them upright."""
    rows, columns = np.mgrid[:HEIGHT, :width]
    from_middle = columns + shear * (rows - (HEIGHT - 1) / 2)
    return (np.abs(from_middle % 15 - 7) < 1.5).astype(np.float32)


def stroke(shear):
    """A line with one of them."""
    line = strokes(shear)
    rows, columns = np.mgrid[:HEIGHT, : line.shape[1]]
    from_middle = columns - 60 + shear * (rows - (HEIGHT - 1) / 2)
    return line * (np.abs(from_middle) < 7)


def straighten(line, padding=0):
    padded = np.pad(line, ((0, 0), (0, padding)))[None]
    images, [width] = slant.straighten(jnp.asarray(padded), np.array([line.shape[1]]))
    return np.asarray(images[0]), int(width)


@pytest.mark.parametrize("shear", [-0.8, 0.0, 0.4, 1.2])
def test_the_shear_that_makes_strokes_upright_is_found(shear):
    found = slant.TRIED[slant.uprightest(jnp.asarray(strokes(shear))[None])[0]]
    assert found == pytest.approx(shear, abs=0.11)


@pytest.mark.parametrize("shear", [0.2, 0.8, -0.4])
def test_half_of_the_unusual_slant_is_taken_out(shear):
    image, _ = straighten(stroke(shear))
    middles = image @ np.arange(image.shape[1]) / image.sum(axis=1)
    leaning = -np.polyfit(np.arange(HEIGHT), middles, 1)[0]
    expected = shear - slant.SHARE * (shear - slant.USUAL)
    assert leaning == pytest.approx(expected, abs=0.06)


def test_all_ink_stays_on_the_widened_line():
    line = strokes(1.5)
    image, width = straighten(line)
    assert image.shape[1] == width == line.shape[1] + 2 * slant.MARGIN
    np.testing.assert_allclose(image.sum(axis=1), line.sum(axis=1), rtol=1e-4)


def test_more_padding_changes_nothing():
    image, width = straighten(stroke(0.7))
    padded, same = straighten(stroke(0.7), padding=37)
    assert width == same
    np.testing.assert_array_equal(padded[:, :width], image)
    assert not padded[:, width:].any()


def test_a_line_without_ink_keeps_no_width():
    np.testing.assert_array_equal(slant.wider(np.array([0, 8])), [0, 40])


def test_it_is_traced_with_the_batch():
    lines = jnp.asarray([stroke(0.7), stroke(-0.3)])
    together, _ = jax.jit(slant.straighten)(lines, np.array([120, 120]))
    for line, image in zip(lines, together, strict=True):
        np.testing.assert_array_equal(straighten(np.asarray(line))[0], image)
