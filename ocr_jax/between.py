"""Between the start and the end of a training that goes on from another network."""

import jax
import jax.numpy as jnp

from ocr_jax import train_state
from ocr_jax.progress import Run, Validated
from ocr_jax.runtime import devices
from ocr_jax.train_state import TrainState

# How much of the way may be kept, tried in turn for as long as it helps.
SHARES = (0.7, 0.5, 0.35)


def best_share(
    run: Run, start: TrainState, end: TrainState, error: Validated
) -> tuple[float, TrainState, Validated]:
    """Return the share of the way to `end` that reads validation best, and its network.

    Few lines lead a network to their own hands, and away from all others: a mean of the
    weights before and after may read both better. From Wortsman and others, "Robust
    fine-tuning of zero-shot models" (2022).

    start: NaN where the training did not start from another network. error: of `end`.
    """
    kept, means = (1.0, end, error), devices.jit(mean)
    for share in SHARES:
        state = means(start, end, share)
        validated = run.task.validate(state, run.tracker)
        if validated.error >= kept[2].error:
            break
        kept = share, state, validated
    if kept[0] < 1:
        run.tracker.message(
            f"the mean of weights {kept[0]:.0%} of the way from {run.config.init_from} "
            f"has a validation error of {kept[2].error:.2%}, the end one of "
            f"{error.error:.2%}"
        )
    return kept


def mean(start: TrainState, end: TrainState, share: float) -> TrainState:
    """Return `end` with its weights moved to that share of the way from `start`.

    Where `start` is NaN, there is nothing to go back to, and the weights stay.
    """

    def between(first, last):
        # What is equal stays so, to the last bit: an encoder that is frozen.
        return jnp.where(jnp.isnan(first), last, first + share * (last - first))

    weights = {
        kind: jax.tree.map(between, getattr(start, kind), getattr(end, kind))
        for kind in train_state.WEIGHTS
    }
    return end.replace(**weights)
