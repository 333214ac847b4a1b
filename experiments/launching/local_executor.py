"""Runs jobs on the slots of this machine: first in, first out, each job once."""

import contextlib
import os
import secrets
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterable

from launching import interrupts, job_status, jobs, orphan_guard
from ocr_jax import errors
from ocr_jax.runtime import job_environment, slots

# A mistake in the command line or the data: to try again would end the same.
MISTAKE = 2


class Watcher:
    """Is told how jobs do, and may stop them: the live view, a sweep."""

    def changed(self, job: jobs.Job, status: job_status.Status):
        """A job has another state."""

    def tick(self):
        """About a second has passed."""

    def interrupted(self, count: int):
        """Ctrl-C was pressed for the `count`-th time."""

    def should_stop(self, job: jobs.Job) -> bool:
        """Whether to stop a running job, which will be called pruned."""
        return False


class Running:
    """A job on its slot."""

    def __init__(
        self, job: jobs.Job, status: job_status.Status, lease: slots.Lease, lock: int
    ):
        self.job = job
        self.status = status
        self.lease = lease
        self.lock = lock
        self.token = secrets.token_hex(16)
        self.stopped_as = ""  # the state it will end with, once it is asked to stop
        self.asked_at = 0.0
        self.started = time.monotonic()

    def start(self):
        """Start the process; OSError where there is no such program."""
        slot = self.lease.slot
        with open(self.job.workdir / job_status.LOG, "ab") as log:
            self.process = subprocess.Popen(
                self.job.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=job_environment.of(
                    slot.environment | {orphan_guard.TOKEN: self.token}
                ),
                # The job holds its locks itself: they last as long as it does.
                pass_fds=(*self.lease.files, self.lock),
                start_new_session=True,
                preexec_fn=slot.confine,
            )

    def ask_to_stop(self, state: str, reason: str = ""):
        """SIGTERM to the job's processes: a training writes a checkpoint and ends."""
        if not self.stopped_as:
            self.stopped_as, self.status.reason = state, reason
            self.asked_at = time.monotonic()
            self.signal(signal.SIGTERM)

    def signal(self, number: int):
        """A signal to the job's process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def end(self):
        """Leave no process behind, and give back the slot."""
        self.signal(signal.SIGKILL)
        while left := orphan_guard.processes({self.token}):
            orphan_guard.send(left, signal.SIGKILL)
            time.sleep(0.05)
        self.lease.release()
        os.close(self.lock)


class Local:
    """The executor of this machine.

    retries: how often a job that crashed is taken up again, from its checkpoint.
    timeout: seconds after which a job is stopped; None is never.
    """

    def __init__(
        self,
        usable: list[slots.Slot],
        *,
        retries: int = 0,
        timeout: float | None = None,
        grace: float = orphan_guard.GRACE_SECONDS,
    ):
        self._slots = usable
        self._retries = retries
        self._timeout = timeout
        self._grace = grace

    @property
    def room(self) -> int:
        """How many jobs can run at once."""
        return len(self._slots)

    def run(
        self, queue: Iterable[jobs.Job], watcher: Watcher
    ) -> dict[str, job_status.Status]:
        """Run jobs, pulled one by one as slots come free; statuses by name.

        The first Ctrl-C starts no more jobs, the second asks the running ones to stop,
        the third kills them; SIGTERM and SIGHUP are like two.
        """
        self._jobs, self._waiting = iter(queue), deque()
        self._running: list[Running] = []
        self._statuses: dict[str, job_status.Status] = {}
        self._watcher = watcher
        self._interrupted, self._next_tick = 0, 0.0
        with (
            orphan_guard.Guard() as self._guard,
            interrupts.Interrupts() as self._interrupts,
        ):
            while self._fill() or self._running:
                # A job held by another launcher, or a slot: nobody says when it's free.
                self._interrupts.wait(0.05 if self._waiting else 0.5)
                for running in list(self._running):
                    if running.process.poll() is not None:
                        self._end(running)
                self._look_after()
        return self._statuses

    def _fill(self) -> bool:
        """Start jobs while there are free slots; whether any job is left to start."""
        while not self._interrupts.count:
            lease = slots.lease(self._slots)
            if lease is None:
                return bool(self._running) or self._has_more()
            claimed = self._claim()
            if claimed is None:
                lease.release()
                return bool(self._waiting)
            self._start(*claimed, lease)
        return False

    def _has_more(self) -> bool:
        """Whether a job is worth waiting for a slot that another launcher holds."""
        if claimed := self._claim():
            job, lock = claimed
            os.close(lock)
            self._waiting.appendleft(job)
        return bool(self._waiting)

    def _claim(self) -> tuple[jobs.Job, int] | None:
        """The next job that is neither done nor held, and its lock."""
        for _ in range(len(self._waiting)):
            if claimed := self._try_to_claim(self._waiting.popleft()):
                return claimed
        return next(filter(None, map(self._try_to_claim, self._jobs)), None)

    def _try_to_claim(self, job: jobs.Job) -> tuple[jobs.Job, int] | None:
        lock = job_status.lock_workdir(job.workdir)
        if lock is None:
            self._waiting.append(job)
            return None
        if (status := job_status.done(job)) is None:
            return job, lock
        os.close(lock)
        self._statuses[job.name] = status
        self._watcher.changed(job, status)
        return None

    def _start(self, job: jobs.Job, lock: int, lease: slots.Lease):
        status = self._statuses.setdefault(job.name, job_status.Status.of(job))
        status.state, status.slot, status.reason = "running", lease.slot.name, ""
        status.started, status.ended, status.exit_code = time.time(), None, None
        status.attempts += 1
        running = Running(job, status, lease, lock)
        self._guard.watch(running.token)
        try:
            running.start()
        except OSError as error:
            lease.release()
            os.close(lock)
            status.state, status.reason = "failed", errors.reason(error)
        else:
            self._running.append(running)
        self._record(job, status)

    def _end(self, running: Running):
        """What became of a process that has ended, and of its job."""
        status, code = running.status, running.process.returncode
        status.ended, status.exit_code = time.time(), code
        status.metrics = job_status.final_metrics(running.job.workdir)
        job_status.cut_log(running.job.workdir / job_status.LOG)
        if code == 0:
            status.state, status.reason = "finished", ""
        elif running.stopped_as:
            status.state = running.stopped_as
        else:
            status.state, status.reason = (
                "failed",
                job_status.reason(code, running.job.workdir),
            )
            crashed = code != MISTAKE and not self._interrupts.count
            if crashed and status.attempts <= self._retries:
                status.state = "queued"
                self._waiting.append(running.job)
        # Before the locks go: whoever takes them next reads it.
        self._record(running.job, status)
        running.end()
        self._guard.forget(running.token)
        self._running.remove(running)

    def _look_after(self):
        """Ctrl-C at once; timeouts, logs and what the watcher wants once a second."""
        count, now = self._interrupts.count, time.monotonic()
        if count > self._interrupted:
            self._interrupted = count
            self._watcher.interrupted(count)
        for running in self._running if count > 1 else ():
            running.ask_to_stop("stopped", "by Ctrl-C")
            if count > 2:
                running.signal(signal.SIGKILL)
        if now < self._next_tick:
            return
        self._next_tick = now + 1
        for running in self._running:
            job_status.cut_log(running.job.workdir / job_status.LOG)
            if self._timeout and now - running.started > self._timeout:
                running.ask_to_stop("failed", f"took over {self._timeout:g} s")
            elif self._watcher.should_stop(running.job):
                running.ask_to_stop("pruned")
            if running.stopped_as and now - running.asked_at > self._grace:
                running.signal(signal.SIGKILL)
        self._watcher.tick()

    def _record(self, job: jobs.Job, status: job_status.Status):
        job_status.write(job, status)
        self._watcher.changed(job, status)
