"""Augmentation: off is off, lines are independent, and strengths are bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ocr_jax import config as config_lib
from ocr_jax.augmentation import augment
from tests.augmentation import varied


def make_config(**strengths):
    config = config_lib.default_config().augment
    config.update({"probability": 1.0} | strengths)
    return config


@pytest.mark.parametrize("off", [{}, varied.STRENGTHS | {"probability": 0.0}])
def test_nothing_asked_for_changes_nothing(batch, off):
    images, widths = augment.augment(varied.KEY, *batch, make_config(**off))
    assert images is batch[0] and widths is batch[1]


@pytest.mark.parametrize("asked", [{}, varied.STRENGTHS | {"probability": 1e-9}])
def test_what_no_kind_touches_stays_as_it_is_to_the_bit(batch, asked):
    images, widths = varied.vary(*batch, **asked)
    np.testing.assert_array_equal(images, batch[0])
    np.testing.assert_array_equal(widths, batch[1])


def test_the_config_says_which_kinds_and_how_strong(batch):
    asked = {"contrast": 0.5, "mask": 0.2}
    program = jax.jit(
        lambda *batch: augment.augment(varied.KEY, *batch, make_config(**asked))
    )
    for array, expected in zip(
        program(*batch), varied.vary(*batch, **asked), strict=True
    ):
        np.testing.assert_allclose(array, expected, atol=1e-5)


@pytest.mark.parametrize("kind", augment.KINDS)
def test_each_kind_works_alone_and_changes_lines_within_bounds(batch, kind):
    asked = {kind: varied.STRENGTHS[kind]}
    alone = make_config(**asked)
    jax.eval_shape(lambda *batch: augment.augment(varied.KEY, *batch, alone), *batch)
    images, widths = varied.vary(*batch, **asked)
    changed = np.abs(images - batch[0]).max(axis=(1, 2)) > 1e-3
    # Some lines have no room to be shifted in, or show no span: chance.
    assert changed.sum() >= (3 if kind in ("shift", "mask") else 5)
    check_contract(images, widths)


@pytest.mark.parametrize("factor", [1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_everything_at_once_keeps_the_contract(batch, seed, factor):
    strengths = {kind: factor * value for kind, value in varied.STRENGTHS.items()}
    images, widths = varied.vary(*batch, key=jax.random.key(seed), **strengths)
    check_contract(images, widths)


def check_contract(images, widths):
    assert images.dtype == np.float32 and widths.dtype == np.int32
    assert np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1
    assert (
        (widths[:-1] >= 1).all() and (widths <= varied.WIDTH).all() and widths[-1] == 0
    )
    for image, width in zip(images, widths, strict=True):
        assert not image[:, width:].any()


def test_the_key_decides(batch):
    first, again = (
        varied.vary(*batch, **varied.STRENGTHS),
        varied.vary(*batch, **varied.STRENGTHS),
    )
    other = varied.vary(*batch, key=jax.random.key(7), **varied.STRENGTHS)
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    assert np.abs(first[0] - other[0]).max() > 0.1
    assert len(set(first[1])) > 3


def test_a_line_depends_on_no_other_but_the_one_behind_it(batch):
    images, widths = varied.vary(*batch, **varied.STRENGTHS)
    for row in (0, 3, 5):
        pair = [row, row + 1]
        lonely, real = np.zeros_like(batch[0]), np.zeros_like(batch[1])
        lonely[pair], real[pair] = batch[0][pair], batch[1][pair]
        alone, alone_widths = varied.vary(lonely, real, **varied.STRENGTHS)
        np.testing.assert_allclose(alone[row], images[row], atol=1e-5)
        assert alone_widths[row] == widths[row]
        assert not np.delete(alone, pair, axis=0).any()


def test_wider_padding_changes_nothing_where_there_is_room(batch):
    images, widths = varied.vary(*batch, **varied.STRENGTHS)
    wider, wider_widths = varied.vary(
        varied.pad(batch[0], 250), batch[1], **varied.STRENGTHS
    )
    roomy = batch[1] < varied.WIDTH - 50
    assert roomy.sum() == 5
    np.testing.assert_array_equal(wider_widths[roomy], widths[roomy])
    np.testing.assert_allclose(wider[roomy], varied.pad(images, 250)[roomy], atol=1e-5)


def test_probability_is_the_share_of_lines_touched():
    draws = varied.draw(augment.line_keys(varied.KEY, 400), 0.3, varied.STRENGTHS)
    touched = {kind: values.any(axis=1) for kind, values in draws.items()}
    for kind, values in draws.items():
        assert 0.2 < touched[kind].mean() < 0.4
        assert 0.9 < jnp.abs(values).max() / varied.STRENGTHS[kind] <= 1.0
    both = touched["slant"] & touched["noise"]
    assert 0.04 < both.mean() < 0.15  # each on its own


def test_four_devices_give_the_same_lines(batch):
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("data",))
    sharding = jax.NamedSharding(mesh, jax.P("data"))
    images = np.concatenate([batch[0], np.zeros_like(batch[0][:1])])
    widths = np.append(batch[1], 0).astype(np.int32)
    expected = varied.vary(*batch, **varied.STRENGTHS)
    spread = varied.vary(
        *jax.device_put((images, widths), sharding), **varied.STRENGTHS
    )
    np.testing.assert_allclose(spread[0][:7], expected[0], atol=1e-5)
    np.testing.assert_array_equal(spread[1][:7], expected[1])
