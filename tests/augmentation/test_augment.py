"""Augmentation: off is off, lines independent, ink stays, strengths as asked."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ocr_jax import config as config_lib
from ocr_jax.augmentation import augment, geometry, ink

HEIGHT, WIDTH = 32, 192
STRENGTHS = {
    "slant": 0.3,
    "scale": 0.15,
    "rotation": 1.0,
    "shift": 0.05,
    "elastic": 0.08,
    "grid": 0.15,
    "stroke": 0.8,
    "bleed": 0.5,
    "ruled_lines": 0.8,
    "blur": 1.0,
    "contrast": 0.3,
    "brightness": 0.1,
    "noise": 0.03,
    "mask": 0.2,
}
OFF = dict.fromkeys(augment.KINDS, 0.0)
KEY = jax.random.key(8)
KEYS = augment.line_keys(KEY, 7)
# One program for all tests: what is off has a strength of 0.
draw, apply = (jax.jit(function) for function in (augment.draw, augment.apply))


def vary(images, widths, key=KEY, probability=1.0, **strengths):
    """The augmented batch as NumPy arrays, by a program that knows all kinds."""
    keys = augment.line_keys(key, len(widths))
    strengths = OFF | strengths
    varied = apply(keys, draw(keys, probability, strengths), images, widths)
    return [np.asarray(array) for array in varied]


def force(images, widths, **values):
    """The same of lines that all draw these values, a pair for each kind."""
    draws = dict.fromkeys(augment.KINDS, (0.0, 0.0)) | values
    draws = {kind: np.full((7, 2), pair, np.float32) for kind, pair in draws.items()}
    return [np.asarray(array) for array in apply(KEYS, draws, images, widths)]


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


@pytest.fixture(scope="module")
def strokes():
    """Vertical strokes, three pixels thick, from row 8 to row 23, in lines of 96."""
    images = np.zeros((7, HEIGHT, WIDTH), np.float32)
    images[:, 8:24, 47:50] = 1.0
    return images, np.full(7, 96, np.int32)


def make_config(**strengths):
    config = config_lib.default_config().augment
    config.update({"probability": 1.0} | strengths)
    return config


@pytest.mark.parametrize("off", [{}, STRENGTHS | {"probability": 0.0}])
def test_nothing_asked_for_changes_nothing(batch, off):
    images, widths = augment.augment(KEY, *batch, make_config(**off))
    assert images is batch[0] and widths is batch[1]


@pytest.mark.parametrize("asked", [{}, STRENGTHS | {"probability": 1e-9}])
def test_what_no_kind_touches_stays_as_it_is_to_the_bit(batch, asked):
    images, widths = vary(*batch, **asked)
    np.testing.assert_array_equal(images, batch[0])
    np.testing.assert_array_equal(widths, batch[1])


def test_the_config_says_which_kinds_and_how_strong(batch):
    asked = {"contrast": 0.5, "mask": 0.2}
    program = jax.jit(lambda *batch: augment.augment(KEY, *batch, make_config(**asked)))
    for array, expected in zip(program(*batch), vary(*batch, **asked), strict=True):
        np.testing.assert_allclose(array, expected, atol=1e-5)


@pytest.mark.parametrize("kind", augment.KINDS)
def test_each_kind_works_alone_and_changes_lines_within_bounds(batch, kind):
    asked = {kind: STRENGTHS[kind]}
    alone = make_config(**asked)
    jax.eval_shape(lambda *batch: augment.augment(KEY, *batch, alone), *batch)
    images, widths = vary(*batch, **asked)
    changed = np.abs(images - batch[0]).max(axis=(1, 2)) > 1e-3
    # Some lines have no room to be shifted in, or show no span: chance.
    assert changed.sum() >= (3 if kind in ("shift", "mask") else 5)
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


def test_a_line_depends_on_no_other_but_the_one_behind_it(batch):
    images, widths = vary(*batch, **STRENGTHS)
    for row in (0, 3, 5):
        pair = [row, row + 1]
        lonely, real = np.zeros_like(batch[0]), np.zeros_like(batch[1])
        lonely[pair], real[pair] = batch[0][pair], batch[1][pair]
        alone, alone_widths = vary(lonely, real, **STRENGTHS)
        np.testing.assert_allclose(alone[row], images[row], atol=1e-5)
        assert alone_widths[row] == widths[row]
        assert not np.delete(alone, pair, axis=0).any()


def test_wider_padding_changes_nothing_where_there_is_room(batch):
    images, widths = vary(*batch, **STRENGTHS)
    wider, wider_widths = vary(pad(batch[0], 250), batch[1], **STRENGTHS)
    roomy = batch[1] < WIDTH - 50
    assert roomy.sum() == 5
    np.testing.assert_array_equal(wider_widths[roomy], widths[roomy])
    np.testing.assert_allclose(wider[roomy], pad(images, 250)[roomy], atol=1e-5)


def test_probability_is_the_share_of_lines_touched():
    draws = draw(augment.line_keys(KEY, 400), 0.3, STRENGTHS)
    touched = {kind: values.any(axis=1) for kind, values in draws.items()}
    for kind, values in draws.items():
        assert 0.2 < touched[kind].mean() < 0.4
        assert 0.9 < jnp.abs(values).max() / STRENGTHS[kind] <= 1.0
    both = touched["slant"] & touched["noise"]
    assert 0.04 < both.mean() < 0.15  # each on its own


@pytest.mark.parametrize("tangent", [-0.4, 0.25])
def test_a_vertical_stroke_slants_by_the_tangent(strokes, tangent):
    images, widths = force(*strokes, slant=(tangent, 0.0))
    centres = images[0] @ np.arange(WIDTH) / np.maximum(images[0].sum(1), 1e-9)
    rows = np.arange(10, 22)
    slope = np.polyfit(rows, centres[rows], 1)[0]
    assert slope == pytest.approx(-tangent, abs=0.01)
    assert widths[0] == pytest.approx(96 + abs(tangent) * HEIGHT, abs=1)


@pytest.mark.parametrize("scale", [-0.25, 0.5])
def test_scale_changes_width_and_place_by_its_share(strokes, scale):
    images, widths = force(*strokes, scale=(scale, 0.0))
    assert widths[0] == round(96 * (1 + scale))
    profile = images[0].sum(0)
    centre = profile @ np.arange(WIDTH) / profile.sum() + 0.5
    assert centre == pytest.approx(48.5 * (1 + scale), abs=0.2)
    expected = strokes[0][0].sum() * (1 + scale)
    assert profile.sum() == pytest.approx(expected, rel=0.05)


def test_rotation_turns_a_line_by_its_degrees():
    level = np.zeros((7, HEIGHT, WIDTH), np.float32)
    level[:, 15:17] = 1.0
    images, _ = force(level, np.full(7, WIDTH, np.int32), rotation=(1.0, 0.0))
    centres = np.arange(HEIGHT) @ images[0] / np.maximum(images[0].sum(0), 1e-9)
    columns = np.arange(20, WIDTH - 20)
    slope = np.polyfit(columns, centres[columns], 1)[0]
    assert slope == pytest.approx(-np.tan(np.radians(1.0)), abs=0.002)


def test_shift_moves_ink_down_until_it_meets_the_frame(strokes):
    for share, rows in ((0.125, 4), (-0.25, -8), (0.9, 8)):
        images, _ = force(*strokes, shift=(share, 0.0))
        expected = np.roll(strokes[0], rows, axis=1)
        np.testing.assert_allclose(images, expected, atol=1e-4)


def test_stroke_changes_thickness_by_its_pixels(strokes):
    for pixels in (-2.0, -0.5, 1.0, 2.0):
        images, _ = force(*strokes, stroke=(pixels, 0.0))
        assert images[0, 16].sum() == pytest.approx(3.0 + pixels, abs=1e-5)


def test_brightness_and_contrast_are_sums_and_products():
    grey = np.full((7, HEIGHT, WIDTH), 0.5, np.float32)
    widths = np.full(7, WIDTH, np.int32)
    for values, expected in (
        ({"brightness": (0.2, 0.0)}, 0.7),
        ({"brightness": (-0.6, 0.0)}, 0.0),
        ({"contrast": (-0.2, 0.0)}, 0.4),
        ({"contrast": (0.0, 0.4)}, 0.6),
    ):
        np.testing.assert_allclose(
            force(grey, widths, **values)[0], expected, atol=1e-6
        )


@pytest.mark.parametrize(
    ("kind", "farther"), [("elastic", 1.0), ("grid", geometry.GRID)]
)
def test_displacement_is_smooth_bounded_and_zero_along_the_frame(kind, farther):
    draws = {"elastic": jnp.zeros(2), "grid": jnp.zeros(2), kind: jnp.array([-0.1, 0])}
    down, right = geometry._displacement(KEY, draws, 150, (HEIGHT, WIDTH))
    for field, most in ((down, 0.1 * HEIGHT), (right, farther * 0.1 * HEIGHT)):
        assert 0.15 * most < np.abs(field[:, :150]).max() <= most
        assert np.abs(np.diff(field[:, :150], axis=0)).max() < 0.6
        assert np.abs(np.diff(field[:, :150], axis=1)).max() < 0.6
    assert np.abs(down[jnp.array([0, -1])]).max() < 0.1
    assert np.abs(right[:, jnp.array([0, 149])]).max() < 0.1


def test_spline_weights_sum_to_one():
    weights = geometry._splines(101, 16.0)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(geometry._splines(50, 16.0), weights[:50, :7])


@pytest.mark.parametrize("factor", [1.0, 2.0])
@pytest.mark.parametrize("width", [WIDTH, WIDTH - 60])
def test_ink_in_the_corners_of_a_line_stays_in_the_frame(width, factor):
    image = np.zeros((HEIGHT, WIDTH), np.float32)
    for row in (slice(0, 4), slice(HEIGHT - 4, HEIGHT)):
        for column in (slice(0, 4), slice(width - 4, width)):
            image[row, column] = 1.0
    batch = np.stack([image] * 7), np.full(7, width, np.int32)
    strengths = {kind: factor * STRENGTHS[kind] for kind in geometry.KINDS}
    keys = jax.random.split(KEY, 7)
    images = np.concatenate([vary(*batch, key=key, **strengths)[0] for key in keys])
    # Lines that are squeezed to fit hold less of it.
    assert images.sum() > (0.87 if factor == 1.0 else 0.8) * image.sum() * len(images)
    for varied in images:
        count, _, stats, _ = cv2.connectedComponentsWithStats(
            (varied > 0.2).astype(np.uint8)
        )
        assert count == 5 and stats[:, cv2.CC_STAT_AREA].min() >= 8


def test_what_shows_through_is_the_next_line_mirrored():
    wedges, widths = np.zeros((7, 50, 125), np.float32), 20 * np.arange(1, 7)
    for row, width in enumerate(widths):
        wedges[row, 16:, :width] = np.linspace(0, 1, width)
    behind = np.asarray(jax.jit(ink.other_side)(KEYS, wedges, np.append(widths, 0)))
    for row, seen in enumerate(behind.sum(axis=1)):
        source = wedges[(row + 1) % 7].sum(axis=0)
        mirrored, straight = (
            np.correlate(seen, profile, "full").max()
            for profile in (source[::-1], source)
        )
        assert mirrored > 1.1 * straight or (row == 5 and not seen.any())


def test_ruled_lines_are_few_thin_and_drawn_over_the_ink(batch):
    rule = jax.jit(ink.rule)
    for key in KEYS:
        ruled = np.asarray(rule(key, batch[0][1], 150, 0.7))
        assert (ruled >= batch[0][1]).all()
        bare = np.asarray(rule(key, np.zeros_like(batch[0][1]), 150, 0.7))
        assert 0 < bare.max() <= 0.7
        np.testing.assert_array_equal(ruled, np.maximum(batch[0][1], bare))
        thick = HEIGHT * ink.THICKEST + 2
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
    noise = np.asarray(jax.jit(ink.add_noise)(KEY, grey, 0.1)) - 0.5
    assert noise.mean() == pytest.approx(0.0, abs=2e-3)
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    # Four rows share random bits, but no noise.
    assert np.abs(np.corrcoef(noise) - np.eye(63)).max() < 0.3


def test_masked_spans_are_whole_columns_and_no_more_than_their_share():
    mask = jax.jit(jax.vmap(ink.mask_spans, (0, None, None, None)))
    keys, image = jax.random.split(KEY, 200), jnp.ones((HEIGHT, 400))
    for width, share in ((390, 0.2), (390, 0.02), (37, 0.3)):
        gone = 1.0 - np.asarray(mask(keys, image, width, share))[:, :, :width]
        assert (gone == gone[:, :1]).all() and set(np.unique(gone)) == {0.0, 1.0}
        shares = gone[:, 0].mean(axis=1)
        assert shares.max() <= share and shares.mean() > 0.4 * share
        if share == 0.2:
            thirds = gone[:, 0].mean(axis=0).reshape(3, -1).mean(axis=1)
            assert thirds.max() < 1.25 * thirds.min()


def test_four_devices_give_the_same_lines(batch):
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("data",))
    sharding = jax.NamedSharding(mesh, jax.P("data"))
    images = np.concatenate([batch[0], np.zeros_like(batch[0][:1])])
    widths = np.append(batch[1], 0).astype(np.int32)
    expected = vary(*batch, **STRENGTHS)
    spread = vary(*jax.device_put((images, widths), sharding), **STRENGTHS)
    np.testing.assert_allclose(spread[0][:7], expected[0], atol=1e-5)
    np.testing.assert_array_equal(spread[1][:7], expected[1])
