"""Search hyper-parameters: a sweep file in W&B's format, with no account.

    python experiments/sweep.py experiments/sweeps/iam_grid.yaml --gpus=0,1
    python experiments/sweep.py experiments/sweeps/lines_bayes.yaml --trials=20

Trials are jobs like those of launch.py, in runs/sweeps/NAME. Optuna searches, and keeps
the search in a database there: the same command again goes on. With --storage, several
machines that share the disk search together. The same file drives W&B's own search, by
`wandb sweep FILE` and one agent per slot:

    python experiments/sweep.py --agents ENTITY/PROJECT/ID --gpus=all
"""

import argparse
import fcntl
import shlex
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import launch
import rich.table
from launching import job_status, jobs, live_view
from sweeping import sweep_file

from ocr_jax import errors, extras, locks
from ocr_jax.errors import UserError
from ocr_jax.tracking import console

if TYPE_CHECKING:
    import optuna

sweep_search = extras.Lazy("sweeping.sweep_search")  # it imports Optuna

SHOWN_TRIALS = 10
# The options of a search of this program, with their defaults: agents take none.
OF_SEARCH = {"trials": None, "workdir": None, "storage": None, "seed": 0}


def main(argv: list[str] | None = None) -> int:
    """Run the command line; exit codes are those of launch.py."""
    return errors.exit_code(lambda: run(_parser().parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Run the sweep, or W&B's agents; return the exit code."""
    errors.outlive_reader()
    if args.agents:
        return _run_agents(args)
    if args.seed < 0 or (args.trials is not None and args.trials < 1):
        raise UserError("--seed must be 0 or more, --trials 1 or more")
    sweep = sweep_file.read(Path(args.sweep))
    folder = args.workdir or Path("runs/sweeps") / jobs.slug(sweep.name)
    caps = [cap for cap in (args.trials, sweep.run_cap) if cap]
    if sweep.method == "grid":
        caps.append(len(list(sweep.grid())))
    most = min(caps, default=None)
    # Before a folder is made: a file with a mistake leaves no search behind. Once
    # trials have run, one that does not fit is a failed one among them.
    if args.dry_run or not any(folder.glob("trial_*")):
        first = _first_jobs(sweep, folder, most or SHOWN_TRIALS, args.seed)
    if args.dry_run:
        print("\n".join(shlex.join(job.command) for job in first))
        return 0
    storage = args.storage or f"sqlite:///{folder.absolute()}/study.db"
    if not args.storage and {"?", "%"} & set(storage):
        raise UserError(
            f"{folder.absolute()} has a ? or % in its path, which the address of a "
            "database can't hold: name another --workdir"
        )
    executor = launch.executor_of(args)
    with _open_lock(folder) as lock:
        # Two launchers at once would make the tables, and a grid's points, twice.
        locks.take(lock, fcntl.LOCK_EX, f"start no second launcher in {folder} at once")
        study = sweep_search.open_study(sweep, folder, storage)
        if sweep.method == "grid":
            sweep_search.retry_failed(study)
    taken_up = sweep_search.running(study)
    with live_view.View() as shown:
        search = sweep_search.Search(study, sweep, folder, shown)
        with sweep_search.in_words(storage):
            ended = executor.run(search.propose(most, args.seed), search)
    _print_best(study, sweep, folder)
    if search.problem:
        raise UserError(search.problem)
    is_at_cap = most is not None and len(sweep_search.begun(study)) >= most
    if failed := sweep_search.failed(study):
        if is_at_cap and sweep.method != "grid":  # whose failed points are tried again
            cap = "run_cap in the file" if most == sweep.run_cap else "--trials"
            errors.say(
                f"of the {most} trials, {len(failed)} failed, and are not tried again: "
                f"when that is mended, try more with a larger {cap}"
            )
        return 1
    if not is_at_cap:
        return 130  # only Ctrl-C ends a search before its end
    return launch.exit_code([ended.get(name) for name in taken_up | ended.keys()])


def _open_lock(folder: Path) -> IO:
    """Make the folder of a search, and open its lock."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return open(folder / "study.lock", "w")
    except OSError as error:
        raise UserError(
            f"{folder} can't be written to: {error.strerror}. Name another --workdir"
        ) from None


def _first_jobs(sweep: sweep_file.Sweep, folder: Path, count: int, seed: int):
    """Return the first jobs. Raises UserError if one does not fit its config."""
    study = sweep_search.open_study(sweep, folder, storage=None)
    drawn = [sweep_search.draw(sweep, study.ask(), seed) for _ in range(count)]
    try:
        first = [
            sweep_search.training(sweep, params, f"trial_{number:04d}", folder)
            for number, params in enumerate(drawn)
        ]
        sweep_file.refuse_wrong_metric(sweep, first[0].encoder)
    except UserError as error:
        raise UserError(f"{sweep.name}: {error}") from None
    return first


def _run_agents(args: argparse.Namespace) -> int:
    """Run one `wandb agent` per slot; in a dry run, print the command of each.

    It ends when W&B has no more runs, or when Ctrl-C is pressed twice. An agent hands
    SIGTERM on to its training, which writes a checkpoint.
    """
    launch.refuse_options(args, OF_SEARCH, "is not for --agents: W&B leads that search")
    command = (sys.executable, "-m", "wandb", "agent", "--forward-signals", args.sweep)
    if args.dry_run:
        print(shlex.join(command))
        return 0
    executor = launch.executor_of(args)
    folder = Path("runs/sweeps") / jobs.slug(args.sweep)
    # As many as there are slots: a trial's place is the agent's to find.
    agents = [
        jobs.Job(f"agent_{number}", command, folder / f"agent_{number}")
        for number in range(executor.room)
    ]
    for agent in agents:
        (agent.workdir / job_status.STATUS).unlink(missing_ok=True)
    with live_view.View(agents) as shown:
        return launch.exit_code(list(executor.run(agents, shown).values()))


def _print_best(study: "optuna.Study", sweep: sweep_file.Sweep, folder: Path):
    """Print the best trials and the command of the first."""
    done = sweep_search.complete(study)
    done.sort(key=lambda trial: trial.value, reverse=not sweep.minimize)
    if not done:
        print("No trial is finished.")
        return
    table = rich.table.Table(title=f"Best trials by {sweep.metric}", box=None)
    drawn = [sweep.values(trial.params) for trial in done]
    names = [name for name in drawn[0] if any(v[name] != drawn[0][name] for v in drawn)]
    for title in ("trial", sweep.metric, *names):
        table.add_column(title, justify="right")
    for trial, values in list(zip(done, drawn, strict=True))[:SHOWN_TRIALS]:
        differing = [values[name] for name in names]
        cells = [f"{v:.4g}" if isinstance(v, float) else str(v) for v in differing]
        number = sweep_search.name_of(trial).removeprefix("trial_")
        table.add_row(number, f"{trial.value:.4f}", *cells)
    console.open_console().print(table)
    best = sweep_search.name_of(done[0])
    command = sweep_search.training(sweep, done[0].params, best, folder).command
    print(f"\nThe best, trained again: {shlex.join([*command[:-1], '--workdir=DIR'])}")
    trials = shlex.quote(str(folder))
    print(f"All side by side: python experiments/report.py {trials}")


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python experiments/sweep.py", description=__doc__
    )
    add = parser.add_argument
    add("sweep", help="a sweep file; with --agents, the ID of a W&B sweep")
    add("--agents", action="store_true", help="start one `wandb agent` per slot")
    add("--trials", type=int, help="number of trials, earlier ones included")
    add("--workdir", type=Path, help="folder of trials (default: runs/sweeps/NAME)")
    add("--storage", help="URL of a database, for several machines with one disk")
    add("--seed", type=int, default=0, help="of the search (default: 0)")
    add("--dry_run", action="store_true", help="print the commands, run nothing")
    launch.add_executor_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
