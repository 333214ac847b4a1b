"""Sweep files in W&B's format: every kind of parameter, and what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
import sweep
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sweeping import sweep_space

from ocr_jax import config_keys
from ocr_jax.errors import UserError
from tests.experiments.fixtures import SWEEP_COMMAND, read_sweep

SWEEPS = Path(sweep.__file__).parent / "sweeps"


def parameter(tmp_path, **settings):
    return read_sweep(tmp_path, parameters={"config.x": settings}).parameters[0]


def draws(tmp_path, **settings):
    """Values of the parameter at even places of its distribution function."""
    found = parameter(tmp_path, **settings)
    return np.array([found.value(u) for u in np.linspace(0.0005, 0.9995, 1000)])


def test_a_sweep_has_its_method_metric_command_and_parameters(tmp_path):
    command = [*SWEEP_COMMAND[:-1], "--config.num_epochs=3", "${args}"]
    metric = {"name": "validation/character_accuracy", "goal": "maximize"}
    sweep = read_sweep(
        tmp_path, command=command, metric=metric, run_cap=7, name="mine here"
    )
    assert sweep.name == "mine here" and sweep.run_cap == 7
    assert sweep.config == "configs/a.py" and sweep.overrides == {"num_epochs": "3"}
    assert sweep.metric == metric["name"] and not sweep.minimize
    assert sweep.values({"config.dropout": 0.25}) == {"dropout": pytest.approx(0.2)}


def test_a_metric_is_required_only_if_the_search_uses_it(tmp_path):
    assert read_sweep(tmp_path, metric=None).metric == "validation/cer"
    stops = {"type": "hyperband", "min_iter": 2}
    with pytest.raises(UserError, match="metric has no name"):
        read_sweep(tmp_path, metric=None, early_terminate=stops)


@pytest.mark.parametrize(
    "settings, kind",
    [
        ({"value": "x"}, "constant"),
        ({"values": [1, "b"]}, "categorical"),
        ({"values": [1, 2], "probabilities": [1, 3]}, "categorical_w_probabilities"),
        ({"min": 1, "max": 4}, "int_uniform"),
        ({"min": 1, "max": 4.5}, "uniform"),
        ({"min": 1, "max": 4, "distribution": "uniform"}, "uniform"),
    ],
)
def test_an_unnamed_distribution_is_inferred_as_wandb_does(tmp_path, settings, kind):
    assert parameter(tmp_path, **settings).kind == kind


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"distribution": "uniform", "min": 2, "max": 6}, stats.uniform(2, 4)),
        ({"distribution": "normal", "mu": 3, "sigma": 2}, stats.norm(3, 2)),
        ({"distribution": "log_normal", "sigma": 0.5}, stats.lognorm(0.5)),
        ({"distribution": "beta", "a": 2, "b": 5}, stats.beta(2, 5)),
        (
            {"distribution": "log_uniform", "min": math.log(1e-4), "max": 0},
            stats.loguniform(1e-4, 1),
        ),
        (
            {"distribution": "log_uniform_values", "min": 1e-4, "max": 1},
            stats.loguniform(1e-4, 1),
        ),
        (
            {"distribution": "inv_log_uniform", "min": 0, "max": math.log(1e4)},
            stats.loguniform(1e-4, 1),
        ),
        (
            {"distribution": "inv_log_uniform_values", "min": 1e-4, "max": 1},
            stats.loguniform(1e-4, 1),
        ),
    ],
)
def test_draws_follow_their_distribution(tmp_path, settings, expected):
    found = draws(tmp_path, **settings)
    assert stats.kstest(found, expected.cdf).statistic < 0.002
    assert np.all(np.diff(found) > 0)


@given(
    low=st.floats(0.01, 10),
    width=st.floats(0, 10),
    q=st.sampled_from([0.1, 0.25, 1, 3]),
    drawn=st.floats(0, 1),
)
@pytest.mark.parametrize(
    "kind", sorted(k for k in sweep_space.KINDS if k.startswith("q_"))
)
def test_a_quantised_draw_is_a_multiple_next_to_the_plain_draw(
    kind, low, width, q, drawn
):
    given_keys = {
        "min": low,
        "max": low + width,
        "mu": low,
        "sigma": 0.5,
        "a": 2,
        "b": 3,
    }
    keys = sweep_space.KINDS[kind].keys
    settings = {key: given_keys[key] for key in keys if key != "q"}
    value = sweep_space.Parameter("config.x", kind, settings | {"q": q}).value(drawn)
    plain = sweep_space.Parameter("config.x", kind.removeprefix("q_"), settings).value(
        drawn
    )
    assert abs(value - plain) <= q / 2 * (1 + 1e-9) + 1e-9 * abs(plain)
    assert value / q == pytest.approx(round(value / q), abs=1e-6)
    assert isinstance(value, int) == isinstance(q, int)


def test_values_are_drawn_by_their_probabilities(tmp_path):
    found = draws(tmp_path, values=["a", "b", "c"], probabilities=[1, 0, 3])
    assert np.mean(found == "a") == pytest.approx(0.25, abs=0.002)
    assert set(found) == {"a", "c"}


def test_a_grid_has_every_combination_once(tmp_path):
    sweep = read_sweep(
        tmp_path,
        method="grid",
        parameters={
            "config.encoder": {"values": ["conv", "mlp"]},
            "config.lstm_layers": {"min": 1, "max": 2},
            "config.dropout": {
                "distribution": "q_uniform", "min": 0.1, "max": 0.3, "q": 0.1,
            },
            "config.seed": {"value": 3},
        },
    )  # fmt: skip
    points = [tuple(sweep.values(point).values()) for point in sweep.grid()]
    assert len(points) == len(set(points)) == 12
    assert points[0] == ("conv", 1, 0.1, 3) and points[-1] == ("mlp", 2, 0.3, 3)


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"method": "bayesian"}, "method is 'bayesian': expected one of grid"),
        ({"methods": "grid"}, "no key 'methods': did you mean method"),
        ({"parameters": {}}, "no parameters"),
        ({"metric": {}, "method": "bayes"}, "metric has no name"),
        ({"metric": {"name": "a", "goal": "min"}}, "goal is 'min'"),
        ({"metric": {"name": ["a"]}}, r"name is \['a'\]"),
        ({"run_cap": 0}, "run_cap is 0"),
        ({"command": ["python", "train.py", "${args}"]}, "command is"),
        ({"command": SWEEP_COMMAND[:-1]}, "at its end"),
        (
            {"command": [*SWEEP_COMMAND[:-1], "--gpus=0", "${args}"]},
            "has '--gpus=0', which",
        ),
        ({"command": ["nice", *SWEEP_COMMAND]}, "has 'nice', which no trial would get"),
        ({"early_terminate": {"type": "median"}}, "type: hyperband"),
        (
            {"early_terminate": {"type": "hyperband", "min_iter": 2, "strict": True}},
            "strict is for W&B alone",
        ),
        ({"early_terminate": {"type": "hyperband"}}, "min_iter or max_iter"),
        ({"early_terminate": {"type": "hyperband", "max_iter": 9}}, "needs s"),
        (
            {"early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 1}},
            "eta is 1",
        ),
        (
            {
                "early_terminate": {
                    "type": "hyperband",
                    "min_iter": 9,
                    "max_iter": 9,
                    "s": 2,
                }
            },
            "min_iter 9 is not below max_iter 9",
        ),
        ({"parameters": {"lstm_dim": {"value": 3}}}, "call it config.lstm_dim"),
        ({"parameters": {"config.a b": {"value": 3}}}, "letters, digits"),
    ],
)
def test_a_file_that_wandb_or_main_would_refuse_is_refused(
    tmp_path, changes, complaint
):
    with pytest.raises(UserError, match=r"mine\.yaml: .*" + complaint):
        read_sweep(tmp_path, **changes)


@pytest.mark.parametrize(
    "settings, complaint",
    [
        (3, "expected value, values, or min and max"),
        ({}, "needs value, values, or min and max"),
        ({"min": 3}, "needs value, values, or min and max"),
        ({"values": []}, "expected a list"),
        ({"values": [1], "min": 3}, "no key 'min'"),
        ({"values": [1, 2], "probabilities": [1]}, "as many probabilities"),
        ({"values": [1, 2], "probabilities": [0, 0]}, "from 0 on"),
        ({"min": 3, "max": 1}, "min 3 is above max 1"),
        ({"min": "1e-3", "max": 1}, r"write 1\.0e-3"),
        ({"min": 0.0, "max": 1, "distribution": "log_uniform_values"}, "more than 0"),
        ({"min": 1, "max": 2.5, "distribution": "int_uniform"}, "whole number"),
        ({"distribution": "normal", "sigma": -1}, "sigma is -1"),
        ({"distribution": "uniform", "max": 1}, "uniform needs min"),
        (
            {"distribution": "log_unifrom", "min": 1, "max": 2},
            "did you mean log_uniform",
        ),
        ({"distribution": ["uniform"], "min": 1, "max": 2}, "did you mean uniform"),
        ({"distribution": "log_uniform", "min": 1, "max": 5000}, "are exponents"),
        ({"distribution": "inv_log_uniform", "min": -800, "max": 1}, "are exponents"),
        ({"distribution": "log_normal", "mu": 800}, "too large"),
        ({"min": 0.5, "max": math.inf}, "too large"),
        ({"distribution": "q_uniform", "min": 0, "max": math.nan}, "too large"),
        ({"parameters": {"value": 1}}, "nested"),
    ],
)
def test_an_invalid_parameter_is_refused(tmp_path, settings, complaint):
    with pytest.raises(UserError, match=r"config\.x.*" + complaint):
        read_sweep(tmp_path, parameters={"config.x": settings})


@pytest.mark.parametrize(
    "inside",
    [{"lstm_dim": {"values": [1]}}, {"parameters": {"lstm_dim": {"values": [1]}}}],
)
def test_a_mapping_of_config_keys_says_how_to_write_them(tmp_path, inside):
    with pytest.raises(UserError, match=r"config holds other keys.*config\.lstm_dim"):
        read_sweep(tmp_path, parameters={"config": inside})


def test_an_infinite_grid_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"config\.dropout: no grid ends over uniform"):
        read_sweep(tmp_path, method="grid")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"config.seed": {"min": 1, "max": 10**10}}, "over 10,000,000,000 values"),
        (
            {"config.x": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 1e-9}},
            "over 1,000,000,... values",
        ),
        (
            {f"config.{key}": {"min": 1, "max": 200} for key in ("seed", "x")},
            "a grid of 40,000 trials",
        ),
    ],
)
def test_a_grid_that_would_fill_the_memory_is_refused(tmp_path, parameters, message):
    with pytest.raises(UserError, match=message):
        read_sweep(tmp_path, method="grid", parameters=parameters)


def test_an_empty_grid_is_refused(tmp_path):
    empty = {"distribution": "q_uniform", "min": 0.11, "max": 0.14, "q": 0.1}
    with pytest.raises(UserError, match=r"config\.x: no multiple of q"):
        read_sweep(tmp_path, method="grid", parameters={"config.x": empty})


@pytest.mark.parametrize("path", sorted(SWEEPS.glob("*.yaml")), ids=lambda p: p.stem)
def test_the_projects_own_sweep_files_are_valid(path, monkeypatch, capsys):
    monkeypatch.chdir(SWEEPS.parents[1])
    assert sweep.main([str(path), "--dry_run"]) == 0
    drawn = capsys.readouterr().out
    assert "--config=configs/" in drawn
    if "configs/lines_ctc.py " in drawn:  # a network of another shape can't go on
        for key in config_keys.ARCHITECTURE:
            assert f"--config.{key}=" not in drawn
