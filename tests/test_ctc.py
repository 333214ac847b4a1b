"""The CTC loss against every path there is, and what it does with impossible labels."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax import ctc
from tests import ctc_reference


def loss_over_all_paths(logits, label):
    """-log of the summed probability of every path that spells the label."""
    log_probs = np.asarray(jax.nn.log_softmax(jnp.asarray(logits, jnp.float32)))
    return -ctc_reference.label_scores(log_probs)[tuple(label)]


def padded(label, size=4):
    return jnp.array([list(label) + [0] * (size - len(label))])


ctc_loss = jax.jit(ctc.ctc_loss)
summed = {
    name: jax.jit(jax.value_and_grad(lambda *args, loss=loss: loss(*args).sum()))
    for name, loss in ctc.LOSSES.items()
}


def loss_of(logits, frames, label):
    lengths = jnp.array([frames]), jnp.array([len(label)])
    return ctc_loss(jnp.asarray(logits)[None], lengths[0], padded(label), lengths[1])


def random_batch(lines=6, frames=70, labels=30, classes=9, scale=3.0):
    """Lines of all kinds: repeats, an empty label, one frame, impossible ones."""
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(lines, frames, classes)) * scale
    ids = generator.integers(1, 4, (lines, labels))
    label_lengths = np.array([0, 1, 3, 12, 30, 30])[:lines]
    ids[np.arange(labels) >= label_lengths[:, None]] = 0
    logit_lengths = np.array([20, 1, 70, 70, 70, 8])[:lines]
    arrays = logits, logit_lengths, ids, label_lengths
    return tuple(
        jnp.asarray(x, jnp.float32 if x is logits else jnp.int32) for x in arrays
    )


@pytest.mark.parametrize("label", [(), (1,), (1, 2), (1, 1), (2, 2, 1), (1, 2, 1)])
@pytest.mark.parametrize("frames", [4, 5])
def test_loss_equals_the_sum_over_all_paths(label, frames):
    logits = np.random.default_rng(frames).normal(size=(frames, 3)) * 2
    expected = loss_over_all_paths(logits, label)
    np.testing.assert_allclose(loss_of(logits, frames, label)[0], expected, rtol=1e-5)


def test_gradient_equals_that_of_the_sum_over_all_paths():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    gradient = jax.grad(lambda x: loss_of(x, 5, (1, 2))[0])(jnp.asarray(logits))
    step = 1e-3
    for index in np.ndindex(*logits.shape):
        above, below = logits.copy(), logits.copy()
        above[index] += step
        below[index] -= step
        slope = loss_over_all_paths(above, (1, 2)) - loss_over_all_paths(below, (1, 2))
        np.testing.assert_allclose(gradient[index], slope / (2 * step), atol=2e-3)


def test_frames_past_the_length_change_nothing():
    logits = np.random.default_rng(1).normal(size=(6, 3))
    noise = np.random.default_rng(2).normal(size=(6, 3)) * 9
    other = np.where(np.arange(6)[:, None] < 4, logits, noise)
    np.testing.assert_allclose(loss_of(logits, 4, (1,)), loss_of(other, 4, (1,)))


@pytest.mark.parametrize(
    ("frames", "label"), [(1, (1, 2)), (2, (1, 1)), (0, ()), (0, (1,))]
)
def test_an_impossible_label_has_no_loss_and_no_gradient(frames, label):
    logits = jnp.asarray(np.random.default_rng(3).normal(size=(5, 3)), jnp.float32)
    loss, gradient = jax.value_and_grad(lambda x: loss_of(x, frames, label)[0])(logits)
    assert loss == 0.0
    assert np.all(np.asarray(gradient) == 0.0)


def test_loss_and_gradient_equal_those_in_log_space():
    batch = random_batch()
    loss, gradient = summed["fast"](*batch)
    expected, expected_gradient = summed["optax"](*batch)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-4)
    # That far apart is what log space loses: each frame's gradient sums to zero.
    np.testing.assert_allclose(gradient.sum(axis=2), 0.0, atol=1e-5)
    np.testing.assert_allclose(ctc_loss(*batch).sum(), loss, rtol=1e-6)


def test_the_gradient_is_scaled_by_what_comes_after_the_loss():
    logits, *rest = random_batch()
    weights = jnp.array([2.0, 0.0, -1.0, 0.5, 3.0, 1.0])
    gradient = jax.grad(lambda x: (ctc.ctc_loss(x, *rest) * weights).sum())
    weighted = jax.jit(gradient)(logits)
    plain = summed["fast"](logits, *rest)[1]
    np.testing.assert_allclose(weighted, plain * weights[:, None, None], atol=1e-6)


@pytest.mark.parametrize("scale", [30.0, 1000.0])
def test_confident_logits_give_a_finite_loss_that_is_never_negative(scale):
    logits, logit_lengths, labels, label_lengths = random_batch()
    hopeless = logits * scale
    loss, gradient = summed["fast"](hopeless, logit_lengths, labels, label_lengths)
    assert np.isfinite(loss)
    assert np.all(np.isfinite(gradient))
    # Frames that spell the label for certain: character, blank, character, blank ...
    path = jnp.stack([labels, jnp.zeros_like(labels)], axis=2).reshape(len(labels), -1)
    certain = scale * jax.nn.one_hot(path, logits.shape[2])
    lengths = jnp.full_like(logit_lengths, path.shape[1])
    losses = ctc_loss(certain, lengths, labels, label_lengths)
    assert np.all(np.asarray(losses) >= 0.0)
    np.testing.assert_allclose(losses, 0.0, atol=1e-4)


def test_a_loss_of_what_is_no_number_is_none_either():
    logits, logit_lengths, labels, label_lengths = random_batch()
    # Line 0 has 20 frames: what is behind them does not count.
    broken = logits.at[2, 5, 3].set(jnp.nan).at[0, 30, 3].set(jnp.nan)
    losses = np.asarray(ctc_loss(broken, logit_lengths, labels, label_lengths))
    assert np.flatnonzero(np.isnan(losses)).tolist() == [2]


def test_half_precision_logits_get_a_gradient_of_their_type():
    logits, *rest = random_batch()
    half = logits.astype(jnp.bfloat16)
    loss, gradient = summed["fast"](half, *rest)
    expected, expected_gradient = summed["fast"](half.astype(jnp.float32), *rest)
    assert gradient.dtype == jnp.bfloat16
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    np.testing.assert_allclose(
        gradient.astype(jnp.float32), expected_gradient, atol=4e-3
    )


@given(st.lists(st.integers(1, 3), max_size=4), st.integers(1, 7))
def test_a_label_is_feasible_exactly_if_some_path_spells_it(label, frames):
    every = itertools.product((0, *sorted(set(label))), repeat=frames)
    possible = any(ctc_reference.collapse(path) == tuple(label) for path in every)
    lengths = np.array([frames]), np.array([len(label)])
    labels = np.array([label + [0] * (4 - len(label))])
    assert bool(ctc.is_feasible(lengths[0], labels, lengths[1])[0]) == possible


def test_arrays_whose_shapes_do_not_fit_together_are_refused_in_tests():
    lengths = jnp.array([3, 3])
    with pytest.raises(TypeError, match="labels"):
        ctc.ctc_loss(jnp.zeros((2, 3, 4)), lengths, jnp.zeros((3, 2), int), lengths)
