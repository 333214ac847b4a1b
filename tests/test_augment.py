"""Augmentation: off is off, lines independent, ink stays, strengths as asked."""

import functools

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ocr_jax import config as config_lib
from ocr_jax.data import augment

HEIGHT, WIDTH = 32, 192
STRENGTHS = {
    "slant": 0.3,
    "scale": 0.15,
    "rotation": 1.0,
    "shift": 0.05,
    "elastic": 0.08,
    "stroke": 0.8,
    "contrast": 0.3,
    "noise": 0.03,
}
KEY = jax.random.key(8)


def make_config(**strengths):
    config = config_lib.default_config().augment
    config.probability = strengths.pop("probability", 1.0)
    config.update(dict.fromkeys(augment.KINDS, 0.0) | strengths)
    return config


def vary(images, widths, key=KEY, **strengths):
    """The augmented batch as NumPy arrays."""
    step = make_step(**strengths)
    return [np.asarray(array) for array in step(key, images, widths)]


@functools.cache
def make_step(**strengths):
    config = make_config(**strengths)
    return jax.jit(lambda key, *batch: augment.augment(key, *batch, config))


def force(monkeypatch, **values):
    """Make every line draw these strengths, a pair each, instead of random ones."""

    def draw(key, probability, strengths):
        zeros = dict.fromkeys(augment.KINDS, (0.0, 0.0))
        return {kind: jnp.array(pair) for kind, pair in (zeros | values).items()}

    monkeypatch.setattr(augment, "_draw", draw)
    make_step.cache_clear()


def pad(images, width):
    return np.pad(images, ((0, 0), (0, 0), (0, width - images.shape[2])))


