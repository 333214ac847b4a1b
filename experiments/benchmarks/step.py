"""Whole training steps: ours, and PyTorch's with the same network and weights.

    python experiments/benchmarks/step.py --work=lab --batch_size=64
    python experiments/benchmarks/step.py --work=lines --batch_size=16

lab is configs/iam_ctc.py on lines of 28 x 952 pixels, lines is configs/lines_ctc.py on
64 x 704, small and base are configs/iam_best.py on 64 x 1024; the lines are random and
fill their width. Before anything is timed, loss and gradient norm of the first step,
without dropout, must agree. PyTorch does not augment.
"""

import jax
import numpy as np
import timing
from timing import torch

from ocr_jax import config as config_lib
from ocr_jax import errors, models, optimizers, steps, train_state
from ocr_jax.runtime import devices, huge_pages

# Config, height and width of the lines, characters of a label.
WORKS = {
    "lab": ("configs/iam_ctc.py", 28, 952, 60),
    "lines": ("configs/lines_ctc.py:nothing", 64, 704, 40),
    "small": ("configs/iam_best.py:small", 64, 1024, 60),
    "base": ("configs/iam_best.py:base", 64, 1024, 60),
}
AUGMENTATION = "configs/lines_ctc.py"
CLASSES = 80


def main():
    """Compare the first step of all ways, time them, and count operations."""
    parser = timing.parser(__doc__, rounds=15)
    parser.add_argument("--work", choices=WORKS, default="lines")
    parser.add_argument("--batch_size", type=int, default=16)
    args = parser.parse_args()
    timing.begin(args, args.batch_size)
    config, batch = make_work(args.work, args.batch_size, quick=args.quick)
    size, height, width = batch["image"].shape
    work = f"step, {args.work}, {size} x {height} x {width}"
    timing.agree(work, make_ways(without_dropout(config), batch), tolerance=1e-3)
    ways = make_ways(config, batch)
    augmented = config.copy_and_resolve_references()
    augmented.augment = config_lib.load([f"--config={AUGMENTATION}"]).augment
    ways["ours, augmenting"] = by_jax(augmented, batch)
    medians = timing.race(ways, args.rounds)
    timing.print_head()
    timing.print_rows(work, medians)
    print_operations(operations(config, batch), medians, size, args.quick)


def make_work(name: str, batch_size: int, *, quick: bool):
    """(config without augmentation, a batch of random lines that fill their width)."""
    path, height, width, label = WORKS[name]
    config = config_lib.load([f"--config={path}"])
    config.augment.probability = 0.0
    if quick:
        height, width, label = 16, 62, 3
        config.update({"conv_channels": (4, 6), "lstm_dim": 5, "layer_size": 7})
    generator = np.random.default_rng(0)
    batch = {
        "image": generator.integers(0, 256, (batch_size, height, width), np.uint8),
        "width": np.full(batch_size, width, np.int32),
        "label": generator.integers(1, CLASSES, (batch_size, label)).astype(np.int32),
        "label_length": np.full(batch_size, label, np.int32),
        "mask": np.ones(batch_size, bool),
    }
    return config, batch


def without_dropout(config):
    """The same config, so that two frameworks compute the same."""
    config = config.copy_and_resolve_references()
    config.dropout = 0.0
    return config


def make_ways(config, batch) -> dict[str, timing.Way]:
    """Ways to make an update, each from the same weights."""
    ways = {"ours": by_jax(config, batch)}
    if torch:
        ways["torch"] = by_torch(config, batch)
        ways["torch, channels_last"] = by_torch(config, batch, channels_last=True)
        if config.encoder == "sliding_window":
            ways["torch, window by window"] = by_torch(config, batch, windows=True)
    return ways


def make_network(config):
    """(network, its optimizer)."""
    schedule = optimizers.make_schedule(config, 1000)
    tx = optimizers.make_optimizer(config, schedule)
    return models.build_model(config, CLASSES, devices.DATA), tx


def make_state(config, height: int):
    """(network, optimizer, the state that training begins with)."""
    model, tx = make_network(config)
    return model, tx, train_state.create_state(model, tx, config, height)


def by_jax(config, batch, in_a_row: int = 1) -> timing.Way:
    """Ours: an update, or so many of the same batch in one program."""
    model, tx, state = make_state(config, batch["image"].shape[1])
    mesh = devices.make_mesh(len(batch["image"]))
    train_steps = steps.make_train_steps(steps.make_train_step(model, tx, config, mesh))
    state, batch = devices.replicate(state, mesh), devices.shard(batch, mesh)

    def run():
        nonlocal state
        state, metrics = train_steps(state, (batch,) * in_a_row)
        return metrics

    def result(metrics):
        return metrics["loss"] / metrics["lines"], metrics["grad_norm"]

    return timing.Way(run, result)


def by_torch(config, batch, *, windows=False, channels_last=False) -> timing.Way:
    """PyTorch's, from the weights that ours begins with."""
    import torch_networks

    height = batch["image"].shape[1]
    twin = make_twin(config, height, make_state(config, height)[2].params, windows)
    if channels_last:
        twin.to(memory_format=torch.channels_last)
    on_device = {
        name: torch.tensor(array, device=timing.device())
        for name, array in batch.items()
    }
    return timing.Way(torch_networks.make_step(config, twin, on_device))


def make_twin(config, height: int, params, windows: bool = False):
    """The network in torch with these weights."""
    import torch_networks

    twin = torch_networks.Twin(config, height, CLASSES, windows=windows)
    twin.load(params)
    return twin.to(timing.device())


def operations(config, batch) -> int:
    """Floating-point operations of our update's products and convolutions."""
    config = config.copy_and_resolve_references()
    # One program: those of the parts are compiled as parts of no other.
    config.steps_per_dispatch = 2
    model, tx = make_network(config)
    state = train_state.state_shapes(model, tx, config, batch["image"].shape[1])
    # Of all lines: a device of several would be counted with its own.
    mesh = jax.sharding.Mesh(jax.devices()[:1], (devices.DATA,))
    train_step = steps.make_train_step(model, tx, config, mesh)
    return timing.products(train_step, state, batch)


def print_operations(count: int, medians, size: int, quick: bool):
    """Operations a line, and the share of the machine's peak that each way reaches."""
    accelerator = jax.default_backend() != "cpu"
    peak = timing.matmul_peak(512 if quick else 8192 if accelerator else 2048, 10)
    print(
        f"\n{count / size / 1e9:.3g} GFLOP a line; a product of matrices reaches "
        f"{peak / 1e9:.0f} GFLOP/s\n"
    )
    print("| by | lines/s | share of that |\n|---|---|---|")
    for name, (wall, _) in medians.items():
        print(f"| {name} | {size / wall:.1f} | {count / wall / peak:.0%} |")


if __name__ == "__main__":
    huge_pages.restart_with_huge_pages()
    raise SystemExit(errors.exit_code(main))
