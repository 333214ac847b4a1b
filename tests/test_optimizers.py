"""Trainings: how long they are where the config leaves it to the lines."""

import pytest

from ocr_jax import config as config_lib
from ocr_jax import optimizers


@pytest.mark.parametrize(
    ("init_from", "lines", "epochs"),
    [
        ("runs/other", 25, 30),  # no line is shown more often than this
        ("runs/other", 2_000, 20),
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
