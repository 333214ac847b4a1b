"""Search hyper-parameters: a sweep file in W&B's format, with no account.

    python experiments/sweep.py experiments/sweeps/iam_grid.yaml --gpus=0,1
    python experiments/sweep.py experiments/sweeps/lines_bayes.yaml --trials=20

The trials are jobs as of launch.py, in runs/sweeps/NAME. The search is Optuna's, kept
in a database there: the same command again goes on, and several machines can share a
--storage. The same file drives W&B's own search, by `wandb sweep FILE` and an agent a
slot:

    python experiments/sweep.py --agents ENTITY/PROJECT/ID --gpus=all
"""

import argparse
import contextlib
import fcntl
import hashlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import jobs
import launch
import numpy as np
import optuna
import rich.table
import statuses
import sweep_file
import view
from executors import Watcher
from jobs import Job
from optuna.trial import TrialState
from statuses import Status

from ocr_jax import console, errors, tracking
from ocr_jax.errors import UserError

SHOWN_TRIALS = 10


class Search(Watcher):
    """Proposes trials as jobs, and learns what became of them."""

    def __init__(
        self, study: optuna.Study, sweep: sweep_file.Sweep, folder: Path, shown: Watcher
    ):
        self.study = study
        self._sweep = sweep
        self._folder = folder
        self._shown = shown
        self._trials: dict[str, optuna.Trial] = {}
        self._reported: dict[str, int] = {}

    def jobs(self, most: int | None, seed: int) -> Iterator[Job]:
        """Trials that were begun and did not end, then new ones, `most` in all."""
        for old in self.study.get_trials(states=(TrialState.RUNNING,)):
            job = self._job(optuna.Trial(self.study, old._trial_id), seed)
            self._reported[job.name] = max(old.intermediate_values, default=0)
            yield job
        while most is None or len(begun(self.study)) < most:
            waiting = self.study.get_trials(False, (TrialState.WAITING,))
            if self._sweep.method == "grid" and not waiting:
                return
            yield self._job(self.study.ask(), seed)

    def _job(self, trial: optuna.Trial, seed: int) -> Job:
        name = f"trial_{trial.number:04d}"
        self._trials[name] = trial
        return training(self._sweep, draw(self._sweep, trial, seed), name, self._folder)

    def changed(self, job: Job, status: Status):
        """Tell the study of a job that has ended."""
        self._shown.changed(job, status)
        outcome = {
            "finished": TrialState.COMPLETE,
            "pruned": TrialState.PRUNED,
            "failed": TrialState.FAIL,
        }.get(status.state)
        if outcome is None:
            return
        values = self._values(job)
        if status.state == "finished" and not values:
            known = [key for key in status.metrics if "/" in key]
            raise UserError(
                f"no metric {self._sweep.metric!r} in {job.workdir}: "
                f"expected one of {', '.join(known)}"
            )
        best = (min if self._sweep.minimize else max)(values.values(), default=None)
        if best is None:
            outcome = TrialState.FAIL
        value = best if outcome == TrialState.COMPLETE else None
        trial = self._trials[job.name]
        # Another launcher of the same search may have told it before.
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._report(trial, job.name, values)
        self.study.tell(trial, value, outcome, skip_if_finished=True)

    def should_stop(self, job: Job) -> bool:
        """Whether the running trial is worse than others were at its epoch."""
        if self._sweep.hyperband is None:
            return False
        trial = self._trials[job.name]
        news = self._report(trial, job.name, self._values(job))
        return news and trial.should_prune()

    def tick(self):
        """Draw the view."""
        self._shown.tick()

    def interrupted(self, count: int):
        """Say what that Ctrl-C does."""
        self._shown.interrupted(count)

    def _report(self, trial: optuna.Trial, name: str, values: dict[int, float]) -> bool:
        """Report the epochs not yet reported; whether there were any."""
        last = self._reported.get(name, 0)
        for epoch in sorted(epoch for epoch in values if epoch > last):
            trial.report(values[epoch], epoch)
            self._reported[name] = epoch
        return self._reported.get(name, 0) > last

    def _values(self, job: Job) -> dict[int, float]:
        """The sweep's metric by epoch."""
        rows = tracking.read_metrics(job.workdir / tracking.METRICS)
        values = [(row.get("epoch"), row.get(self._sweep.metric)) for row in rows]
        return {e: v for e, v in values if e is not None and v is not None}


def training(sweep: sweep_file.Sweep, drawn: dict, name: str, folder: Path) -> Job:
    """The job of one trial; UserError where its values do not fit the config."""
    return jobs.training(
        sweep.config,
        sweep.overrides | sweep.values(drawn),
        name=name,
        workdir=folder / name,
        group=folder.name,
    )


