"""The geometry of lines: strengths as asked, and ink stays in the frame."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ocr_jax.augmentation import geometry
from tests.augmentation import varied


@pytest.mark.parametrize("tangent", [-0.4, 0.25])
def test_a_vertical_stroke_slants_by_the_tangent(strokes, tangent):
    images, widths = varied.force(*strokes, slant=(tangent, 0.0))
    centres = images[0] @ np.arange(varied.WIDTH) / np.maximum(images[0].sum(1), 1e-9)
    rows = np.arange(10, 22)
    slope = np.polyfit(rows, centres[rows], 1)[0]
    assert slope == pytest.approx(-tangent, abs=0.01)
    assert widths[0] == pytest.approx(96 + abs(tangent) * varied.HEIGHT, abs=1)


@pytest.mark.parametrize("scale", [-0.25, 0.5])
def test_scale_changes_width_and_place_by_its_share(strokes, scale):
    images, widths = varied.force(*strokes, scale=(scale, 0.0))
    assert widths[0] == round(96 * (1 + scale))
    profile = images[0].sum(0)
    centre = profile @ np.arange(varied.WIDTH) / profile.sum() + 0.5
    assert centre == pytest.approx(48.5 * (1 + scale), abs=0.2)
    expected = strokes[0][0].sum() * (1 + scale)
    assert profile.sum() == pytest.approx(expected, rel=0.05)


def test_rotation_turns_a_line_by_its_degrees():
    level = np.zeros((7, varied.HEIGHT, varied.WIDTH), np.float32)
    level[:, 15:17] = 1.0
    images, _ = varied.force(
        level, np.full(7, varied.WIDTH, np.int32), rotation=(1.0, 0.0)
    )
    centres = np.arange(varied.HEIGHT) @ images[0] / np.maximum(images[0].sum(0), 1e-9)
    columns = np.arange(20, varied.WIDTH - 20)
    slope = np.polyfit(columns, centres[columns], 1)[0]
    assert slope == pytest.approx(-np.tan(np.radians(1.0)), abs=0.002)


def test_shift_moves_ink_down_until_it_meets_the_frame(strokes):
    for share, rows in ((0.125, 4), (-0.25, -8), (0.9, 8)):
        images, _ = varied.force(*strokes, shift=(share, 0.0))
        expected = np.roll(strokes[0], rows, axis=1)
        np.testing.assert_allclose(images, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "farther"), [("elastic", 1.0), ("grid", geometry.GRID)]
)
def test_displacement_is_smooth_bounded_and_zero_along_the_frame(kind, farther):
    draws = {"elastic": jnp.zeros(2), "grid": jnp.zeros(2), kind: jnp.array([-0.1, 0])}
    size = varied.HEIGHT, varied.WIDTH
    displacement = jax.jit(lambda *args: geometry._displacement(*args, 150, size))
    down, right = jax.device_get(displacement(varied.KEY, draws))
    for field, most in (
        (down, 0.1 * varied.HEIGHT),
        (right, farther * 0.1 * varied.HEIGHT),
    ):
        assert 0.15 * most < np.abs(field[:, :150]).max() <= most
        assert np.abs(np.diff(field[:, :150], axis=0)).max() < 0.6
        assert np.abs(np.diff(field[:, :150], axis=1)).max() < 0.6
    assert np.abs(down[[0, -1]]).max() < 0.1
    assert np.abs(right[:, [0, 149]]).max() < 0.1


def test_spline_weights_sum_to_one():
    weights = geometry._splines(101, 16.0)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(geometry._splines(50, 16.0), weights[:50, :7])


@pytest.mark.parametrize("factor", [1.0, 2.0])
@pytest.mark.parametrize("width", [varied.WIDTH, varied.WIDTH - 60])
def test_ink_in_the_corners_of_a_line_stays_in_the_frame(width, factor):
    image = np.zeros((varied.HEIGHT, varied.WIDTH), np.float32)
    for row in (slice(0, 4), slice(varied.HEIGHT - 4, varied.HEIGHT)):
        for column in (slice(0, 4), slice(width - 4, width)):
            image[row, column] = 1.0
    batch = np.stack([image] * 7), np.full(7, width, np.int32)
    strengths = {kind: factor * varied.STRENGTHS[kind] for kind in geometry.KINDS}
    keys = jax.random.split(varied.KEY, 7)
    images = np.concatenate(
        [varied.vary(*batch, key=key, **strengths)[0] for key in keys]
    )
    # Lines that are squeezed to fit hold less of it.
    assert images.sum() > (0.87 if factor == 1.0 else 0.8) * image.sum() * len(images)
    for image in images:
        count, _, stats, _ = cv2.connectedComponentsWithStats(
            (image > 0.2).astype(np.uint8)
        )
        assert count == 5 and stats[:, cv2.CC_STAT_AREA].min() >= 8
