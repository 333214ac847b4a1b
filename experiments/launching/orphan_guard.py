"""A process that outlives the launcher, to stop its jobs if it is killed.

Every process of a job carries the job's token in its environment, so that none is
missed: not one that was just started, nor one that left its parent and its session.
(Where there is no /proc, none is found: there only whole process groups are stopped.)
"""

import contextlib
import os
import signal
import time

TOKEN = "OCR_JAX_JOB"
# For a checkpoint, in the middle of compiling a program.
GRACE_SECONDS = 60.0


class Guard:
    """While entered, stops the jobs that it is told to `watch` if this process dies."""

    def __enter__(self) -> "Guard":
        reading, self._pipe = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            _stand_guard(reading)
        os.close(reading)
        return self

    def __exit__(self, *_):
        os.close(self._pipe)
        os.waitpid(self._pid, 0)

    def watch(self, token: str):
        """A job with this token is about to start."""
        os.write(self._pipe, f"+{token}\n".encode())

    def forget(self, token: str):
        """No process of that job is left."""
        os.write(self._pipe, f"-{token}\n".encode())


def processes(tokens: set[str]) -> list[int]:
    """The ids of all processes that carry one of these tokens."""
    wanted = [f"{TOKEN}={token}".encode() for token in tokens]
    pids = []
    for name in os.listdir("/proc") if wanted and os.path.isdir("/proc") else ():
        if name.isdecimal():
            # Other people's, and those that have just ended, can't be read.
            with (
                contextlib.suppress(OSError),
                open(f"/proc/{name}/environ", "rb", buffering=0) as file,
            ):
                environment = file.read()
                if any(token in environment for token in wanted):
                    pids.append(int(name))
    return pids


def send(pids: list[int], number: int):
    """A signal to processes, those that have ended left out."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def stop(tokens: set[str], grace: float = GRACE_SECONDS):
    """End all processes with these tokens: asked, and killed after `grace` seconds."""
    signalled, quiet, end = set(), 0, time.monotonic() + grace
    # Twice nothing: one that was forking at the first look is seen at the second.
    while tokens and quiet < 2:
        pids = set(processes(tokens))
        late = time.monotonic() > end
        send(
            list(pids if late else pids - signalled),
            signal.SIGKILL if late else signal.SIGTERM,
        )
        signalled |= pids
        quiet = 0 if pids else quiet + 1
        time.sleep(0.1)


def _stand_guard(reading: int):
    """The guard's life: it ends when the other end of the pipe is closed."""
    try:
        os.setsid()  # what ends the launcher's whole group leaves this
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):  # whoever reads the launcher's output need not wait
            os.dup2(nowhere, standard)
        tokens = set()
        with open(reading, encoding="ascii") as lines:
            for line in lines:
                (tokens.add if line[0] == "+" else tokens.discard)(line[1:].strip())
        stop(tokens)
    finally:
        os._exit(0)
