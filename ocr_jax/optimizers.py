"""Optimizers and learning-rate schedules, of Optax, that a config names."""

import jax
import ml_collections
import optax

WARMUP_SHARE = 0.1  # of a training's steps, at most
# (lines shown in all, most passes) of a training that goes on from another network, and
# of one from nothing.
TUNING, TRAINING = (40_000, 20), (270_000, 130)
LEAST_EPOCHS = 10


def with_epochs(config, lines: int):
    """Return the config with a number of epochs: that of `lines`, where it is 0."""
    config = ml_collections.ConfigDict(config)
    if not config.num_epochs:
        shown, most = TUNING if config.init_from else TRAINING
        config.num_epochs = round(min(max(shown / lines, LEAST_EPOCHS), most))
    return config


def make_schedule(config, total_steps: int) -> optax.Schedule:
    """The learning rate at each step: warm-up from 0, then the config's schedule."""
    warmup = warmup_steps(config, total_steps)
    rest = max(total_steps - warmup, 1)
    peak = config.learning_rate
    schedule = {
        "constant": lambda: optax.constant_schedule(peak),
        "cosine": lambda: optax.cosine_decay_schedule(peak, rest),
        "step": lambda: optax.piecewise_constant_schedule(
            peak, {rest // 2: 0.1, rest * 3 // 4: 0.1}
        ),
    }[config.schedule]()
    return optax.join_schedules(
        [optax.linear_schedule(0.0, peak, max(warmup, 1)), schedule], [warmup]
    )


def warmup_steps(config, total_steps: int) -> int:
    """Return the steps of warm-up: no more than a share of a short training."""
    return min(config.warmup_steps, int(WARMUP_SHARE * total_steps))


def make_optimizer(config, schedule: optax.Schedule) -> optax.GradientTransformation:
    """Gradient clipping, if any, then the config's optimizer.

    Weight decay is of kernels alone: biases and normalisation keep their scale.
    """
    decay = {"weight_decay": config.weight_decay, "mask": _are_kernels}
    optimizer = {
        "adamw": lambda: optax.adamw(schedule, **decay),
        "adam": lambda: optax.adam(schedule),
        "rmsprop": lambda: optax.rmsprop(schedule),
        "sgd": lambda: optax.sgd(schedule, momentum=0.9),
    }[config.optimizer]()
    if config.grad_clip:
        clip = optax.clip_by_global_norm(config.grad_clip)
        optimizer = optax.chain(clip, optimizer)
    if config.freeze:
        # Decay would move weights that have no gradient, too.
        optimizer = optax.multi_transform(
            {False: optimizer, True: optax.set_to_zero()},
            lambda params: {part: part == config.freeze for part in params},
        )
    if config.accumulate_steps > 1:
        optimizer = optax.MultiSteps(optimizer, config.accumulate_steps)
    return optimizer


def _are_kernels(params):
    return jax.tree.map(lambda array: array.ndim > 1, params)
