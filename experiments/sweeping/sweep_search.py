"""The search of a sweep: an Optuna study whose trials are jobs of launch.py."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import sqlalchemy.exc
from launching import job_status, jobs, local_executor
from optuna.trial import TrialState

from ocr_jax import errors
from ocr_jax.errors import UserError
from ocr_jax.tracking import metrics_file
from sweeping import sweep_file

# So many failed trials in a row end a search that has no other end.
FAILURES_IN_A_ROW = 10
# Of a trial that is another try: the number of the first.
FIRST = "first"


class Search(local_executor.Watcher):
    """Proposes trials as jobs, and learns what became of them."""

    def __init__(
        self,
        study: optuna.Study,
        sweep: sweep_file.Sweep,
        folder: Path,
        shown: local_executor.Watcher,
    ):
        self.study = study
        self._sweep = sweep
        self._folder = folder
        self._shown = shown
        self._trials: dict[str, optuna.Trial] = {}
        self._reported: dict[str, int] = {}
        self._with_metric: set[str] = set()
        self._failures = 0  # in a row
        self.problem = ""  # for which nothing more is proposed

    def propose(self, most: int | None, seed: int) -> Iterator[jobs.Job]:
        """Trials that were begun and did not end, then new ones, `most` in all."""
        for old in self.study.get_trials(states=(TrialState.RUNNING,)):
            self._reported[name_of(old)] = max(old.intermediate_values, default=0)
            if job := self._job(optuna.Trial(self.study, old._trial_id), seed):
                yield job
        while not self.problem and (most is None or len(begun(self.study)) < most):
            waiting = self.study.get_trials(False, (TrialState.WAITING,))
            if self._sweep.method == "grid" and not waiting:
                return
            if most is None and self._failures >= FAILURES_IN_A_ROW:
                # No error yet: the jobs that run would be killed by it.
                self.problem = (
                    f"the last {FAILURES_IN_A_ROW} trials failed, as said above: mend "
                    "that, or say with --trials how many to try"
                )
                return
            if job := self._job(self.study.ask(), seed):
                yield job

    def _job(self, trial: optuna.Trial, seed: int) -> jobs.Job | None:
        """The trial's job; None, and a failed trial, where its values do not fit."""
        name = name_of(trial)
        drawn = draw(self._sweep, trial, seed)
        try:
            job = training(self._sweep, drawn, name, self._folder)
        except UserError as error:
            job = jobs.Job(name, (), self._folder / name)
            self._shown.changed(job, job_status.Status(name, [], "failed", str(error)))
            self._tell(trial, TrialState.FAIL)
            return None
        self._trials[name] = trial
        return job

    def changed(self, job: jobs.Job, status: job_status.Status):
        """Tell the study of a job that has ended."""
        self._shown.changed(job, status)
        outcome = {
            "finished": TrialState.COMPLETE,
            "pruned": TrialState.PRUNED,
            "failed": TrialState.FAIL,
        }.get(status.state)
        if outcome is None:
            return
        self._lacks_metric(job)
        values = self._values(job)
        best = (min if self._sweep.minimize else max)(values.values(), default=None)
        if best is None:
            outcome = TrialState.FAIL
        value = best if outcome == TrialState.COMPLETE else None
        trial = self._trials[job.name]
        # Another launcher of the same search may have told it before.
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self.report(job, values)
        self._tell(trial, outcome, value)

    def should_stop(self, job: jobs.Job) -> bool:
        """Whether the trial lacks the metric, or is worse than others at its epoch."""
        if self._lacks_metric(job):
            return True
        if self._sweep.hyperband is None:
            return False
        news = self.report(job, self._values(job))
        return news and self._trials[job.name].should_prune()

    def _lacks_metric(self, job: jobs.Job) -> bool:
        """Whether epochs were logged without the metric: a problem of all trials."""
        if job.name in self._with_metric:
            return False
        rows = metrics_file.read(job.workdir / metrics_file.NAME)
        logged = set().union(*(row for row in rows if "epoch" in row))
        if self._sweep.metric in logged:
            self._with_metric.add(job.name)
        elif logged:
            known = ", ".join(sorted(key for key in logged if "/" in key))
            self.problem = (
                f"no metric {self._sweep.metric!r} in {job.workdir}: expected one of "
                f"{known}"
            )
            return True
        return False

    def tick(self):
        """Draw the view."""
        self._shown.tick()

    def interrupted(self, count: int):
        """Say what that Ctrl-C does."""
        self._shown.interrupted(count)

    def _tell(
        self, trial: optuna.Trial, outcome: TrialState, value: float | None = None
    ):
        self._failures = self._failures + 1 if outcome == TrialState.FAIL else 0
        self.study.tell(trial, value, outcome, skip_if_finished=True)

    def report(self, job: jobs.Job, values: dict[int, float]) -> bool:
        """Report the epochs not yet reported; return whether there were any."""
        last = self._reported.get(job.name, 0)
        for epoch in sorted(epoch for epoch in values if epoch > last):
            self._trials[job.name].report(values[epoch], epoch)
            self._reported[job.name] = epoch
        return self._reported.get(job.name, 0) > last

    def _values(self, job: jobs.Job) -> dict[int, float]:
        """The sweep's metric by epoch."""
        rows = metrics_file.read(job.workdir / metrics_file.NAME)
        values = [(row.get("epoch"), row.get(self._sweep.metric)) for row in rows]
        return {e: v for e, v in values if e is not None and v is not None}


