"""Peak memory of writing a lines file and of training, by the number of lines.

    python experiments/benchmarks/memory.py --lines=20000 --lines=200000

Lines are synthetic, 32 pixels high; each training is stopped after --steps updates, by
Ctrl-C. The processes that draw lines are not counted: each has a few at a time. Prints
a Markdown table.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import readme_figures

from ocr_jax import errors
from ocr_jax.runtime import huge_pages
from ocr_jax.tracking import metrics_file

BUDGET = 1200  # seconds that the updates of one training may take


def main():
    """Prepare and train on each number of lines."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, action="append", required=True)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    print("| lines | file | writing it | training |\n|---|---|---|---|")
    for count in args.lines:
        with tempfile.TemporaryDirectory() as folder:
            lines_file = Path(folder, "lines.h5")
            command = ["ocr_jax.prepare", "fonts", f"--lines={count}", "--height=32"]
            command += ["--validation_lines=200", "--test_lines=0"]
            _, preparing = readme_figures.run(*command, f"--out={lines_file}")
            training = train(lines_file, Path(folder, "run"), args.steps)
            size = lines_file.stat().st_size
        row = (
            f"{count:,}",
            *(f"{b / 1e9:.2f} GB" for b in (size, preparing, training)),
        )
        print("| {} | {} | {} | {} |".format(*row))


def train(lines_file: Path, workdir: Path, steps: int) -> int:
    """The peak resident bytes of the quickstart's training, up to that step."""
    command = [*readme_figures.PYTHON, "ocr_jax.main", "--config=configs/quickstart.py"]
    command += [f"--config.lines_file={lines_file}", f"--workdir={workdir}"]
    process = subprocess.Popen(command, env=huge_pages.VARIABLES | os.environ)
    end = time.monotonic() + BUDGET
    while not reached(workdir, steps):
        if process.poll() is not None:
            sys.exit(f"the training ended before step {steps}")
        if time.monotonic() > end:
            process.kill()
            process.wait()
            sys.exit(f"the training has not reached step {steps} in {BUDGET} s")
        time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_maxrss * 1024


def reached(workdir: Path, steps: int) -> bool:
    """Whether a training has logged that step."""
    rows = metrics_file.read(workdir / metrics_file.NAME)
    return bool(rows) and rows[-1]["step"] >= steps


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
