"""Trainings that tests stop half-way, and the checkpoints that they leave."""

import json
import os
import signal

import jax
import numpy as np
import pytest

from ocr_jax import checkpoints, models, optimizers, train, train_state
from ocr_jax.data import dataset, pipeline
from tests import fixtures


def latest_state(workdir, config):
    """The latest checkpoint's arrays, flat."""
    data = dataset.load(config, ("train",))
    model = models.build_model(config, data.charset.num_classes)
    tx = optimizers.make_optimizer(config, optimizers.make_schedule(config, 1))
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    template = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device),
        train_state.state_shapes(model, tx, config, data.height),
    )
    with checkpoints.Checkpoints(workdir) as saved:
        state, progress = saved.restore(checkpoints.LATEST, template)
    return jax.tree.leaves(jax.device_get(state)), progress


def assert_same_tree(one, other):
    """Fail unless two trees of arrays are equal, bit by bit."""
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def train_until(step, config, workdir, source=pipeline):
    """Train, and press Ctrl-C when source.batches has handed out `step` batches."""
    original, count = source.batches, 0

    def batches(*args, **kwargs):
        nonlocal count
        for batch in original(*args, **kwargs):
            if kwargs.get("press", True):
                count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGINT)
            yield batch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "batches", batches)
        train.train_and_evaluate(config, workdir)


def rows_of(workdir):
    """The rows of metrics.jsonl, without what differs between equal runs."""
    text = (workdir / "metrics.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    volatile = ("time", "seconds", "per_second")
    return [{k: v for k, v in row.items() if not k.endswith(volatile)} for row in rows]


def files_of(workdir):
    """What is in a workdir: path → content."""
    paths = [path for path in workdir.rglob("*") if path.is_file()]
    return {str(path.relative_to(workdir)): path.read_bytes() for path in paths}


def fresh_state(config, charset):
    """The state of a new network for these characters."""
    model = models.build_model(config, charset.num_classes)
    tx = optimizers.make_optimizer(config, optimizers.make_schedule(config, 1))
    return train_state.create_state(model, tx, config, fixtures.HEIGHT)