def begun(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that were ever started."""
    return [
        t for t in study.get_trials(deepcopy=False) if t.state != TrialState.WAITING
    ]


def draw(sweep: sweep_file.Sweep, trial: optuna.Trial, seed: int) -> dict[str, float]:
    """The trial's parameters, which it may have from an earlier time.

    The number of the trial is part of the seed: a search that goes on, or goes on
    several machines, does not draw the same again.
    """
    own = int(np.random.SeedSequence((seed, trial.number)).generate_state(1)[0])
    trial.study.sampler = (
        # Several trials run at once: the others' outcomes are guessed.
        optuna.samplers.TPESampler(seed=own, constant_liar=True)
        if sweep.method == "bayes"
        else optuna.samplers.RandomSampler(seed=own)
    )
    return {p.name: p.draw(trial) for p in sweep.parameters}


def open_study(sweep: sweep_file.Sweep, folder: Path, storage: str | None):
    """The study of the sweep, new or as it was left; UserError if it's of another.

    storage: a database's URL; None keeps the study in memory.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=folder.name,
            pruner=_pruner(sweep),
            direction="minimize" if sweep.minimize else "maximize",
            load_if_exists=True,
        )
    except Exception as error:  # SQLAlchemy's and Optuna's, of many classes
        raise UserError(f"--storage={storage}: {errors.one_line(error)}") from None
    searched = repr((sweep.method, sweep.metric, sweep.minimize, sweep.parameters))
    digest = hashlib.sha256(f"{searched}{sweep.config}".encode()).hexdigest()
    if study.user_attrs.get("digest", digest) != digest:
        raise UserError(
            f"{folder} holds a search of other parameters: give this one another name, "
            "or delete that"
        )
    study.set_user_attr("digest", digest)
    if sweep.method == "grid":
        for point in sweep.grid():
            study.enqueue_trial(point, skip_if_exists=True)
    return study


def _pruner(sweep: sweep_file.Sweep) -> optuna.pruners.BasePruner:
    """Hyperband (Li et al., 2018) over epochs, or nothing."""
    settings = sweep.hyperband
    if settings is None:
        return optuna.pruners.NopPruner()
    eta = settings.get("eta", 3)
    most = settings.get("max_iter", "auto")
    least = settings.get("min_iter") or max(1, most // eta ** settings["s"])
    return optuna.pruners.HyperbandPruner(least, most, eta)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; exit codes are those of launch.py."""
    return errors.exit_code(lambda: run(_parser().parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Run the sweep, or W&B's agents; the exit code."""
    if args.agents:
        return _run_agents(args)
    sweep = sweep_file.read(Path(args.sweep))
    folder = args.workdir or Path("runs/sweeps") / jobs.slug(sweep.name)
    caps = [cap for cap in (args.trials, sweep.run_cap) if cap]
    if sweep.method == "grid":
        caps.append(len(list(sweep.grid())))
    most = min(caps, default=None)
    # Before a folder is made: a file with a mistake leaves no search behind.
    first = _first_jobs(sweep, folder, most or SHOWN_TRIALS, args.seed)
    if args.dry_run:
        print("\n".join(shlex.join(job.command) for job in first))
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    storage = args.storage or f"sqlite:///{folder.absolute()}/study.db"
    executor = launch.executor_of(args)
    with open(folder / "study.lock", "w") as lock:
        # Two launchers at once would make the tables, and a grid's points, twice.
        fcntl.flock(lock, fcntl.LOCK_EX)
        study = open_study(sweep, folder, storage)
    with view.View() as shown:
        search = Search(study, sweep, folder, shown)
        ended = executor.run(search.jobs(most, args.seed), search)
    _print_best(study, sweep, folder)
    return launch.exit_code(list(ended.values()))


def _first_jobs(sweep: sweep_file.Sweep, folder: Path, count: int, seed: int):
    """The first jobs as they'd be with no results; UserError if one doesn't fit."""
    study = open_study(sweep, folder, storage=None)
    drawn = [draw(sweep, study.ask(), seed) for _ in range(count)]
    return [
        training(sweep, params, f"trial_{number:04d}", folder)
        for number, params in enumerate(drawn)
    ]


def _run_agents(args: argparse.Namespace) -> int:
    """One `wandb agent` a slot, until W&B has no more runs or Ctrl-C is pressed twice.

    An agent hands SIGTERM on to its training, which writes a checkpoint.
    """
    executor = launch.executor_of(args)
    folder = Path("runs/sweeps") / jobs.slug(args.sweep)
    command = (sys.executable, "-m", "wandb", "agent", "--forward-signals", args.sweep)
    # As many as there are slots: a trial's place is the agent's to find.
    agents = [
        Job(f"agent_{number}", command, folder / f"agent_{number}")
        for number in range(executor.room)
    ]
    for agent in agents:
        (agent.workdir / statuses.STATUS).unlink(missing_ok=True)
    with view.View(agents) as shown:
        return launch.exit_code(list(executor.run(agents, shown).values()))


def _print_best(study: optuna.Study, sweep: sweep_file.Sweep, folder: Path):
    """The best trials, and the command of the first."""
    done = study.get_trials(states=(TrialState.COMPLETE,))
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
        found = [values[name] for name in names]
        cells = [f"{v:.4g}" if isinstance(v, float) else str(v) for v in found]
        table.add_row(f"{trial.number:04d}", f"{trial.value:.4f}", *cells)
    console.open_console().print(table)
    best = f"trial_{done[0].number:04d}"
    command = training(sweep, done[0].params, best, folder).command
    print(f"\nThe best, trained again: {shlex.join([*command[:-1], '--workdir=DIR'])}")
    print(f"All side by side: python experiments/report.py {folder}/trial_*")


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python experiments/sweep.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("sweep", help="a sweep file; with --agents the ID of a sweep at W&B")
    add("--agents", action="store_true", help="start one `wandb agent` a slot")
    add("--trials", type=int, help="how many in all, those of earlier times included")
    add("--workdir", type=Path, help="runs/sweeps/NAME if not given")
    add("--storage", help="a database's URL, to search from several machines")
    add("--seed", type=int, default=0)
    add("--dry_run", action="store_true", help="print commands, run nothing")
    launch.add_executor_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
