"""How fast a GPU is, beside PyTorch on it: its ceilings, kernels, steps, reading."""

import importlib.metadata
import itertools
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable

import ctc as ctc_benchmark
import gpu_report
import jax
import jax.numpy as jnp
import lstm as lstm_benchmark
import predict as predict_benchmark
import step
import timing
from gpu_report import Report

from ocr_jax import config as config_lib
from ocr_jax.runtime import devices
from ocr_jax.tracking import profiling

BATCH_SIZES = (64, 16, 256)
DTYPES = ("float32", "bfloat16")
# Measured first, in all ways; the rest as far as time goes.
FIRST = [
    ("lines", 64, "float32", False),
    ("lines", 64, "bfloat16", False),
    ("base", 64, "bfloat16", False),
    ("lab", 64, "float32", False),
    ("lines", 64, "bfloat16", True),
    ("lines", 256, "bfloat16", False),
    ("base", 64, "float32", False),
]
IN_A_ROW = 8
PRECISIONS = {
    "float32": (jnp.float32, "highest"),
    "TF32": (jnp.float32, "tensorfloat32"),
    "bfloat16": (jnp.bfloat16, None),
}
# What a training of either dtype computes its products in, by default.
PRECISION_OF = {"float32": "TF32", "bfloat16": "bfloat16"}


def _begin():
    if timing.torch:
        # What JAX does by default where there are tensor cores.
        timing.torch.backends.cuda.matmul.allow_tf32 = True
        timing.torch.backends.cudnn.allow_tf32 = True
        timing.torch.backends.cudnn.benchmark = True


def machine(report: Report, args):
    """What the machine is, and what products and copies reach on it."""
    del args
    device = jax.devices()[0]
    memory = (device.memory_stats() or {}).get("bytes_limit", 0)
    report.row(work="device", what=f"{len(jax.devices())} x {device.device_kind}")
    report.row(work="memory for JAX", what=f"{memory / 2**30:.1f} GiB")
    report.row(work="processor cores", what=str(os.cpu_count()))
    names = ("jax", "jaxlib", "flax", "optax", "torch")
    versions = {"Python": platform.python_version()}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "absent"
    report.row(work="versions", what=", ".join(map(" ".join, versions.items())))
    for name, (dtype, precision) in PRECISIONS.items():
        report.attempt(f"product, {name}", _product, name, dtype, precision)
    report.attempt("copy", _copy)


def _product(report: Report, name: str, dtype, precision):
    size = 256 if report.quick else 8192
    key = jax.random.key(0)
    x = jax.random.normal(key, (size, size), dtype)
    with jax.default_matmul_precision(precision or "default"):
        product = jax.jit(lambda x: x @ x).lower(x).compile()
    seconds = _median(lambda: product(x))
    teraflops = 2 * size**3 / seconds / 1e12
    report.row(work=f"product, {size} x {size}", what=name, teraflops=teraflops)


def _copy(report: Report):
    count = 2**20 if report.quick else 2**30
    x = jnp.ones(count, jnp.uint8)
    copy = jax.jit(lambda x: x + jnp.uint8(1))
    seconds = _median(lambda: copy(x))
    report.row(
        work="copy on the device",
        what="read and written",
        gigabytes_per_second=2 * count / seconds / 1e9,
    )


def _median(run: Callable, rounds: int = 10) -> float:
    """Seconds of a run, after two that do not count."""
    taken = []
    for _ in range(rounds + 2):
        started = time.perf_counter()
        timing.finish(run())
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[2:])


def kernels(report: Report, args):
    """CTC and the bidirectional LSTM: ours, optax's or flax's, cuDNN's, torch's."""
    del args
    _begin()
    shapes = [ctc_benchmark.SHAPES[0], ctc_benchmark.SHAPES[2]]
    for shape in ctc_benchmark.QUICK if report.quick else shapes:
        work = "CTC B{} T{} L{} C{}".format(*shape)
        report.attempt(work, _ctc, work, shape)
    for shape in lstm_benchmark.QUICK if report.quick else lstm_benchmark.SHAPES:
        work = "BiLSTM B{} T{} D{} H{}".format(*shape)
        report.attempt(work, _lstm, work, shape)


def _ctc(report: Report, work: str, shape):
    lines = ctc_benchmark.random_lines(*shape)
    _race(report, work, ctc_benchmark.make_ways(*lines))


def _lstm(report: Report, work: str, shape):
    _race(report, work, lstm_benchmark.make_ways(*shape))


def _race(report: Report, work: str, ways: dict[str, timing.Way], **cells):
    """A row a way: milliseconds, and its speed beside the quickest of torch's."""
    medians = timing.race(ways, 1 if report.quick else 20)
    torchs = [wall for name, (wall, _) in medians.items() if name.startswith("torch")]
    for name, (wall, _) in medians.items():
        speed = {"speed, torch being 1": min(torchs) / wall} if torchs else {}
        more = {key: value(wall) for key, value in cells.items()}
        report.row(work=work, by=name, ms=1e3 * wall, **speed, **more)


def steps_to_time() -> list[tuple]:
    """(work, batch size, dtype, augmenting): those that matter most come first."""
    every = itertools.product(step.WORKS, BATCH_SIZES, DTYPES, (False, True))
    return FIRST + [one for one in every if one not in FIRST]


