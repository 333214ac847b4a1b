"""One update: what it averages, decays, accumulates, and what its loss is made of."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.compilation_cache import compilation_cache
from jax.sharding import Mesh

from ocr_jax import config as config_lib
from ocr_jax import ctc, inference, models, optimizers, rereading, steps, train_state
from ocr_jax.decoding import greedy
from ocr_jax.runtime import devices


def make_config(**changes):
    config = config_lib.default_config()
    config.conv_channels, config.lstm_layers, config.dropout = (4, 4), 0, 0.0
    config.optimizer, config.schedule, config.learning_rate = "sgd", "constant", 0.1
    config.warmup_steps, config.grad_clip, config.batch_norm = 0, 0.0, False
    for key, value in changes.items():
        config[key] = value
    return config


def make_batch(rows=4, seed=0):
    generator = np.random.default_rng(seed)
    return {
        "image": generator.integers(0, 255, (rows, 8, 32)).astype(np.uint8),
        "width": np.full(rows, 32, np.int32),
        "label": generator.integers(1, 4, (rows, 3)).astype(np.int32),
        "label_length": np.full(rows, 3, np.int32),
        "mask": np.ones(rows, bool),
    }


def start(config, count=1):
    """(state, train_step) of a small network of four classes, on so many devices."""
    model = models.build_model(config, 4, devices.DATA)
    tx = optimizers.make_optimizer(config, optimizers.make_schedule(config, 10))
    state = train_state.create_state(model, tx, config, height=8)
    mesh = Mesh(np.array(jax.devices()[:count]), (devices.DATA,))
    # As a step returns it: steps of others would be compiled anew.
    state = devices.replicate(state, mesh)
    return state, steps.make_train_step(model, tx, config, mesh)


def assert_equal(one, other, **tolerance):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


def test_two_accumulated_halves_of_a_batch_make_the_update_of_the_whole():
    whole = make_batch(4)
    halves = [whole | {"mask": np.arange(4) // 2 == half} for half in range(2)]
    state, step = start(make_config())
    expected = step(state, whole)[0].params
    state, step = start(make_config(accumulate_steps=2))
    before = jax.device_get(state.params)
    first = step(state, halves[0])[0]
    assert_equal(first.params, before)
    assert_equal(step(first, halves[1])[0].params, expected, atol=1e-6)


def test_several_steps_in_one_program_equal_steps_one_by_one():
    # Far from chaos: a large step makes rounding's differences grow.
    config = make_config(dropout=0.5, ema_decay=0.9, learning_rate=1e-3)
    config.augment.probability, config.augment.noise = 1.0, 0.1
    batches = [make_batch(seed=seed) for seed in range(3)]
    state, step = start(config, count=2)
    losses = []
    for batch in batches:
        state, metrics = step(state, batch)
        losses.append(metrics["loss"])
    config.steps_per_dispatch = 3
    start_state, step = start(config, count=2)
    together, metrics = steps.make_train_steps(step)(start_state, tuple(batches))
    assert int(together.step) == 3
    np.testing.assert_allclose(metrics["loss"], losses, rtol=1e-5)
    assert_equal(together, state, atol=1e-5)


def test_another_seed_runs_the_same_programs(tmp_path, request):
    def keep_programs(folder):
        jax.config.update("jax_compilation_cache_dir", folder)
        compilation_cache.reset_cache()

    request.addfinalizer(
        functools.partial(keep_programs, jax.config.jax_compilation_cache_dir)
    )
    shortest = "jax_persistent_cache_min_compile_time_secs"
    request.addfinalizer(
        functools.partial(jax.config.update, shortest, getattr(jax.config, shortest))
    )
    jax.config.update(shortest, 0.0)
    keep_programs(str(tmp_path))
    compiled, losses = [], []
    for seed in (0, 1):
        config = make_config(seed=seed, dropout=0.5)
        config.augment.probability, config.augment.noise = 1.0, 0.1
        state, step = start(config)
        losses.append(float(step(state, make_batch())[1]["loss"]))
        compiled.append({path.name for path in tmp_path.glob("*-cache")})
    assert compiled[0] == compiled[1] != set()
    assert losses[0] != losses[1]


def test_the_average_follows_the_weights_and_is_what_reads():
    config = make_config(ema_decay=0.25, batch_norm=True)
    state, step = start(config)
    expected = jax.device_get(
        {"params": state.params, "batch_stats": state.batch_stats}
    )
    for number in range(3):
        state, _ = step(state, make_batch(seed=number))
        decay = min(0.25, (2 + number) / (11 + number))
        expected = jax.tree.map(
            lambda old, new, decay=decay: decay * old + (1 - decay) * new,
            expected,
            jax.device_get({"params": state.params, "batch_stats": state.batch_stats}),
        )
    reader = train_state.for_inference(state)
    assert_equal(reader.params, expected["params"], atol=1e-6)
    assert_equal(reader.batch_stats, expected["batch_stats"], atol=1e-6)
    assert reader.opt_state == ()
    assert reader.average == {}


def test_the_average_of_what_is_frozen_is_frozen():
    config = make_config(ema_decay=0.25, freeze="encoder")
    state, step = start(config)
    first = jax.device_get(state.params["encoder"])
    for number in range(5):
        state, _ = step(state, make_batch(seed=number))
    average = train_state.for_inference(state).params["encoder"]
    assert_equal(average, first, rtol=0)


def test_weight_decay_shrinks_kernels_and_leaves_biases_alone():
    config = make_config(optimizer="adamw", weight_decay=0.5)
    tx = optimizers.make_optimizer(config, lambda step: 0.1)
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    nothing = jax.tree.map(jnp.zeros_like, params)
    changes, _ = tx.update(nothing, tx.init(params), params)
    np.testing.assert_allclose(changes["kernel"], -0.05)
    np.testing.assert_array_equal(changes["bias"], 0.0)


def shortcut_loss(config, params):
    """The CTC loss of the head on the encoder, of a batch."""
    batch = jax.tree.map(jnp.asarray, make_batch())
    model = models.build_model(config, 4)
    images = inference.to_float(batch["image"])
    (_, lengths), sown = model.apply(
        {"params": params}, images, batch["width"], train=True, mutable=["shortcut"]
    )
    [logits] = jax.tree.leaves(sown)
    labels = batch["label"], batch["label_length"]
    return ctc.LOSSES["optax"](logits, lengths, *labels).sum()


def test_the_shortcut_trains_its_head_and_is_not_in_the_loss():
    plain, plain_step = start(make_config(learning_rate=1e-3))
    config = make_config(learning_rate=1e-3, shortcut_weight=0.5)
    state, step = start(config)
    before = jax.device_get(state.params)
    plain, plain_metrics = plain_step(plain, make_batch())
    state, metrics = step(state, make_batch())
    np.testing.assert_allclose(metrics["loss"], plain_metrics["loss"], rtol=1e-5)
    assert not np.allclose(
        state.params["head_shortcut"]["kernel"], before["head_shortcut"]["kernel"]
    )
    with_its_head = before | {"head_shortcut": state.params["head_shortcut"]}
    assert shortcut_loss(config, with_its_head) < shortcut_loss(config, before)
    # It reaches the encoder, beside what the loss itself does there.
    difference = jax.tree.map(
        np.subtract, state.params["encoder"], plain.params["encoder"]
    )
    assert max(np.abs(x).max() for x in jax.tree.leaves(difference)) > 1e-5


def test_no_two_steps_or_purposes_share_a_random_key():
    pairs = [steps._step_keys(*map(jnp.asarray, at)) for at in ((0, 0), (0, 1), (1, 0))]
    drawn = {tuple(jax.random.key_data(key).tolist()) for pair in pairs for key in pair}
    assert len(drawn) == 6


def test_half_precision_trains_alike_and_keeps_whole_weights():
    shared = {"lstm_layers": 1, "lstm_dim": 4, "batch_norm": True}
    losses = {}
    for dtype in ("float32", "bfloat16"):
        state, step = start(make_config(dtype=dtype, **shared))
        for _ in range(5):
            state, metrics = step(state, make_batch())
        losses[dtype] = float(metrics["loss"])
        assert {x.dtype for x in jax.tree.leaves(state.params)} == {
            jnp.dtype("float32")
        }
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.03)


def test_a_step_among_a_cpus_devices_waits_for_all_that_it_is_given(monkeypatch):
    config = make_config()
    config.augment.probability, config.augment.bleed = 1.0, 0.5
    state, step = start(config, count=4)
    batch, waited_for = make_batch(4), []
    monkeypatch.setattr(jax, "block_until_ready", waited_for.append)
    step(state, batch)
    given, (images, widths) = waited_for
    assert given[0] is state and given[1] is batch  # whose lines show through others
    assert len(given[2]) == 2  # the random keys
    assert images.shape == batch["image"].shape and widths.shape == (4,)


def test_reading_has_devices_wait_for_each_other_nowhere():
    config, mesh = make_config(), devices.make_mesh(4)
    model = models.build_model(config, 4)
    state = devices.replicate(train_state.for_inference(start(config)[0]), mesh)
    batch = devices.shard(make_batch(4), mesh)
    logits_step = inference.make_logits_step(model)
    logits = logits_step(state, batch)
    programs = [
        jax.jit(logits_step).lower(state, batch),
        steps._score.lower(greedy.GREEDY, *logits, batch, mesh),
        rereading.found_in.lower(*logits),
    ]
    assert mesh.size == 4
    for program in programs:
        text = program.compile().as_text()
        for kind in ("all-gather", "all-reduce", "all-to-all", "collective-permute"):
            assert f" {kind}(" not in text
