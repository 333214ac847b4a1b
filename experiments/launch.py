"""Run the trainings of an experiments file on all slots of this machine.

    python experiments/launch.py experiments/sample.yaml --gpus=all
    python experiments/launch.py experiments/sample.yaml --gpus=0,1 --jobs_per_gpu=2
    python experiments/launch.py experiments/sample.yaml --gpus=none --slots=4
    python experiments/launch.py experiments/sample.yaml --dry_run | parallel -j2

More jobs than slots wait in a queue. The same command again skips what is finished and
resumes what is not. After one Ctrl-C no more jobs start; a second stops the running
ones with a checkpoint; a third kills them.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from launching import job_status, jobs, live_view, local_executor, ray_executor

from ocr_jax import errors
from ocr_jax.errors import UserError
from ocr_jax.runtime import slots

# The options that one executor alone takes, with their defaults.
OF_LOCAL = {"gpus": "all", "slots": 0, "busy_above": 0.5}
OF_RAY = {"ray_address": None}


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    The exit code is 0 when all jobs are finished, 1 when one failed, 2 for a mistake,
    130 after Ctrl-C.
    """
    return errors.exit_code(lambda: run(_parser().parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Run, or print, the jobs of the file; return the exit code."""
    pending = jobs.read(args.file)
    if args.dry_run:
        for job in pending:
            print(_own_slot(job.command, args.gpus))
        return 0
    errors.outlive_reader()
    job_status.refuse_other_configs(pending)
    executor = executor_of(args)
    job_status.queue(pending)
    with live_view.View(pending) as watcher:
        ended = executor.run(pending, watcher)
    return exit_code([ended.get(job.name) for job in pending])


def exit_code(ended: list[job_status.Status | None]) -> int:
    """Return 1 if a job failed, 130 if one was interrupted, else 0."""
    states = {status.state if status else "queued" for status in ended}
    if "failed" in states:
        return 1
    return 130 if states & {"queued", "stopped"} else 0


def add_executor_options(parser: argparse.ArgumentParser):
    """Add the options that select an executor; `executor_of` reads them."""
    add = parser.add_argument
    add("--gpus", default="all", help="all, none, or 0,1,3 (default: all)")
    add(
        "--jobs_per_gpu",
        type=int,
        default=1,
        help="jobs per GPU (default: 1)",
    )
    add(
        "--slots",
        type=int,
        default=0,
        help="CPU slots (default: one per core, as far as memory allows)",
    )
    add(
        "--busy_above",
        type=float,
        default=0.5,
        help="a GPU with a larger share of its memory in use is left alone "
        "(default: 0.5)",
    )
    add("--retries", type=int, default=0, help="restarts of a crashed job (default: 0)")
    add(
        "--timeout",
        type=float,
        default=0,
        help="seconds per job (default: no limit)",
    )
    add(
        "--executor",
        choices=("local", "ray"),
        default="local",
        help="this machine, or a cluster (default: local)",
    )
    add("--ray_address", help="address of a running cluster; auto: this machine's")


def executor_of(args: argparse.Namespace):
    """Return the executor selected by the options.

    Raises UserError for invalid combinations.
    """
    if args.retries < 0 or not args.timeout >= 0:  # NaN, too
        raise UserError("--retries and --timeout must be 0 or more")
    if not 0 <= args.busy_above <= 1:
        raise UserError(f"--busy_above={args.busy_above}: expected 0 to 1")
    if args.jobs_per_gpu < 1:
        raise UserError(f"--jobs_per_gpu={args.jobs_per_gpu}: expected 1 or more")
    limits = {"retries": args.retries, "timeout": args.timeout or None}
    if args.executor == "ray":
        refuse_options(args, OF_LOCAL, "is for --executor=local: leave it out")
        return ray_executor.Ray(
            args.ray_address, jobs_per_gpu=args.jobs_per_gpu, **limits
        )
    refuse_options(args, OF_RAY, "is for --executor=ray: add that, or leave it out")
    if args.gpus == "none":
        unused = {"jobs_per_gpu": 1, "busy_above": 0.5}
        refuse_options(args, unused, "is for GPUs: with --gpus=none, use --slots")
    usable = slots.find(
        args.gpus,
        jobs_per_gpu=args.jobs_per_gpu,
        slots=args.slots,
        busy_above=args.busy_above,
    )
    return local_executor.Local(usable, **limits)


def refuse_options(args: argparse.Namespace, defaults: dict[str, object], why: str):
    """Raise UserError for the first of these options that is not at its default."""
    for name, default in defaults.items():
        if (value := getattr(args, name)) != default:
            raise UserError(f"--{name}={value} {why}")


def _own_slot(command: Sequence[str], gpus: str) -> str:
    """Return a shell command that finds a slot by itself."""
    line = shlex.join([*command, "--gpus=auto:1"])
    if gpus == "all":
        return line
    # The free one is looked for among those; without GPUs, it is a slot of cores.
    visible = "" if gpus == "none" else shlex.quote(gpus)
    return f"CUDA_VISIBLE_DEVICES={visible} {line}"


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python experiments/launch.py", description=__doc__
    )
    parser.add_argument("file", type=Path, help="an experiments file, in YAML")
    add_executor_options(parser)
    parser.add_argument(
        "--dry_run", action="store_true", help="print the commands, run nothing"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