def steps_of_training(report: Report, args):
    """Whole steps: ours as they are, by cuDNN, several a dispatch; torch's."""
    del args
    _begin()
    report.attempt("compiling", _compiling, *FIRST[0])
    works = steps_to_time()
    for one in works[:1] if report.quick else works:
        name, size, dtype, augmenting = one
        work = f"{name}, {size} lines, {dtype}" + ", augmenting" * augmenting
        report.attempt(work, _step, work, one)


def _make_work(report: Report, name: str, size: int, dtype: str, augmenting: bool):
    size = 4 if report.quick else size
    config, batch = step.make_work(name, size, quick=report.quick)
    config.dtype = dtype
    if report.quick:
        config.lstm_layers = 1
    if augmenting:
        path = f"--config={step.AUGMENTATION}"
        config.augment = config_lib.load([path]).augment
    return config, batch


def _changed(config, **changes):
    config = config.copy_and_resolve_references()
    config.update(changes)
    return config


def _step(report: Report, work: str, one: tuple):
    config, batch = _make_work(report, *one)
    size = len(batch["image"])
    ways = {"ours": step.by_jax(config, batch)}
    on_gpu, first = jax.default_backend() == "gpu", one in FIRST
    if on_gpu and first:
        by_cudnn = _changed(config, lstm_implementation="cudnn")
        ways["ours, cuDNN"] = step.by_jax(by_cudnn, batch)
    if timing.torch and not one[3]:
        last = {"channels_last": on_gpu}
        ways["torch" + ", channels_last" * on_gpu] = step.by_torch(
            config, batch, **last
        )
    count, peak = step.operations(config, batch), _peak(report, one[2])
    cells = {"lines/s": lambda wall: size / wall}
    if peak:
        cells["share of the peak"] = lambda wall: count / wall / peak
    _race(report, work, ways, **cells)
    if first:
        _dispatch(report, work, ways["ours"], config, batch)


def _peak(report: Report, dtype: str) -> float:
    """The operations a second that the first part measured; 0 where it did not."""
    return max(
        (
            1e12 * row["teraflops"]
            for row in gpu_report.read(report.out)
            if "teraflops" in row and row["what"] == PRECISION_OF[dtype]
        ),
        default=0.0,
    )


def _dispatch(report: Report, work: str, way: timing.Way, config, batch):
    """What Python needs to hand over a step, and a step of several in one program."""
    timing.finish(way.run())
    taken = []
    for _ in range(3 if report.quick else 20):
        started = time.perf_counter()
        result = way.run()
        taken.append(time.perf_counter() - started)
        timing.finish(result)
    dispatch = 1e3 * statistics.median(taken)
    report.row(work=work, by="Python, to dispatch a step", ms=dispatch)
    several = step.by_jax(config, batch, in_a_row=IN_A_ROW)
    seconds = _median(several.run, 2 if report.quick else 10) / IN_A_ROW
    report.row(
        work=work,
        by=f"ours, {IN_A_ROW} steps a program",
        ms=1e3 * seconds,
        **{"lines/s": len(batch["image"]) / seconds},
    )


def _compiling(report: Report, *one):
    """Seconds of the first step: compiled, and taken from the cache on disk."""
    devices.use_compilation_cache()
    config, batch = _make_work(report, *one)
    for kind in ("cold", "from the cache"):
        jax.clear_caches()
        started = time.perf_counter()
        timing.finish(step.by_jax(config, batch).run())
        report.row(
            work=f"first step, {one[0]}, {one[1]} lines",
            by=kind,
            ms=1e3 * (time.perf_counter() - started),
        )


def reading(report: Report, args):
    """Lines a second from images to character ids, and to text with confidences."""
    del args
    _begin()
    for size in (4,) if report.quick else (64, 256):
        report.attempt(f"{size} lines", _reading, size)


def _reading(report: Report, size: int):
    config, batch = step.make_work("lines", size, quick=report.quick)
    ways = predict_benchmark.make_ways(config, batch)
    ways["ours, Recognizer"] = predict_benchmark.by_recognizer(config, batch)
    work = "{} x {} x {}".format(*batch["image"].shape)
    _race(report, work, ways, **{"lines/s": lambda wall: size / wall})


def profile(report: Report, args):
    """The largest parts of ten steps of the work that is slowest beside torch."""
    del args
    slowest, _ = min(
        (
            (row["work"], row["speed, torch being 1"])
            for row in gpu_report.read(report.out)
            if row["part"] == "steps"
            and row.get("by") == "ours"
            and "speed, torch being 1" in row
        ),
        key=lambda pair: pair[1],
        default=("lines, 64 lines, float32", 0.0),
    )
    report.attempt(slowest, _profile, slowest)


def _profile(report: Report, work: str):
    name, size, dtype, *augmenting = work.split(", ")
    one = name, int(size.split()[0]), dtype, bool(augmenting)
    way = step.by_jax(*_make_work(report, *one))
    for _ in range(3):
        timing.finish(way.run())
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(10):
                timing.finish(way.run())
        parts = profiling.largest_parts(folder)
    for part, share in parts[:5]:
        report.row(work=work, part_of_step=part, share=share)
    if not parts:
        report.row(work=work, part_of_step="the trace names no operation", share=0.0)
