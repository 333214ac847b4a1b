"""Trainings: how long they are, their learning rates, and how far a step goes."""

import jax.numpy as jnp
import numpy as np
import pytest

from ocr_jax import config as config_lib
from ocr_jax import optimizers


@pytest.mark.parametrize(
    ("init_from", "lines", "epochs"),
    [
        ("runs/other", 25, 20),  # no line is shown more often than this
        ("runs/other", 2_500, 16),
        ("runs/other", 50_000, 10),
        ("", 25, 130),
        ("", 9_000, 30),
    ],
)
def test_the_fewer_lines_the_more_epochs(init_from, lines, epochs):
    config = config_lib.default_config()
    config.init_from, config.num_epochs = init_from, 0
    assert optimizers.with_epochs(config, lines).num_epochs == epochs
    assert config.num_epochs == 0  # the run's own config stays as it is


def test_a_number_of_epochs_that_is_given_stays():
    config = config_lib.default_config()
    config.num_epochs = 3
    assert optimizers.with_epochs(config, 25).num_epochs == 3


def config_of(schedule, warmup_steps=10):
    config = config_lib.default_config()
    config.schedule, config.warmup_steps = schedule, warmup_steps
    config.learning_rate = 0.8
    return config


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        # at steps 0, 5, 10, 55, 60, 80 and 100 of 100
        ("constant", [0, 0.4, 0.8, 0.8, 0.8, 0.8, 0.8]),
        ("cosine", [0, 0.4, 0.8, 0.4, 0.330541, 0.093582, 0]),
        ("step", [0, 0.4, 0.8, 0.08, 0.08, 0.008, 0.008]),
    ],
)
def test_rates_warm_up_and_follow_the_schedule(schedule, rates):
    found = optimizers.make_schedule(config_of(schedule), 100)
    steps = jnp.array([0, 5, 10, 55, 60, 80, 100])
    np.testing.assert_allclose([found(step) for step in steps], rates, atol=1e-5)


def test_a_longer_training_has_a_higher_cosine_at_the_same_step():
    short, long = (
        optimizers.make_schedule(config_of("cosine"), steps) for steps in (100, 200)
    )
    assert short(90) < long(90) < 0.8


def test_warm_up_takes_a_tenth_of_a_short_training_at_most():
    assert optimizers.warmup_steps(config_of("cosine", 200), 50) == 5
    assert optimizers.warmup_steps(config_of("cosine", 200), 5_000) == 200


def test_gradients_are_clipped_to_their_greatest_norm():
    config = config_of("constant")
    config.optimizer = "sgd"
    for clip, change in ((2.0, 2.0), (0.0, 10.0)):
        config.grad_clip = clip
        tx = optimizers.make_optimizer(config, lambda step: 1.0)
        grads = {"kernel": jnp.array([6.0, 8.0])}
        updates, _ = tx.update(grads, tx.init(grads), grads)
        assert float(jnp.linalg.norm(updates["kernel"])) == pytest.approx(change)
