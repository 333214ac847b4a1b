"""What a launcher leaves in a job's workdir, beside what the training does.

status.json   the job's state, times, exit code and last metrics
log.txt       what it printed
job.lock      held by whoever runs the job: launchers of the same jobs share them

A workdir that somebody deletes while its job runs stays deleted.
"""

import dataclasses
import fcntl
import os
import signal
from pathlib import Path

from launching import jobs
from ocr_jax import config as config_lib
from ocr_jax import errors, locks, workdirs
from ocr_jax.tracking import metrics_file

STATUS, LOG, LOCK = "status.json", "log.txt", "job.lock"
# Of what a job prints, what is kept when it prints more than that.
LOG_BYTES, LOG_KEPT = 64 << 20, 1 << 20


@dataclasses.dataclass
class Status:
    """How a job is doing, as in its status.json; times are seconds since 1970.

    state: queued, running, finished, failed, stopped (Ctrl-C) or pruned (a sweep).
    """

    name: str
    command: list[str]
    state: str = "queued"
    reason: str = ""
    slot: str = ""
    attempts: int = 0
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    metrics: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, job: jobs.Job) -> "Status":
        """The status of a job before it is started."""
        return cls(job.name, list(job.command))


def lock_workdir(workdir: Path) -> int | None:
    """Return an open lock on the job of a workdir, None if it is running elsewhere."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        lock = os.open(workdir / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise errors.UserError(
            f"{workdir} can't be written to: {error.strerror}"
        ) from None
    try:
        locks.take(
            lock,
            fcntl.LOCK_EX | fcntl.LOCK_NB,
            "a second launcher would start jobs that run already",
            inherited=True,
        )
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def read(workdir: Path) -> Status | None:
    """Return the status in a workdir's status.json, None if there is none."""
    try:
        return Status(**workdirs.read_json(workdir / STATUS))
    except (errors.UserError, TypeError):
        return None


def done(job: jobs.Job) -> Status | None:
    """The status of a job that this very command has ended for good, else None.

    Since then, its config file may have been given more epochs, or somebody may have
    begun its training anew.
    """
    status = read(job.workdir)
    if status is None or status.command != [*job.command]:
        return None
    has_scores = (job.workdir / "scores.json").exists()
    if status.state == "finished" and job.encoder and not has_scores:
        return None
    if job.num_epochs and (job.workdir / "config.json").exists():
        has = workdirs.num_epochs(job.workdir)
    else:
        has = job.num_epochs
    ended = has == job.num_epochs and status.state in ("finished", "pruned")
    return status if ended else None


def refuse_other_configs(pending: list[jobs.Job]):
    """Raise UserError if a workdir holds a run of another config than its job's.

    The command does not tell: it names a config file, which may have been edited.
    """
    for job in pending:
        if not (job.workdir / "config.json").exists():
            continue
        arguments = [word for word in job.command if word.startswith("--config")]
        config, advice = config_lib.load(arguments), f"give job {job.name!r} another"
        workdirs.refuse_other_config(job.workdir, config, f"{advice} `name:`")


def write(job: jobs.Job, status: Status):
    """Write the job's status.json."""
    if job.workdir.is_dir():
        workdirs.write_json(job.workdir / STATUS, dataclasses.asdict(status))


def last_metrics(workdir: Path) -> dict:
    """The metrics of the last epoch that the job's training logged."""
    rows = metrics_file.read(workdir / metrics_file.NAME)
    return next((row for row in reversed(rows) if "epoch" in row), {})


def final_metrics(workdir: Path) -> dict:
    """The metrics of the epoch that a training kept, and how many epochs it had."""
    rows = metrics_file.read(workdir / metrics_file.NAME)
    rows = [row for row in rows if "epoch" in row]
    kept = [row for row in rows if row.get("best")] or rows
    return kept[-1] | {"epoch": rows[-1]["epoch"]} if rows else {}


def is_held(workdir: Path) -> bool:
    """Whether somebody runs the job of a workdir; of those without a lock, nobody."""
    try:
        with open(workdir / LOCK, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:  # taken, or on a disk without locks
        return True
    return False


def cut_log(path: Path):
    """Leave the end of a log that has become too long; the job goes on appending."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        with open(path, "rb") as log:
            log.seek(-LOG_KEPT, os.SEEK_END)
            end = log.read()
        os.truncate(path, 0)
        with open(path, "ab") as log:
            log.write(b"[cut: what was printed before is gone]\n" + end)


def reason(code: int, workdir: Path) -> str:
    """Why a job failed: the signal that killed it, or the last line that it printed."""
    if code < 0:
        names = {known.value: known.name for known in signal.Signals}
        return f"killed by {names.get(-code, f'signal {-code}')}"
    if not (workdir / LOG).exists():
        return f"exit code {code}: its workdir has been deleted"
    with open(workdir / LOG, "rb") as log:
        log.seek(max(0, os.path.getsize(log.name) - 4096))
        lines = log.read().decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f"exit code {code}: {errors.one_line(last)}"


def queue(pending: list[jobs.Job]):
    """Mark as queued the jobs that are neither done nor being run."""
    for job in pending:
        lock = lock_workdir(job.workdir)
        if lock is not None:
            if done(job) is None:
                write(job, Status.of(job))
            os.close(lock)
