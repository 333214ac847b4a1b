"""A GPU in a few minutes: right? fast? where does the time go? does it learn?

    python experiments/benchmarks/gpu.py --minutes=8 --out=DIR [--lines_file=FILE.h5]

Each part is a process with a time limit of its own. A part that fails or hangs is
reported, and the next one begins. Rows go to DIR/gpu.jsonl as they come, and as tables
to DIR/gpu.md, so that a run cut off at any moment has shown what it measured. The last
part trains on the lines for the time that is left; its workdir comes back as
DIR/run.tar.00 and so on: `cat DIR/run.tar.* | tar x` restores it, to be resumed.
Arguments after the options are those of the training: --config.batch_size=64.
--quick does tiny work in each part, on a CPU, too.
"""

import argparse
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gpu_report import Report

from ocr_jax import errors
from ocr_jax.errors import UserError

# Part → the function that does it, and its share of the minutes. A part may use what
# the earlier ones left; the last has what is left of all.
PARTS = {
    "devices": ("gpu_speed.machine", 0.06),
    "right": ("gpu_right.checks", 0.15),
    "kernels": ("gpu_speed.kernels", 0.10),
    "steps": ("gpu_speed.steps_of_training", 0.28),
    "reading": ("gpu_speed.reading", 0.06),
    "profile": ("gpu_speed.profile", 0.07),
    "learning": ("gpu_learning.learn", 0.28),
}
# A part that overruns is killed after this many more seconds.
GRACE = 10.0
# Tiny work ends by itself, in under two minutes; this is for a busy machine.
QUICK_MINUTES = 10.0


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 if a part failed."""
    return errors.exit_code(lambda: _run(*_parser().parse_known_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--minutes", type=float, help="for everything (default: 8; --quick: 10)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument(
        "--lines_file", type=Path, help="to train on (default: lines that it draws)"
    )
    parser.add_argument(
        "--config",
        default="configs/lines_ctc.py:nothing",
        help="of the training (default: configs/lines_ctc.py:nothing)",
    )
    parser.add_argument("--quick", action="store_true", help="tiny work, on a CPU, too")
    parser.add_argument("--part", choices=PARTS, help="only this part")
    # Given by the process that starts the parts.
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    return parser


def _run(args: argparse.Namespace, training: list[str]) -> int:
    if unknown := [word for word in training if not word.startswith("--config.")]:
        raise UserError(f"{unknown[0]!r} is not an option: --help lists them")
    if args.lines_file and not args.lines_file.exists():
        raise UserError(f"--lines_file={args.lines_file}: no such file")
    args.training = training
    if args.seconds is not None:
        _do(args)
        return 0
    args.minutes = args.minutes or (QUICK_MINUTES if args.quick else 8.0)
    args.out.mkdir(parents=True, exist_ok=True)
    parts = [args.part] if args.part else list(PARTS)
    Report.begin(args.out, parts)
    with tempfile.TemporaryDirectory() as cache:
        return _run_parts(args, parts, Path(cache))


def _run_parts(args: argparse.Namespace, parts: list[str], cache: Path) -> int:
    end, failed = time.monotonic() + 60 * args.minutes, False
    for part in parts:
        left = end - time.monotonic() - GRACE
        # Tiny work ends by itself: only what hangs is to be stopped.
        share = 1.0 if args.quick or part == parts[-1] else PARTS[part][1]
        seconds = max(5.0, min(left, 60 * args.minutes * share))
        print(f"\n{part}, {seconds:.0f} s at most", flush=True)
        if problem := _run_part(args, part, seconds, cache):
            Report(args.out, part).row(work="the whole part", result=problem)
            failed = True
    print(f"\n{args.out / 'gpu.md'} has the tables")
    return int(failed)


def _run_part(args, part: str, seconds: float, cache: Path) -> str:
    """What went wrong in a part, "" where nothing did."""
    command = [sys.executable, os.path.abspath(__file__), f"--part={part}"]
    command += [f"--seconds={seconds}", f"--out={args.out}", f"--config={args.config}"]
    command += ["--quick"] * args.quick + args.training
    if args.lines_file:
        command.append(f"--lines_file={args.lines_file}")
    # Empty, so that compiling is timed; all that takes a while is kept for later parts.
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.02",
    }
    if args.quick:  # compiling is most of tiny work
        environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        process = subprocess.Popen(
            command, stderr=said, env=environment, start_new_session=True
        )
        try:
            code = process.wait(seconds + GRACE)
        except subprocess.TimeoutExpired:
            return f"stopped after {seconds + GRACE:.0f} s"
        finally:
            _kill(process)
        if code == 0:
            return ""
        said.seek(0)
        lines = said.read().strip().splitlines() or ["no message"]
        print("\n".join(lines[-15:]), flush=True)
        return f"failed with exit code {code}: {lines[-1]}"


def _kill(process: subprocess.Popen):
    """End a part and all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _do(args: argparse.Namespace):
    """One part, in its own process."""
    module, function = PARTS[args.part][0].split(".")
    report = Report(args.out, args.part, args.seconds, args.quick)
    getattr(importlib.import_module(module), function)(report, args)


if __name__ == "__main__":
    # A kill of the parent ends its parts, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
