"""From the command to the end of its first training step, cold and warm.

    python experiments/benchmarks/start.py

Cold: no program has been compiled before. Warm: as when the same training is started
again. Lines are random, 64 pixels high; the network is that of configs/lines_ctc.py,
from random weights and from pretrained:hands.
PyTorch's script does as little as it can: it loads a batch and makes one update.
"""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import timing

from ocr_jax import errors
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.runtime import huge_pages
from ocr_jax.tracking import metrics_file

CONFIG = "configs/lines_ctc.py"
TORCH = Path(__file__).parent / "start_torch.py"
TINY = ("--config.conv_channels=(4,6)", "--config.lstm_dim=5")
PATIENCE = 900  # seconds


def main():
    """Start in turns, each time in a process of its own."""
    args = timing.parser(__doc__, rounds=3).parse_args()
    timing.begin(args)
    with tempfile.TemporaryDirectory() as folder:
        ways = make_ways(Path(folder), args.quick)
        medians = timing.race(ways, args.rounds, warm_up=False)
    timing.print_head()
    timing.print_rows("start", medians)


def make_ways(folder: Path, quick: bool) -> dict[str, timing.Way]:
    """Ways to start a training, which works in `folder`."""
    lines, (height, width) = folder / "lines.h5", (16, 62) if quick else (64, 704)
    write_lines(lines, height, width)
    training = (f"--config={CONFIG}:nothing", f"--config.lines_file={lines}")
    training += TINY if quick else ()
    starts = {"ours": training}
    if not quick:
        starts["ours, from hands"] = (f"--config={CONFIG}", *training[1:])

    def cold(training):
        shutil.rmtree(folder / "cache", ignore_errors=True)
        start(training, folder)

    ways = {}
    for name, flags in starts.items():
        ways[f"{name}, cold"] = timing.Way(functools.partial(cold, flags))
        warm = functools.partial(start, flags, folder)
        ways[f"{name}, warm"] = timing.Way(warm)
    if timing.torch:
        command = [sys.executable, str(TORCH), *training]
        ways["torch"] = timing.Way(lambda: subprocess.run(command, check=True) and None)
    return ways


def write_lines(path: Path, height: int, width: int):
    """A lines file of random lines."""
    generator = np.random.default_rng(0)
    splits = {
        name: [
            lines_file.Line(
                generator.integers(0, 256, (height, width), np.uint8),
                "".join(generator.choice(list("abcdefgh"), 5)),
                f"{name}-{index}",
                "",
            )
            for index in range(64)
        ]
        for name in ("train", "validation")
    }
    lines_writer.write_lines(path, splits, height=height, source="random")


def start(training: tuple[str, ...], folder: Path):
    """Start a training; return, and end it, as soon as its first step is logged."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        workdir = Path(place) / "run"
        command = [sys.executable, "-m", "ocr_jax.main", *training]
        command += ["--config.log_every_steps=1", "--config.wandb.mode=disabled"]
        process = subprocess.Popen(
            [*command, f"--workdir={workdir}"],
            env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(folder / "cache")},
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for_row(workdir / metrics_file.NAME, process)
        finally:
            process.kill()
            process.wait()


def wait_for_row(path: Path, process: subprocess.Popen):
    """Return when the file has a row; exit if its process ends before."""
    end = time.monotonic() + PATIENCE
    while not metrics_file.read(path):
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit("the training ended, or hung, before its first step")
        time.sleep(0.01)


if __name__ == "__main__":
    huge_pages.restart_with_huge_pages()
    raise SystemExit(errors.exit_code(main))
