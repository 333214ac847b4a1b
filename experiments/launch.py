"""Run the trainings of an experiments file on all slots of this machine.

    python experiments/launch.py experiments/sample.yaml --gpus=all
    python experiments/launch.py experiments/sample.yaml --gpus=0,1 --jobs_per_gpu=2
    python experiments/launch.py experiments/sample.yaml --gpus=none --slots=4
    python experiments/launch.py experiments/sample.yaml --dry_run | parallel -j2

More jobs than slots wait in a queue. The same command again skips what is finished and
resumes what is not. Ctrl-C starts no more jobs, a second one stops those that run, with
a checkpoint, a third kills them.
"""

import argparse
import shlex
import sys
from pathlib import Path

import executors
import jobs
import statuses
import view

from ocr_jax import errors, slots


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    The exit code is 0 when all jobs are finished, 1 when one failed, 2 for a mistake,
    130 after Ctrl-C.
    """
    return errors.exit_code(lambda: run(_parser().parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Run, or print, the jobs of the file; the exit code."""
    found = jobs.read(args.file)
    if args.dry_run:
        for job in found:
            print(shlex.join([*job.command, *_own_slot(args.gpus)]))
        return 0
    executor = executors.Local(
        slots_of(args), retries=args.retries, timeout=args.timeout or None
    )
    statuses.queue(found)
    with view.View(found) as watcher:
        ended = executor.run(found, watcher)
    return exit_code([ended.get(job.name) for job in found])


def exit_code(ended: list[statuses.Status | None]) -> int:
    """1 where a job failed, 130 where one was not run to its end, 0 otherwise."""
    states = {status.state if status else "queued" for status in ended}
    if "failed" in states:
        return 1
    return 130 if states & {"queued", "stopped"} else 0


def add_slot_options(parser: argparse.ArgumentParser):
    """The options that say what to run on; `slots_of` reads them."""
    parser.add_argument("--gpus", default="all", help="all, none, or 0,1,3")
    parser.add_argument(
        "--jobs_per_gpu", type=int, default=1, help="each with its share of the memory"
    )
    parser.add_argument(
        "--slots", type=int, default=0, help="of the CPU; one a core if not given"
    )
    parser.add_argument(
        "--busy_above",
        type=float,
        default=0.5,
        help="leave GPUs alone of which others use more memory than this share",
    )
    parser.add_argument(
        "--retries", type=int, default=0, help="of a crashed job, from its checkpoint"
    )
    parser.add_argument("--timeout", type=float, default=0, help="seconds a job")


def slots_of(args: argparse.Namespace) -> list[slots.Slot]:
    """The slots that the options ask for."""
    return slots.find(
        args.gpus,
        jobs_per_gpu=args.jobs_per_gpu,
        slots=args.slots,
        busy_above=args.busy_above,
    )


def _own_slot(gpus: str) -> list[str]:
    """What a printed command needs to find a slot by itself."""
    return ["--gpus=auto:1"] if gpus == "all" else [f"--gpus={gpus}"]


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python experiments/launch.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="an experiments file, in YAML")
    add_slot_options(parser)
    parser.add_argument(
        "--dry_run", action="store_true", help="print the commands, run nothing"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
