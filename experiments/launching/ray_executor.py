"""Runs jobs as Ray tasks, on all machines of a cluster.

Ray queues and places them, sets CUDA_VISIBLE_DEVICES, and starts one again whose
machine died. There, a job is run as the local executor runs it, by ray_job.py.
Workdirs, data and code must have the same path on all machines.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from launching import interrupts, job_status, jobs, local_executor
from ocr_jax import errors, extras
from ocr_jax.errors import UserError
from ocr_jax.runtime import slots

# Runs the one job of its command line.
PROGRAM = str(Path(__file__).parents[1] / "ray_job.py")
# How often a task is started again whose worker or machine died.
MAX_RETRIES = 3


class Ray:
    """The executor of a Ray cluster.

    address: a running cluster's; "auto" is the one that this machine is part of, None
    starts one of this machine alone. retries, timeout: as of local_executor.Local.
    """

    def __init__(
        self,
        address: str | None,
        *,
        jobs_per_gpu: int = 1,
        retries: int = 0,
        timeout: float | None = None,
    ):
        ray = extras.load("ray")
        self._ray = ray
        _refuse_silent(address)
        self._options = {"retries": retries, "timeout": timeout}
        try:
            ray.init(
                address,
                ignore_reinit_error=True,
                log_to_driver=False,
                logging_level="error",
            )
        except (ConnectionError, ValueError) as error:
            raise UserError(f"--ray_address={address}: {error}") from None
        total = ray.cluster_resources()
        self._environment = {}
        if total.get("GPU"):
            self._needs = {"num_gpus": 1 / jobs_per_gpu, "num_cpus": 1}
            self.room = int(total["GPU"] * jobs_per_gpu)
            if jobs_per_gpu > 1:
                share = slots.SHARED_MEMORY / jobs_per_gpu
                self._environment["XLA_CLIENT_MEM_FRACTION"] = f"{share:.3f}"
        else:
            self._needs = {"num_cpus": 1}
            self.room = int(total["CPU"])

    def run(
        self, queue: Iterable[jobs.Job], watcher: local_executor.Watcher
    ) -> dict[str, job_status.Status]:
        """Run jobs as local_executor.Local.run does, signals included.

        A list is handed to Ray whole; what comes from an iterator is pulled as the
        cluster has room.
        """
        room = len(queue) if isinstance(queue, Sequence) else self.room
        waiting = iter(queue)
        self._watcher, self._tasks, self._statuses = watcher, {}, {}
        self._pruned, self._interrupted = set(), 0
        with interrupts.Interrupts() as pressed:
            while True:
                while len(self._tasks) < room and not pressed.count:
                    if (job := next(waiting, None)) is None:
                        break
                    self._tasks[self._submit(job)] = job
                if not self._tasks:
                    break
                ready, _ = self._ray.wait(list(self._tasks), timeout=0.5)
                for task in ready:
                    self._end(task, self._tasks.pop(task))
                self._look_after(pressed.count)
        return self._statuses

    def _submit(self, job: jobs.Job):
        """Hand a job to Ray; the task that it became."""
        job_status.queue([job])
        description = job._asdict() | {"workdir": str(job.workdir)}
        command = [sys.executable, PROGRAM, json.dumps([description, self._options])]
        folder, environment = os.getcwd(), self._environment

        # Sent by value, with all it needs: workers can't import this file.
        def end_with_parent():
            if sys.platform == "linux":  # a killed worker leaves nothing running
                pr_set_pdeathsig = 1
                ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)

        def run_there():
            cancelled = threading.Event()
            # Ray cancels by the Ctrl-C of its worker, once more each time it's asked.
            signal.signal(signal.SIGINT, lambda *_: cancelled.set())
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | environment,
                preexec_fn=end_with_parent,
            )
            while process.poll() is None and not cancelled.is_set():
                time.sleep(0.1)
            if cancelled.is_set():
                process.terminate()
            return process.wait()

        task = self._ray.remote(max_retries=MAX_RETRIES, **self._needs)(run_there)
        return task.remote()

    def _end(self, task, job: jobs.Job):
        """Record what became of a job whose task has ended."""
        error = ""
        try:
            code = self._ray.get(task)
            if code and not self._interrupted and job.name not in self._pruned:
                error = (
                    f"ray_job.py on its node: {job_status.reason(code, job.workdir)}"
                )
        except self._ray.exceptions.TaskCancelledError:
            pass
        except self._ray.exceptions.RayError as raised:
            if self._interrupted < 3:
                error = errors.one_line(raised)
        status = status_at_end(job, error, pruned=job.name in self._pruned)
        job_status.write(job, status)
        self._notice(job, status)

    def _look_after(self, presses: int):
        """Ctrl-C, and what the watcher wants, as local_executor.Local does."""
        news = presses > self._interrupted
        self._interrupted = presses
        if news:
            self._watcher.interrupted(presses)
        for task, job in self._tasks.items():
            status = job_status.read(job.workdir)
            if status is not None:
                self._notice(job, status)
            # A workdir that was deleted under its job says nothing.
            runs = status is None or status.state == "running"
            if news and not runs:
                self._ray.cancel(task, force=presses > 2)
            if runs and self._watcher.should_stop(job):
                self._pruned.add(job.name)
            # More than once: Ray takes no cancelling while it starts a task.
            if job.name in self._pruned or presses > 1:
                self._ray.cancel(task, force=presses > 2)
        self._watcher.tick()

    def _notice(self, job: jobs.Job, status: job_status.Status):
        """Tell the watcher, once, of a state other than waiting in the queue."""
        old = self._statuses.get(job.name)
        if status.state != "queued" and (old is None or old.state != status.state):
            self._statuses[job.name] = status
            self._watcher.changed(job, status)


def _refuse_silent(address: str | None):
    """Raise UserError if nothing answers at HOST:PORT, for which Ray waits minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdecimal() or "://" in address:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), 5).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--ray_address={address}: no Ray cluster answers there "
            f"({errors.reason(error)}): name one that runs, or leave the option out"
        ) from None


def status_at_end(job: jobs.Job, error: str, *, pruned: bool) -> job_status.Status:
    """The status of a job whose task has ended.

    error: why Ray failed to run it, "" where it did run it or where we ended it.
    """
    status = job_status.read(job.workdir) or job_status.Status.of(job)
    if error and status.state in ("queued", "running"):
        status.state, status.reason = "failed", error
    if status.state == "running":  # it was killed before it could say so
        status.state, status.reason = "stopped", "by Ctrl-C"
    if pruned and status.state == "stopped":
        status.state = "pruned"
    return status
