"""The figures of the README: what the commands take, on real lines.

    python experiments/benchmarks/readme_figures.py --source=DIR [OVERRIDE …]

DIR is as `prepare folder` takes it; overrides are for the training, such as
`--config.num_epochs=2`. Another config than lines_ctc is --config=FILE. Every command
runs in a process of its own, the short ones several times: the median counts.
Prints a Markdown table.
"""

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ocr_jax import errors
from ocr_jax.errors import UserError
from ocr_jax.images import finding
from ocr_jax.runtime import huge_pages

PYTHON = [sys.executable, "-m"]


def main():
    """Prepare, train, evaluate and read, each in a process of its own."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, type=Path)
    parser.add_argument("--config", default="configs/lines_ctc.py")
    args, overrides = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(args.source, args.config, overrides, Path(folder))
    today = datetime.date.today()
    print(f"\n{today}, {os.cpu_count()} cores, {platform.platform()}\n")
    print("| command | figure |\n|---|---|")
    for row in rows:
        print("| {} | {} |".format(*row))


def measure(source: Path, config: str, overrides: list[str], folder: Path):
    """(command, figure) rows; everything is written into `folder`."""
    lines_file, workdir = folder / "lines.h5", folder / "run"
    image = first_image(source)
    prepare = ["folder", f"--source={source}", f"--out={lines_file}"]
    training = [f"--config={config}", f"--config.lines_file={lines_file}", *overrides]
    help_seconds = [run("ocr_jax.main", "--help")[0] for _ in range(5)]
    prepare_seconds, _ = run("ocr_jax.prepare", *prepare)
    workdir_flag = f"--workdir={workdir}"
    train_seconds, memory = run("ocr_jax.main", *training, workdir_flag)
    reading = ("ocr_jax.predict", workdir_flag, image)
    read_seconds = [run(*reading)[0] for _ in range(5)]
    rows = (workdir / "metrics.jsonl").read_text().splitlines()
    epochs = [row for row in map(json.loads, rows) if "epoch" in row]
    speed = statistics.median(row["train/lines_per_second"] for row in epochs)
    scores = json.loads((workdir / "scores.json").read_text())
    cer = scores["validation"]["summary"]["cer"]
    low, high = scores["validation"]["intervals"]["cer"]
    return [
        ("main --help", f"{statistics.median(help_seconds):.2f} s"),
        ("prepare folder", f"{prepare_seconds:.1f} s"),
        ("training", f"{len(epochs)} epochs, {train_seconds / 60:.1f} min"),
        ("its speed, median of epochs", f"{speed:.1f} lines/s"),
        ("its memory, peak", f"{memory / 1e9:.2f} GB"),
        ("validation CER (95 % interval)", f"{cer:.2%} ({low:.2%} to {high:.2%})"),
        ("its epoch", scores["epoch"]),
        ("predict, one image, cold", f"{statistics.median(read_seconds):.1f} s"),
    ]


def first_image(source: Path) -> Path:
    """An image of the source, in whichever of its folders; UserError for none."""
    if not (images := finding.images(source)):
        raise UserError(f"--source={source}: there is no image in it")
    return images[0]


def run(*command) -> tuple[float, int]:
    """(seconds, peak resident bytes) of `python -m command`, which must succeed."""
    started = time.monotonic()
    environment = huge_pages.VARIABLES | os.environ
    process = subprocess.Popen([*PYTHON, *map(str, command)], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return time.monotonic() - started, usage.ru_maxrss * 1024


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