def training(sweep: sweep_file.Sweep, drawn: dict, name: str, folder: Path) -> jobs.Job:
    """Return the job of a trial. Raises UserError if its values do not fit."""
    return jobs.training(
        sweep.config,
        sweep.overrides | sweep.values(drawn),
        name=name,
        workdir=folder / name,
        group=folder.name,
    )


def name_of(trial: optuna.Trial | optuna.trial.FrozenTrial) -> str:
    """The name of the trial's job: another try goes on in the folder of the first."""
    return f"trial_{trial.user_attrs.get(FIRST, trial.number):04d}"


def names(study: optuna.Study, *states: TrialState) -> set[str]:
    """The names of the trials in these states."""
    return {name_of(trial) for trial in study.get_trials(False, states)}


def begun(study: optuna.Study) -> set[str]:
    """The names of the trials that were ever started."""
    return names(study, *(state for state in TrialState if state != TrialState.WAITING))


def running(study: optuna.Study) -> set[str]:
    """Jobs of trials that were begun and have no result yet."""
    return names(study, TrialState.RUNNING)


def complete(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that have a score."""
    return study.get_trials(states=(TrialState.COMPLETE,))


def failed(study: optuna.Study) -> set[str]:
    """The names of the trials that failed, and did not end well at another try."""
    ended_well = names(study, TrialState.COMPLETE, TrialState.PRUNED)
    return names(study, TrialState.FAIL) - ended_well


def retry_failed(study: optuna.Study):
    """Begin again what failed, unless that was done: `Search.propose` takes it up."""
    again = failed(study) - names(study, TrialState.RUNNING)
    for trial in study.get_trials(states=(TrialState.FAIL,)):
        if name_of(trial) in again:
            again.remove(name_of(trial))
            attributes = {FIRST: trial.number} | trial.user_attrs
            # Optuna opens no trial that has ended.
            retry = optuna.trial.create_trial(
                state=TrialState.RUNNING,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs=attributes,
                system_attrs=trial.system_attrs,
            )
            study.add_trial(retry)


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


@contextlib.contextmanager
def in_words(storage: str | None) -> Iterator[None]:
    """Raise UserError for what a study's database can't do, or may not."""
    try:
        yield
    except (
        ImportError,  # of a driver
        optuna.exceptions.OptunaError,
        sqlalchemy.exc.SQLAlchemyError,
    ) as error:
        place = (storage or "").removeprefix("sqlite:///")
        why = errors.one_line(error.__cause__ or error, 120)
        raise UserError(
            f"{place}: {why}. When that is mended, the same command goes on"
        ) from None


def open_study(sweep: sweep_file.Sweep, folder: Path, storage: str | None):
    """Open the study of the sweep, new or earlier. Raises UserError if it is another's.

    storage: a database's URL; None keeps the study in memory.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with in_words(storage):
        study = optuna.create_study(
            storage=storage,
            study_name=folder.name,
            pruner=make_pruner(sweep),
            direction="minimize" if sweep.minimize else "maximize",
            load_if_exists=True,
        )
    searched = repr(sweep._replace(name="", run_cap=None))
    digest = hashlib.sha256(searched.encode()).hexdigest()
    if study.user_attrs.get("digest", digest) != digest:
        raise UserError(
            f"{folder} holds a search of other parameters, or with another command: "
            "give this one another name, or delete that"
        )
    study.set_user_attr("digest", digest)
    if sweep.method == "grid":
        old = study.get_trials(deepcopy=False)
        queued = {_spelt(t.system_attrs.get("fixed_params", t.params)) for t in old}
        for point in sweep.grid():
            if _spelt(point) not in queued:
                study.enqueue_trial(point)
    return study


def _spelt(point: dict) -> str:
    """What is equal for equal points of a grid."""
    return json.dumps(point, sort_keys=True)


def make_pruner(sweep: sweep_file.Sweep) -> optuna.pruners.BasePruner:
    """Hyperband (Li et al., 2018) over epochs, or nothing."""
    settings = sweep.hyperband
    if settings is None:
        return optuna.pruners.NopPruner()
    eta = settings.get("eta", 3)
    most = settings.get("max_iter", "auto")
    least = settings.get("min_iter") or max(1, most // eta ** settings["s"])
    return optuna.pruners.HyperbandPruner(least, most, eta)
