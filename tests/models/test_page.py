"""The page network: maps at a quarter of a page's resolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ocr_jax.models import page

NETWORK = page.PageNetwork((4, 6, 8), maps=4)
apply = jax.jit(NETWORK.apply)


@pytest.fixture(scope="module")
def variables():
    return jax.jit(NETWORK.init)(jax.random.key(0), jnp.zeros((1, 32, 32)))


@pytest.mark.parametrize("size", [(16, 32), (64, 48)])
def test_maps_have_a_quarter_of_the_resolution(variables, size):
    maps = apply(variables, jnp.zeros((2, *size)))
    assert maps.shape == (2, size[0] // 4, size[1] // 4, 4)
    assert NETWORK.multiple == 16


def test_a_page_has_the_same_maps_alone_and_in_a_batch(variables):
    images = jax.random.uniform(jax.random.key(1), (3, 32, 48))
    together = apply(variables, images)
    alone = jnp.concatenate([apply(variables, one[None]) for one in images])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_what_is_far_away_does_not_change_a_place(variables):
    image = jax.random.uniform(jax.random.key(2), (1, 32, 640))
    changed = image.at[:, :, 600:].set(0.0)
    one, other = (apply(variables, x)[:, :, :40] for x in (image, changed))
    np.testing.assert_allclose(one, other, atol=1e-5)
