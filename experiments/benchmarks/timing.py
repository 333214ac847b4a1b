"""Several ways to do the same work: compared in their results, then timed in turns.

PyTorch, of the extra `bench`, may be absent: what needs it is left out then.
"""

import argparse
import datetime
import importlib.metadata
import math
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# Two frameworks share a device's memory: neither may take all of it at once.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import numpy as np
from jax.extend import core

from ocr_jax import errors
from ocr_jax.runtime import devices

try:
    import torch
except ImportError:
    torch = None

PACKAGES = ("jax", "jaxlib", "flax", "optax", "torch")


class Way(NamedTuple):
    """`run()` does the work once; `result` makes arrays to compare of what it gave."""

    run: Callable[[], Any]
    result: Callable[[Any], Iterable] = lambda given: given


def parser(doc: str, rounds: int) -> argparse.ArgumentParser:
    """The options of every benchmark here."""
    parser = errors.ArgumentParser(description=doc)
    parser.add_argument("--rounds", type=int, default=rounds, help="turns of each way")
    parser.add_argument("--threads", type=int, default=0, help="cores to use; 0: all")
    parser.add_argument("--quick", action="store_true", help="tiny work, one round")
    return parser


def begin(args: argparse.Namespace, batch_size: int = 1):
    """Keep to the cores asked for; print what is measured with, and on what.

    batch_size: of a training, whose lines are spread over the cores.
    """
    if args.quick:
        args.rounds = 1
    if args.threads:
        # XLA makes a thread for each core that it may use.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    devices.use_cores(batch_size)
    threads = len(os.sched_getaffinity(0))
    if torch:
        torch.set_num_threads(threads)
        # What JAX does by default where there are tensor cores.
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    print(
        f"{datetime.date.today()}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
        + f"\n{jax.devices()[0].device_kind}, torch on {device()}, {threads} threads, "
        f"huge pages {'on' if 'GLIBC_TUNABLES' in os.environ else 'off'}, "
        f"load {os.getloadavg()[0]:.1f}, medians of {args.rounds}\n"
    )


def device() -> str:
    """Where torch computes."""
    return "cuda" if torch and torch.cuda.is_available() else "cpu"


def agree(work: str, ways: dict[str, Way], tolerance: float = 1e-4):
    """Exit, naming both, where a way's results are not those of the first.

    A difference is relative to the greatest value of an array. On a GPU, products are
    rounded more coarsely, by each framework in its own way.
    """
    tolerance *= 100 if jax.default_backend() == "gpu" else 1
    results = {
        name: list(map(_array, way.result(way.run()))) for name, way in ways.items()
    }
    (first, expected), *others = results.items()
    for name, actual in others:
        for index, (one, two) in enumerate(zip(expected, actual, strict=True)):
            off = difference(one, two)
            # Written so that NaN is a difference, too.
            if not off <= tolerance:
                raise SystemExit(
                    f"{work}: result {index} of {name} is {off:.1e} off that of {first}"
                )


def difference(expected: np.ndarray, actual: np.ndarray) -> float:
    """The greatest difference, the greatest expected value being 1."""
    if expected.shape != actual.shape:
        return math.inf
    scale = np.abs(expected).max(initial=1e-30)
    return float(np.abs(expected - actual).max(initial=0.0) / scale)


def race(
    ways: dict[str, Way], rounds: int, *, warm_up: bool = True
) -> dict[str, tuple[float, float]]:
    """name → median (seconds, processor seconds) of ways that took turns.

    With warm_up a turn begins with a run that does not count: it compiles, and after
    the other framework's turn it finds neither its threads awake nor its data cached.
    """
    taken = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            if warm_up:
                finish(way.run())
            wall, processor = time.perf_counter(), _processor_seconds()
            finish(way.run())
            took = time.perf_counter() - wall, _processor_seconds() - processor
            taken[name].append(took)
    return {
        name: tuple(map(statistics.median, zip(*times, strict=True)))
        for name, times in taken.items()
    }


def finish(result):
    """Wait until a result has been computed."""
    if device() == "cuda":
        torch.cuda.synchronize()
    jax.block_until_ready(result)


def print_head():
    """The head of the table that `print_rows` goes on with."""
    print("| work | by | median | processor | speed, torch being 1 |")
    print("|---|---|---|---|---|", flush=True)


def print_rows(work: str, medians: dict[str, tuple[float, float]]):
    """A row for each way, and how fast it is beside the quickest of torch's."""
    torchs = [wall for name, (wall, _) in medians.items() if name.startswith("torch")]
    for name, (wall, processor) in medians.items():
        speed = f"{min(torchs) / wall:.2f}" if torchs else ""
        times = f"{1e3 * wall:.1f} ms | {1e3 * processor:.1f} ms"
        print(f"| {work} | {name} | {times} | {speed} |", flush=True)


def matmul_peak(size: int, rounds: int) -> float:
    """The most float32 operations a second of a square product, by JAX or torch."""
    ones = np.ones((size, size), np.float32)
    product, on_device = jax.jit(lambda x: x @ x), jax.device_put(ones)
    ways = {"jax": Way(lambda: product(on_device))}
    if torch:
        tensor = torch.from_numpy(ones).to(device())
        ways["torch"] = Way(lambda: tensor @ tensor)
    return 2 * size**3 / min(wall for wall, _ in race(ways, rounds).values())


def products(function: Callable, *args) -> int:
    """Floating-point operations of a function's matrix products and convolutions.

    Counted in what JAX is asked to compute: XLA's own count takes a loop's body once.
    """
    return _products(jax.make_jaxpr(function)(*args).jaxpr)


def _products(jaxpr) -> int:
    total, used = 0, set(_variables(jaxpr.outvars))
    for equation in reversed(jaxpr.eqns):
        if used.isdisjoint(equation.outvars):
            continue  # a compiler leaves it out
        used.update(_variables(equation.invars))
        inner = list(map(_products, core.jaxprs_in_params(equation.params)))
        once = max(inner) if equation.primitive.name == "cond" else sum(inner)
        total += once * equation.params.get("length", 1)  # of a scan
        total += 2 * _terms(equation) * equation.outvars[0].aval.size
    return total


def _variables(atoms):
    return (atom for atom in atoms if isinstance(atom, core.Var))


def _terms(equation) -> int:
    """How many products are summed for each number of an operation's result."""
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
    if equation.primitive.name == "conv_general_dilated":
        kernel = equation.invars[1].aval
        features = equation.params["dimension_numbers"].rhs_spec[0]
        return kernel.size // kernel.shape[features]
    return 0


def _processor_seconds() -> float:
    """Of this process, and of those that it started and that have ended."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _array(value) -> np.ndarray:
    """An array of JAX's, NumPy's or torch's as a float64 one."""
    value = value.detach().cpu() if hasattr(value, "detach") else value
    return np.asarray(value, np.float64)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
