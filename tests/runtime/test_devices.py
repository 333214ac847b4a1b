"""Cores become devices, as many as a batch keeps busy."""

import jax
import pytest

from ocr_jax.runtime import devices, slots


@pytest.mark.parametrize(
    ("cores", "batch_size", "count"),
    [(2, 16, 2), (2, 8, 1), (4, 24, 3), (3, 32, 2), (4, 1, 1)],
)
def test_a_core_is_a_device_if_it_gets_eight_lines_or_more(
    cores, batch_size, count, monkeypatch
):
    asked_for = {}
    monkeypatch.delenv("XLA_FLAGS")
    monkeypatch.setattr(slots, "cores", lambda: [*range(cores)])
    monkeypatch.setattr(jax.config, "update", asked_for.__setitem__)
    devices.use_cores(batch_size)
    assert asked_for == {"jax_num_cpu_devices": count}


@pytest.mark.parametrize(("batch_size", "used"), [(16, 4), (6, 3), (7, 1)])
def test_a_run_is_read_on_as_many_devices_as_divide_its_batch(batch_size, used):
    assert jax.device_count() == 4
    assert devices.make_reading_mesh(batch_size).size == used
