"""That the benchmarks time the same work: results agree, operations are counted."""

import argparse
import math
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import readme_figures
import timing
from benchmarks import ctc, lstm, predict, step

from ocr_jax.errors import UserError

BENCHMARKS = pathlib.Path(timing.__file__).parent
needs_torch = pytest.mark.skipif(
    timing.torch is None, reason="PyTorch, of the extra bench, is not installed"
)


def way(*result):
    return timing.Way(lambda: result)


def test_operations_are_counted_in_loops_and_convolutions():
    def work(x, image, kernel):
        x, _ = jax.lax.scan(lambda x, _: (jnp.tanh(x @ x), None), x, length=5)
        x = jax.lax.cond(x[0, 0] > 0, lambda x: x @ x, lambda x: x, x)
        return jax.jit(lambda x: x @ x)(x), jax.lax.conv(image, kernel, (1, 1), "VALID")

    arrays = jnp.ones((4, 4)), jnp.ones((2, 3, 8, 8)), jnp.ones((5, 3, 3, 3))
    convolution = 2 * (2 * 5 * 6 * 6) * (3 * 3 * 3)
    assert timing.products(work, *arrays) == 7 * 2 * 4**3 + convolution


def test_ways_take_turns_that_begin_with_an_untimed_run():
    order = []
    ways = {name: timing.Way(lambda name=name: order.append(name)) for name in "ab"}
    medians = timing.race(ways, rounds=2)
    assert order == list("aabbaabb")
    assert all(wall > 0 for wall, _ in medians.values())


@pytest.mark.parametrize("other", [[1.0, 2.1], [1.0, math.nan], [1.0]])
def test_ways_with_different_results_are_refused(other):
    ways = {"one": way(np.array([1.0, 2.0])), "two": way(np.array(other))}
    with pytest.raises(SystemExit, match="result 0 of two"):
        timing.agree("work", ways)


def test_speed_is_relative_to_the_fastest_way_of_torch(capsys):
    medians = {"ours": (1.0, 2.0), "torch": (4.0, 1.0), "torch, compiled": (3.0, 1.0)}
    timing.print_rows("work", medians)
    assert "| work | ours | 1000.0 ms | 2000.0 ms | 3.00 |" in capsys.readouterr().out


@pytest.mark.slow
def test_our_ctc_losses_match_the_others():
    [shape] = ctc.QUICK
    lines = ctc.random_lines(*shape)
    ways = ctc.make_ways(*lines)
    assert len(ways) == 2 + bool(timing.torch)
    ctc.require_agreement("CTC", ways, lines)


@pytest.mark.slow
def test_our_lstm_matches_the_others():
    [shape] = lstm.QUICK
    ways = lstm.make_ways(*shape)
    assert len(ways) == 3 + bool(timing.torch)
    timing.agree("LSTM", ways)


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("work", step.WORKS)
def test_torch_networks_take_the_same_first_step(work):
    config, batch = step.make_work(work, 4, quick=True)
    config = step.without_dropout(config)
    ways = step.make_ways(config, batch)
    assert len(ways) == (4 if work == "lab" else 3)
    timing.agree(work, ways, tolerance=1e-3)


@needs_torch
def test_the_torch_network_gives_the_same_readings():
    config, batch = step.make_work("lines", 4, quick=True)
    ways = predict.make_ways(config, batch)
    timing.agree("reading", ways)
    predict.require_same_readings(ways)
    silent = timing.Way(lambda: (None, [[]] * 4))
    if any(ways["ours"].run()[1]):
        with pytest.raises(SystemExit, match="read in different ways"):
            predict.require_same_readings(ways | {"silent": silent})


def test_the_first_image_is_found_in_any_subfolder(tmp_path):
    with pytest.raises(UserError, match="there is no image in it"):
        readme_figures.first_image(tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.txt").touch()
    (tmp_path / "train" / "b.PNG").touch()
    assert readme_figures.first_image(tmp_path) == tmp_path / "train" / "b.PNG"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "augment.py --config=no.py",
        "feeding.py --lines_file=no.h5",
        "decoding.py --workdir=no",
        "fuzz.py --only=no",
    ],
)
def test_a_user_error_is_one_line(command):
    program, argument = command.split()
    done = subprocess.run(
        [sys.executable, BENCHMARKS / program, argument], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("ocr_jax: ") and done.stderr.count("\n") == 1


def test_quick_runs_one_round(capsys):
    args = argparse.Namespace(quick=True, threads=0, rounds=40)
    timing.begin(args)
    assert args.rounds == 1
    assert jax.__version__ in capsys.readouterr().out