@pytest.fixture(scope="module")
def batch():
    """Six lines of words, two of them as wide as the batch, and a filler row."""
    images, widths = np.zeros((7, HEIGHT, WIDTH), np.float32), []
    for row, text in enumerate(
        ["o", "line", "minimum", "handwriting", "x" * 12, "y,j"]
    ):
        canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.putText(canvas, text, (2, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.75, 255, 2)
        widths.append(
            WIDTH if row in (3, 4) else 14 + int(canvas.any(0).nonzero()[0][-1])
        )
        images[row] = canvas / 255.0
    return images, np.array([*widths, 0], np.int32)


@pytest.fixture
def stroke():
    """A vertical stroke, three pixels thick, from row 8 to row 23, in a line of 96."""
    image = np.zeros((1, HEIGHT, WIDTH), np.float32)
    image[0, 8:24, 47:50] = 1.0
    return image, np.array([96], np.int32)


@pytest.mark.parametrize("off", [{}, STRENGTHS | {"probability": 0.0}])
def test_nothing_asked_for_changes_no_bit(batch, off):
    images, widths = vary(*batch, **off)
    np.testing.assert_array_equal(images, batch[0])
    np.testing.assert_array_equal(widths, batch[1])


def test_lines_that_no_kind_touches_stay_as_they_are(batch):
    images, widths = vary(*batch, **STRENGTHS, probability=1e-9)
    np.testing.assert_array_equal(images, batch[0])
    np.testing.assert_array_equal(widths, batch[1])


@pytest.mark.parametrize("kind", augment.KINDS)
def test_each_kind_changes_every_line_within_bounds(batch, kind):
    images, widths = vary(*batch, **{kind: STRENGTHS[kind]})
    changed = np.abs(images - batch[0]).max(axis=(1, 2)) > 1e-3
    # A line that fills its frame has no room to be shifted in.
    assert changed.sum() >= (5 if kind == "shift" else 6)
    check_contract(images, widths)


@pytest.mark.parametrize("factor", [1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_everything_at_once_keeps_the_contract(batch, seed, factor):
    strengths = {kind: factor * value for kind, value in STRENGTHS.items()}
    images, widths = vary(*batch, key=jax.random.key(seed), **strengths)
    check_contract(images, widths)


def check_contract(images, widths):
    assert images.dtype == np.float32 and widths.dtype == np.int32
    assert np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1
    assert (widths[:-1] >= 1).all() and (widths <= WIDTH).all() and widths[-1] == 0
    for image, width in zip(images, widths, strict=True):
        assert not image[:, width:].any()


def test_the_key_decides(batch):
    first, again = vary(*batch, **STRENGTHS), vary(*batch, **STRENGTHS)
    other = vary(*batch, key=jax.random.key(7), **STRENGTHS)
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    assert np.abs(first[0] - other[0]).max() > 0.1
    assert len(set(first[1])) > 3


def test_a_line_does_not_depend_on_those_beside_it(batch):
    images, widths = vary(*batch, **STRENGTHS)
    for row in (0, 3, 5):
        lonely, real = np.zeros_like(batch[0]), np.zeros_like(batch[1])
        lonely[row], real[row] = batch[0][row], batch[1][row]
        alone, alone_widths = vary(lonely, real, **STRENGTHS)
        np.testing.assert_allclose(alone[row], images[row], atol=1e-5)
        assert alone_widths[row] == widths[row]
        assert not np.delete(alone, row, axis=0).any()


def test_wider_padding_changes_nothing_where_there_was_room(batch):
    images, widths = vary(pad(batch[0], 256), batch[1], **STRENGTHS)
    wider, wider_widths = vary(pad(batch[0], 320), batch[1], **STRENGTHS)
    np.testing.assert_array_equal(wider_widths, widths)
    np.testing.assert_allclose(wider, pad(images, 320), atol=1e-5)


def test_probability_is_the_share_of_lines_touched():
    images = np.full((400, 4, 8), 0.5, np.float32)
    widths = np.full(400, 8, np.int32)
    varied, _ = vary(images, widths, contrast=0.5, probability=0.3)
    share = np.mean(np.abs(varied - images).max(axis=(1, 2)) > 0)
    assert 0.22 < share < 0.38


@pytest.mark.parametrize("tangent", [-0.4, 0.25])
def test_a_vertical_stroke_slants_by_the_tangent(monkeypatch, stroke, tangent):
    force(monkeypatch, slant=(tangent, 0.0))
    images, widths = vary(*stroke, slant=0.4)
    centres = images[0] @ np.arange(WIDTH) / np.maximum(images[0].sum(1), 1e-9)
    rows = np.arange(10, 22)
    slope = np.polyfit(rows, centres[rows], 1)[0]
    assert slope == pytest.approx(-tangent, abs=0.01)
    assert widths[0] == pytest.approx(96 + abs(tangent) * HEIGHT, abs=1)


@pytest.mark.parametrize("scale", [-0.25, 0.5])
def test_scale_changes_width_and_place_by_its_share(monkeypatch, stroke, scale):
    force(monkeypatch, scale=(scale, 0.0))
    images, widths = vary(*stroke, scale=0.5)
    assert widths[0] == round(96 * (1 + scale))
    profile = images[0].sum(0)
    centre = profile @ np.arange(WIDTH) / profile.sum() + 0.5
    assert centre == pytest.approx(48.5 * (1 + scale), abs=0.2)
    assert profile.sum() == pytest.approx(stroke[0].sum() * (1 + scale), rel=0.05)


def test_rotation_turns_a_line_by_its_degrees(monkeypatch):
    image = np.zeros((1, 64, 128), np.float32)
    image[0, 31:33] = 1.0
    force(monkeypatch, rotation=(2.0, 0.0))
    images, _ = vary(image, np.array([128], np.int32), rotation=2.0)
    centres = np.arange(64) @ images[0] / np.maximum(images[0].sum(0), 1e-9)
    columns = np.arange(20, 100)
    slope = np.polyfit(columns, centres[columns], 1)[0]
    assert slope == pytest.approx(-np.tan(np.radians(2.0)), abs=0.004)


def test_shift_moves_ink_down_until_it_meets_the_frame(monkeypatch, stroke):
    for share, rows in ((0.125, 4), (-0.25, -8), (0.9, 8)):
        force(monkeypatch, shift=(share, 0.0))
        images, _ = vary(*stroke, shift=0.9)
        np.testing.assert_allclose(images, np.roll(stroke[0], rows, axis=1), atol=1e-4)


def test_stroke_changes_thickness_by_its_pixels(monkeypatch, stroke):
    for pixels in (-2.0, -0.5, 1.0, 2.0):
        force(monkeypatch, stroke=(pixels, 0.0))
        images, _ = vary(*stroke, stroke=2.0)
        assert images[0, 16].sum() == pytest.approx(3.0 + pixels, abs=1e-5)


def test_elastic_displacement_is_smooth_bounded_and_zero_along_the_frame():
    down, right = augment._displacement(KEY, 0.1, 150, (HEIGHT, WIDTH))
    for field in (down, right):
        assert 0.5 < np.abs(field).max() <= 0.1 * HEIGHT
        assert np.abs(np.diff(field[:, :150], axis=0)).max() < 0.6
        assert np.abs(np.diff(field[:, :150], axis=1)).max() < 0.6
    assert np.abs(down[jnp.array([0, -1])]).max() < 0.1
    assert np.abs(right[:, jnp.array([0, 149])]).max() < 0.1


def test_spline_weights_sum_to_one():
    weights = augment._splines(101, 16.0)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(augment._splines(50, 16.0), weights[:50, :7])


@pytest.mark.parametrize("factor", [1.0, 2.0])
@pytest.mark.parametrize("width", [WIDTH, WIDTH - 60])
def test_ink_in_the_corners_of_a_line_stays_in_the_frame(width, factor):
    image = np.zeros((HEIGHT, WIDTH), np.float32)
    for row in (slice(0, 4), slice(HEIGHT - 4, HEIGHT)):
        for column in (slice(0, 4), slice(width - 4, width)):
            image[row, column] = 1.0
    strengths = {kind: factor * STRENGTHS[kind] for kind in augment.GEOMETRY}
    images, _ = vary(np.stack([image] * 48), np.full(48, width, np.int32), **strengths)
    # Lines that are squeezed to fit hold less of it.
    assert images.sum() > (0.88 if factor == 1.0 else 0.8) * image.sum() * 48
    for varied in images:
        count, _, stats, _ = cv2.connectedComponentsWithStats(
            (varied > 0.2).astype(np.uint8)
        )
        assert count == 5 and stats[:, cv2.CC_STAT_AREA].min() >= 8


def test_four_devices_give_the_same_lines(batch):
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("data",))
    sharding = jax.NamedSharding(mesh, jax.P("data"))
    images, widths = pad(batch[0], WIDTH), batch[1]
    images = np.concatenate([images, np.zeros_like(images[:1])])
    widths = np.append(widths, 0).astype(np.int32)
    expected = vary(images, widths, **STRENGTHS)
    spread = vary(*jax.device_put((images, widths), sharding), **STRENGTHS)
    np.testing.assert_allclose(spread[0], expected[0], atol=1e-5)
    np.testing.assert_array_equal(spread[1], expected[1])
