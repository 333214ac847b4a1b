"""Damages good inputs of every kind, and tells what the commands make of each.

    python experiments/benchmarks/fuzz.py --inputs=300
    python experiments/benchmarks/fuzz.py --only=tsv --inputs=1 --seed=123

Every input must end in lines and a list of reasons, or in one line and exit code 2,
within seconds, and leave nothing half written. Input N of a kind is made of the seed
--seed + N, so that one that fails can be made again. The exit code is 1 if one does.
"""

import collections
import contextlib
import io
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple
from unittest import mock

# The commands of experiments are among those that are given damaged files.
sys.path.append(str(Path(__file__).parents[1]))

from fuzzing import good_inputs, mutations

from ocr_jax import errors
from ocr_jax.data import lines_file
from ocr_jax.sources import worker_pool

SECONDS = 20  # more is a hang
LONGEST_LINE = 2000


class Hang(BaseException):
    """An input took too long; no command takes this for a mistake of its own."""


class Outcome(NamedTuple):
    """How an input ended: `read`, `refused`, or what is wrong."""

    kind: str
    details: str = ""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 if an input ended badly."""
    return errors.exit_code(lambda: _run(argv))


def _run(argv: list[str] | None) -> int:
    parser = errors.ArgumentParser(
        prog="python experiments/benchmarks/fuzz.py", description=__doc__
    )
    parser.add_argument("--inputs", type=int, default=300, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=good_inputs.TARGETS)
    args = parser.parse_args(argv)
    is_bad = False
    print("| kind | inputs | read | refused | bad | s/input | MB |", flush=True)
    print("|---|---|---|---|---|---|---|")
    for name in [args.only] if args.only else good_inputs.TARGETS:
        started, counts = time.monotonic(), collections.Counter()
        for seed, outcome in outcomes(name, args.inputs, args.seed):
            kind = outcome.kind if outcome.kind in ("read", "refused") else "bad"
            counts[kind] += 1
            if kind == "bad":
                is_bad = True
                print(f"{name} --seed={seed}: {outcome.kind}\n{outcome.details}\n")
        seconds = (time.monotonic() - started) / args.inputs
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        cells = [name, args.inputs, counts["read"], counts["refused"], counts["bad"]]
        print("|", *(f"{c} |" for c in [*cells, f"{seconds:.2f}", memory]), flush=True)
    return int(is_bad)


def outcomes(name: str, inputs: int, first_seed: int = 0):
    """Yield (seed, outcome) of damaged inputs of a kind; good ones come first."""
    target = good_inputs.TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="fuzz_") as folder:
        good = Path(folder) / "good"
        good.mkdir()
        target.make(good)
        for seed in range(first_seed, first_seed + inputs):
            place = Path(folder) / str(seed)  # no two alike: some paths are cached
            shutil.copytree(good, place / "in")
            done = mutations.mutate(place / "in", random.Random(seed))
            (place / "out").mkdir()
            outcome = _outcome(target, place)
            shutil.rmtree(place)
            details = "\n".join([", ".join(done), outcome.details])
            yield seed, outcome._replace(details=details)


def _outcome(target: good_inputs.Target, place: Path) -> Outcome:
    out = place / "out" / "out.h5"
    # As a terminal and a pipe take what is printed: strictly, and with escapes.
    said = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    complaint = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")
    try:
        with (
            _time_limit(),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(complaint),
            mock.patch.object(worker_pool, "read_all", _read_all_here),
        ):
            code = target.read(place / "in", out)
    except Hang:
        return Outcome("hang", traceback.format_exc())
    except BaseException:
        return Outcome("traceback", traceback.format_exc())
    complaint.flush()
    lines = complaint.buffer.getvalue().decode().split("\n")[:-1]
    left = sorted(path.name for path in out.parent.iterdir())
    hidden = [name for name in left if name.startswith(".") or "partial" in name]
    if code not in (0, 2):
        return Outcome(f"exit code {code}")
    if hidden or (code == 2 and "out.h5" in left):
        return Outcome("half written", str(left))
    if code == 2 and not _are_short_lines(lines):
        return Outcome("more than one line", "\n".join(lines))
    if "out.h5" in left:
        with lines_file.LinesFile(out) as file:
            for split in file.splits:
                file.split(split)
    return Outcome("refused" if code else "read", "\n".join(lines))


def _are_short_lines(lines: list[str]) -> bool:
    """Whether each line is a message of its own, of a command that was run."""
    return bool(lines) and all(
        line.startswith("ocr_jax: ") and len(line) <= LONGEST_LINE for line in lines
    )


def _read_all_here(read, tasks, height: int, workers: int):
    """Read in this process: one that is started for every input takes seconds."""
    for task in tasks:
        yield worker_pool._read(read, task, height)


@contextlib.contextmanager
def _time_limit():
    def stop(*_):
        raise Hang

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    sys.exit(main())
