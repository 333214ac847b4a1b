"""The state of a training: all that a step changes."""

from collections.abc import Callable
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np

from ocr_jax.runtime import devices

WEIGHTS = ("params", "batch_stats")


@flax.struct.dataclass
class TrainState:
    """Everything that training changes, as arrays; the step closes over the rest."""

    step: jax.Array
    params: dict
    batch_stats: dict
    opt_state: Any  # optax.OptState: see ctc.optax_loss for why it is not imported
    average: dict  # of params and batch_stats; empty where the config keeps none


@jax.tree_util.Partial
def as_drawn(weights: dict) -> dict:
    """Replace none of the weights."""
    return weights


def create_state(
    model, tx, config, height: int, replace: Callable = as_drawn
) -> TrainState:
    """Create the state before the first step from the config's seed.

    replace(weights) → weights, both by WEIGHTS' names: a pytree, as
    jax.tree_util.Partial makes of a function. What it replaces is not even drawn.
    """
    # One program: its hundred operations, one by one, take seconds.
    create = devices.jit(_creation(model, tx, config, height))
    return create(jax.random.key(config.seed), replace)


def state_shapes(model, tx, config, height: int) -> TrainState:
    """Return the shapes and types of what `create_state` creates.

    tx: None for a state that is not trained on.
    """
    create = _creation(model, tx, config, height)
    # The key is made inside: a program less to compile.
    return jax.eval_shape(lambda: create(jax.random.key(config.seed), as_drawn))


def _creation(model, tx, config, height: int) -> Callable:
    """`create(key, replace) → state`."""
    images = np.zeros((1, height, 2 * height), np.float32)
    widths = np.full((1,), 2 * height, np.int32)

    def create(key, replace):
        variables = model.init(key, images, widths)
        weights = replace({kind: variables.get(kind, {}) for kind in WEIGHTS})
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            opt_state=tx.init(weights["params"]) if tx else (),
            average=weights if config.ema_decay else {},
            **weights,
        )

    return create


def for_inference(state: TrainState) -> TrainState:
    """Return the state for inference: averaged weights if any, no optimizer state."""
    return state.replace(opt_state=(), average={}, **state.average)


def count_parameters(state: TrainState) -> int:
    """Count the parameters of a network."""
    return sum(leaf.size for leaf in jax.tree.leaves(state.params))
