"""One run on many hosts: jax.distributed, and the decisions its processes share.

Every process runs the same program on its part of each batch. If one of them decided
something alone (an error, a Ctrl-C, who writes), the others would wait in the next
collective for ever. Such decisions are made here, by all processes at the same point.
"""

import collections
import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils

from ocr_jax import claims, errors, workdirs
from ocr_jax import config as config_lib
from ocr_jax.errors import UserError, one_line
from ocr_jax.runtime import bell, devices, signals

# A process that leaves alone waits this long for the others before all are stopped.
# A killed process is noticed after HEARTBEAT_SECONDS.
SHUTDOWN_SECONDS = 10
HEARTBEAT_SECONDS = 60
_leaving = threading.Lock()


@contextlib.contextmanager
def joined(config):
    """Join the processes that config.processes or Slurm names, if any.

    Must precede anything that touches a device. Only process 0 prints. Raises UserError
    if the processes cannot be joined or have different numbers of devices.
    """
    arguments = join_arguments(config.processes, os.environ)
    if arguments is None:
        devices.use_cores(config.batch_size)
    elif not jax.distributed.is_initialized():
        _initialize(arguments)
    if jax.process_count() == 1:
        yield
        return
    with contextlib.ExitStack() as stack:
        if jax.process_index() > 0:
            stack.enter_context(_quiet())
        _check_devices()
        named = config_lib.processes(config.processes)
        host = named.coordinator.rpartition(":")[0] if named else ""
        stack.enter_context(_all_or_none(host))
        yield
        # The first to finish waits here, without a time limit.
        _gather(True)


@contextlib.contextmanager
def _all_or_none(host: str):
    """End all processes within seconds when one of them ends alone.

    Otherwise they wait for it in the next collective, until jax aborts them. All raise
    a UserError together: by `main_first`, or because they see the same numbers.
    host: the host of process 0, or "" for its own name.
    """
    is_over = threading.Event()

    def heard(number: int):
        if not is_over.is_set():
            _leave(UserError(_aborted_by(number)))

    others = bell.Bell(host, heard)
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        _leave(error, others)
    finally:
        is_over.set()


def _aborted_by(number: int) -> str:
    """Return the message of a process that another process's end has stopped."""
    return f"process {number} aborted the run; see its output for the reason"


def _leave(error: Exception, others: bell.Bell | None = None):
    """Report the error, notify the others and end this process.

    jax's own exit would wait for the others.
    """

    def fail():
        raise error

    _leaving.acquire()  # never released: a second thread waits here for the end
    if others:
        others.ring(jax.process_index())
    try:
        code = errors.exit_code(fail)
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Wait until all have heard. Process 0 forwards the news and runs jax's coordinator.
    time.sleep(4.0 if jax.process_index() == 0 else 2.0)
    os._exit(code)


@contextlib.contextmanager
def _quiet():
    """Silence standard output and the Ctrl-C message; process 0 prints both."""
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _check_devices():
    counts = collections.Counter(device.process_index for device in jax.devices())
    if len(set(counts.values())) > 1:
        raise UserError(
            f"the processes have {', '.join(map(str, counts.values()))} devices: "
            "expected the same number in each process"
        )


def join_arguments(processes: str, environ: Mapping[str, str]) -> dict | None:
    """Return the arguments of jax.distributed.initialize, None for a single process.

    processes: config.processes. Where it is empty, jax finds them in the environment of
    a Slurm step of several tasks. A salloc shell or a batch script is no such step,
    although SLURM_NTASKS is set.
    """
    if named := config_lib.processes(processes):
        return {
            "coordinator_address": named.coordinator,
            "num_processes": named.count,
            "process_id": named.number,
            # Use all devices of the host, whatever else the environment says.
            "cluster_detection_method": "deactivate",
        }
    tasks = environ.get("SLURM_NTASKS", "1")
    is_step = environ.get("SLURM_STEP_NUM_TASKS") == tasks != "1"
    if not is_step or processes == config_lib.ALONE:
        return None
    found = {"cluster_detection_method": "slurm"}
    alone = environ.get("SLURM_STEP_NUM_NODES") == tasks
    if alone or environ.get("CUDA_VISIBLE_DEVICES", ",").isdecimal():
        # All GPUs that the task sees: jax would take the one with its local number.
        found["local_device_ids"] = []
    return found


def _initialize(arguments: dict):
    where = arguments.get("coordinator_address", "the first host of the Slurm step")
    # If they do not arrive, jax ends the process with its own message.
    print(f"Waiting up to 5 minutes for the run's processes at {where}", flush=True)
    # jax's handler of SIGTERM would replace ours.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            **arguments,
            initialization_timeout=300,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=SHUTDOWN_SECONDS,
        )
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"cannot start a run of several processes at {where}: {one_line(error)}"
        ) from None


@contextlib.contextmanager
def main_first():
    """Run the block in process 0, then in the others; an error in one ends all.

    The first process that failed raises its error. The others end silently with exit
    code 2. The block must not contain a collective.
    """
    if jax.process_count() == 1:
        yield
        return
    is_main = jax.process_index() == 0
    if not is_main:
        _settle(failed=False)
    try:
        yield
    except BaseException:
        _settle(failed=True)
        raise
    _settle(failed=False)
    if is_main:
        _settle(failed=False)


@contextlib.contextmanager
def claim(workdir: Path, config, overwrite: bool):
    """Claim the workdir in process 0; the others check that they see it."""
    with contextlib.ExitStack() as stack:
        with main_first():
            if jax.process_index() == 0:
                stack.enter_context(claims.claim(workdir, config, overwrite))
            elif (workdir / "config.json").exists():
                workdirs.refuse_other_config(workdir, config)
            else:
                raise UserError(
                    f"process {jax.process_index()} does not see {workdir} of process "
                    "0: a run on many hosts needs a shared disk"
                )
        yield


def begin(workdir: Path, config):
    """Begin a claimed training in process 0; the others check that it is theirs."""
    with main_first():
        if jax.process_index() == 0:
            claims.begin(workdir, config)
        else:
            workdirs.refuse_other_config(workdir, config)


@contextlib.contextmanager
def stop_signals(every: int):
    """Like `signals.stop_signals`, but all processes stop at the same step.

    Processes compare flags at every `every`-th check only, since it drains the device.
    """
    with signals.stop_signals() as requested:
        is_alone = jax.process_count() == 1
        yield requested if is_alone else _SharedStop(requested, every)


class _SharedStop:
    """A flag that all processes check equally often and see set together."""

    def __init__(self, requested, every: int):
        self._requested, self._every = requested, every
        self._looks, self._is_set = 0, False

    def is_set(self) -> bool:
        self._looks += 1
        if not self._is_set and self._looks % self._every == 0:
            self._is_set = any_process(self._requested.is_set())
        return self._is_set


def any_process(flag: bool) -> bool:
    """Return whether the flag of any process is set; all call this equally often."""
    return flag if jax.process_count() == 1 else bool(_gather(flag).any())


def _gather(flag: bool) -> np.ndarray:
    """Gather the flags (processes,) of all processes."""
    return multihost_utils.process_allgather(np.array(flag))


def _settle(failed: bool):
    """Return if no process failed, or in the first that failed; end the others."""
    flags = _gather(failed)
    first, own = int(flags.argmax()), jax.process_index()
    if not flags.any() or first == own:
        return
    if own == 0:
        raise UserError(_aborted_by(first))
    raise SystemExit(2)
