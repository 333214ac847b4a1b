"""Between the start and the end of a training that goes on from another network."""

import jax

from ocr_jax import train_state
from ocr_jax.errors import UserError
from ocr_jax.progress import Run, Validated
from ocr_jax.runtime import devices
from ocr_jax.train_state import TrainState

# How much of the way may be kept, tried in turn for as long as it helps.
SHARES = (0.7, 0.5, 0.35)


def best_share(
    run: Run, end: TrainState, error: Validated
) -> tuple[TrainState, Validated]:
    """Return the network on the way to `end` that reads validation best, and how well.

    Few lines lead a network to their own hands, and away from all others: a mean of the
    weights before and after may read both better. From Wortsman and others, "Robust
    fine-tuning of zero-shot models" (2022).

    error: of `end`.
    """
    try:
        start = train_state.for_inference(run.first_state())
    except UserError as gone:  # a run that resumes needs it no more
        run.tracker.message(f"only all of the way is tried: {gone}")
        return end, error
    kept, means = (1.0, end, error), devices.jit(mean)
    for share in SHARES:
        state = means(start, end, share)
        validated = run.task.validate(state, run.tracker)
        if validated.error >= kept[2].error:
            break
        kept = share, state, validated
    if kept[0] < 1:
        run.tracker.message(
            f"scored at {kept[0]:.0%} of the way from {run.config.init_from}, which "
            "does better on validation than all of it"
        )
    return kept[1:]


def mean(start: TrainState, end: TrainState, share: float) -> TrainState:
    """Return `start` with its weights that share of the way to those of `end`."""
    weights = {
        kind: jax.tree.map(
            # What is equal stays so, to the last bit: an encoder that is frozen.
            lambda first, last: first + share * (last - first),
            getattr(start, kind),
            getattr(end, kind),
        )
        for kind in train_state.WEIGHTS
    }
    return end.replace(**weights)
