"""Lines a second that each loader feeds, beside those that a training step consumes.

    python experiments/benchmarks/feeding.py --lines_file=data/poilus.h5
    python experiments/benchmarks/feeding.py --lines_file=data/poilus.h5 --quick

Batches go from the file's training lines to the device, in the order of an epoch plan,
and are waited for one by one; the step is that of --config, augmentation included. All
take turns, a part of an epoch each. Both loaders' batches are compared first. Prints
medians as a Markdown table, then what a dispatch costs.
"""

import functools
import itertools
import statistics
import sys
import time

import jax
import numpy as np

from ocr_jax import config as config_lib
from ocr_jax import errors, models, optimizers, steps, train_state
from ocr_jax.data import dataset, pipeline
from ocr_jax.runtime import devices, huge_pages

LOADERS = ("tf_data", "resident")


def main():
    """Compare the loaders' batches, then time loaders and step in turns."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="configs/lines_ctc.py:nothing")
    parser.add_argument("--lines_file", required=True)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="one short round")
    args = parser.parse_args()
    config = config_lib.load([f"--config={args.config}"])
    config.lines_file, config.height = args.lines_file, 0
    devices.use_cores(config.batch_size)
    data = dataset.load(config, ("train",))
    split, mesh = data.splits["train"], devices.make_mesh(config.batch_size)
    rows = split.plan(config, epoch=0)[: 10 if args.quick else None]
    feeds = {loader: feeding(loader, split, rows, config, mesh) for loader in LOADERS}
    check_same(feeds)
    state, train_step = training(config, data, mesh)
    batches = list(feeds["resident"]())[: 2 if args.quick else 16]

    def train():
        nonlocal state
        for batch in batches:
            state, metrics = train_step(state, batch)
            yield batch | metrics

    parts = feeds | {"training step": train}
    speeds = {name: [] for name in parts}
    for turn in range(2 if args.quick else args.rounds + 1):
        for name, part in parts.items():
            # The first turn compiles.
            speeds[name] += [lines_per_second(part())] * (turn > 0)
    report({name: statistics.median(values) for name, values in speeds.items()})
    print(f"\nA dispatch of a step: {1e6 * dispatch_seconds(state, batches[0]):.0f} µs")
    runs = sum(1 for _ in itertools.groupby(row.bucket for row in rows))
    print(f"Steps of one width that follow each other: {len(rows) / runs:.2f}")


def feeding(loader: str, split, rows, config, mesh):
    """A call that starts an epoch's batches, by this loader."""
    config = config.copy_and_resolve_references()
    config.loader = loader
    return lambda: pipeline.batches(split, rows, config, mesh)


def check_same(feeds: dict):
    """Exit where the loaders' batches differ."""
    for number, batches in enumerate(zip(*(f() for f in feeds.values()), strict=True)):
        one, other = jax.device_get(batches)
        if not all(np.array_equal(one[key], other[key]) for key in one | other):
            sys.exit(f"the loaders differ in batch {number}")


def training(config, data, mesh):
    """The state before training and the step."""
    model = models.build_model(config, data.charset.num_classes, devices.DATA)
    tx = optimizers.make_optimizer(config, optimizers.make_schedule(config, 1000))
    state = devices.replicate(
        train_state.create_state(model, tx, config, data.height), mesh
    )
    return state, steps.make_train_step(model, tx, config, mesh)


def lines_per_second(batches) -> float:
    """Wait for each batch in turn."""
    start, lines = time.perf_counter(), 0
    for batch in batches:
        lines += int(np.asarray(jax.block_until_ready(batch)["mask"]).sum())
    return lines / (time.perf_counter() - start)


def dispatch_seconds(state, batch) -> float:
    """A program of a step's arguments and results, with next to nothing to compute."""
    state = jax.tree.map(lambda leaf: jax.numpy.zeros((), leaf.dtype), state)

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state, batch):
        return jax.tree.map(lambda leaf: leaf + 1, state), batch["mask"][0]

    seconds = []
    for _ in range(300):
        start = time.perf_counter()
        state, _ = jax.block_until_ready(step(state, batch))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def report(speeds: dict[str, float]):
    """Lines a second, and how many times those of the training step."""
    print("| | lines/s | of what the step consumes |\n|---|---|---|")
    for name, speed in speeds.items():
        print(f"| {name} | {speed:,.0f} | {speed / speeds['training step']:,.0f} x |")


if __name__ == "__main__":
    huge_pages.restart_with_huge_pages()
    raise SystemExit(errors.exit_code(main))
