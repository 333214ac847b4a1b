"""What augmentation takes: each kind alone, all kinds together, and a training step.

    python experiments/benchmarks/augment.py --rounds=40
    python experiments/benchmarks/augment.py --config=configs/lines_ctc.py --width=704

A batch of random lines, 64 pixels high, that every kind touches; the step is that of
--config without augmentation. Lines are spread over the cores, as a training's are. All
take turns, so that what else the machine does falls on each alike. Prints medians and
quickest times as a Markdown table.
"""

import statistics
import time

import jax
import numpy as np

from ocr_jax import config as config_lib
from ocr_jax import (
    errors,
    inference,
    models,
    optimizers,
    recipes,
    steps,
    train_state,
)
from ocr_jax.augmentation import augment
from ocr_jax.runtime import devices, huge_pages

BATCH, HEIGHT, CLASSES, LABEL = 16, 64, 100, 40


def main():
    """Compile every program, then run them in turns."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="configs/lines_ctc.py")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--width", type=int, default=1024, help="pixels of the batch")
    args = parser.parse_args()
    devices.use_cores(BATCH)
    mesh = devices.make_mesh(BATCH)
    batch = devices.shard(random_batch(args.width), mesh)
    config = config_lib.default_config()
    recipes.handwriting_augmentation(config, probability=1.0, mask=0.1)
    strengths = {kind: config.augment[kind] for kind in augment.KINDS}
    kinds = {kind: {kind: value} for kind, value in strengths.items() if value}
    kinds["all kinds"] = strengths
    programs = {name: varying(some, batch) for name, some in kinds.items()}
    programs["training step"] = training(args.config, batch, mesh)
    seconds = {name: [] for name in programs}
    for turn in range(args.rounds + 1):
        for name, program in programs.items():
            start = time.perf_counter()
            jax.block_until_ready(program())
            # The first turn compiles.
            seconds[name] += [time.perf_counter() - start] * (turn > 0)
    print(f"| {BATCH} x {HEIGHT} x {args.width} | median | quickest |\n|---|---|---|")
    for name, values in seconds.items():
        median, least = 1e3 * statistics.median(values), 1e3 * min(values)
        print(f"| {name} | {median:.1f} ms | {least:.1f} ms |")


def random_batch(width: int) -> dict[str, np.ndarray]:
    """Lines of 60 to 100 % of the width, grey in every pixel."""
    generator = np.random.default_rng(0)
    widths = generator.integers(width * 6 // 10, width + 1, BATCH)
    images = generator.integers(0, 256, (BATCH, HEIGHT, width))
    return {
        "image": (images * (np.arange(width) < widths[:, None, None])).astype(np.uint8),
        "width": widths.astype(np.int32),
        "label": generator.integers(1, CLASSES, (BATCH, LABEL)).astype(np.int32),
        "label_length": np.full(BATCH, LABEL, np.int32),
        "mask": np.ones(BATCH, bool),
    }


def varying(strengths: dict[str, float], batch):
    """A call that varies the batch, by a program of its own as in steps.py."""
    config = config_lib.default_config().augment
    config.update({"probability": 1.0, **strengths})

    @jax.jit
    def vary(key, images, widths):
        return augment.augment(key, inference.to_float(images), widths, config)

    return lambda: vary(jax.random.key(0), batch["image"], batch["width"])


def training(config_path: str, batch, mesh):
    """A call that makes one update, without augmentation."""
    config = config_lib.load([f"--config={config_path}"])
    config.augment.probability = 0.0
    model = models.build_model(config, CLASSES, devices.DATA)
    tx = optimizers.make_optimizer(config, optimizers.make_schedule(config, 1000))
    train_step = steps.make_train_step(model, tx, config, mesh)
    state = devices.replicate(train_state.create_state(model, tx, config, HEIGHT), mesh)

    def update():
        nonlocal state
        state, metrics = train_step(state, batch)
        return metrics

    return update


if __name__ == "__main__":
    huge_pages.restart_with_huge_pages()
    raise SystemExit(errors.exit_code(main))
