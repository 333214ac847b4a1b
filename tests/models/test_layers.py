"""Layers: convolutions, dropout and max-pooling, beside jax's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from ocr_jax.models import layers


@pytest.mark.parametrize(("kernel", "padding"), [((3, 3), 1), ((2, 3), 0)])
def test_the_gradients_of_a_convolution_equal_jaxs(kernel, padding):
    generator = np.random.default_rng(0)
    x = jnp.asarray(generator.normal(size=(2, 5, 7, 3)), jnp.float32)
    weights = jnp.asarray(generator.normal(size=(*kernel, 3, 4)), jnp.float32)

    @jax.jit
    def with_gradients(x, weights):
        def jaxs(x, weights):
            edges = ((padding, padding),) * 2
            numbers = ("NHWC", "HWIO", "NHWC")
            return jax.lax.conv_general_dilated(
                x, weights, (1, 1), edges, dimension_numbers=numbers
            )

        expected, back = jax.vjp(jaxs, x, weights)
        y, own_back = jax.vjp(lambda *a: layers.convolve(*a, padding), x, weights)
        change = jnp.cos(jnp.arange(y.size)).reshape(y.shape)
        return (y, *own_back(change)), (expected, *back(change))

    for one, other in zip(*with_gradients(x, weights), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_batch_norm_has_the_mean_and_variance_of_the_real_columns():
    x = np.random.default_rng(0).normal(3, 2, (2, 4, 6, 3)).astype(np.float32)
    mask = layers.length_mask(jnp.array([6, 2]), 6)[:, None, :, None]
    norm, on_device = layers.BatchNorm(), jnp.asarray(x)
    variables = norm.init(jax.random.key(0), on_device, mask, False)
    y, updated = norm.apply(variables, on_device, mask, True, mutable=["batch_stats"])
    real = np.concatenate([x[0].reshape(-1, 3), x[1, :, :2].reshape(-1, 3)])
    mean, variance = real.mean(axis=0), real.var(axis=0)
    expected = (x - mean) / np.sqrt(variance + layers.EPSILON)
    np.testing.assert_allclose(y, expected, atol=1e-4)
    kept = updated["batch_stats"]
    np.testing.assert_allclose(kept["mean"], 0.1 * mean, rtol=1e-4)
    np.testing.assert_allclose(kept["var"], 0.9 + 0.1 * variance, rtol=1e-4)


def test_dropout_drops_its_share_by_line_on_however_many_devices():
    dropout = layers.Dropout(0.25)
    keys = {"dropout": jax.random.key(0)}
    x = jnp.ones((3, 40, 50))
    dropped = dropout.apply({}, x, True, rngs=keys)
    np.testing.assert_allclose(np.mean(dropped == 0), 0.25, atol=0.02)
    np.testing.assert_allclose(dropped.mean(), 1.0, atol=0.03)
    assert not np.array_equal(dropped[0], dropped[1])
    # Time first, one line fewer: each line loses what it lost before.
    again = dropout.apply({}, jnp.ones((40, 2, 50)), True, lines=1, rngs=keys)
    np.testing.assert_array_equal(jnp.moveaxis(again, 1, 0), dropped[:2])
    np.testing.assert_array_equal(dropout.apply({}, x, False), x)


def test_the_gradient_of_max_pool_goes_to_the_greatest_shared_where_several_are():
    x = np.random.default_rng(0).random((1, 5, 6, 2)).astype(np.float32)
    grads = np.random.default_rng(1).random((1, 3, 3, 2)).astype(np.float32)
    padded = np.pad(x, ((0, 0), (0, 1), (0, 0), (0, 0)))

    def gradient(pool, x, grads):
        return jax.jit(lambda x, grads: jax.vjp(pool, x)[1](grads)[0])(x, grads)

    def ours(x):
        return layers.max_pool(x, 2, 2)

    expected = gradient(lambda x: nn.max_pool(x, (2, 2), (2, 2)), padded, grads)
    np.testing.assert_array_equal(gradient(ours, x, grads), expected[:, :5])
    shared = gradient(ours, np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 1)))
    assert shared.tolist() == [[[[0.25]] * 2] * 2]


def test_max_pool_equals_the_maximum_of_each_cell():
    x = np.random.default_rng(0).random((2, 4, 6, 3)).astype(np.float32)
    expected = x.reshape(2, 2, 2, 3, 2, 3).max((2, 4))
    np.testing.assert_array_equal(layers.max_pool(x, 2, 2), expected)
    assert layers.max_pool(x[:, :3, :5], 2, 2).shape == (2, 2, 3, 3)
