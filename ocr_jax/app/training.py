"""Trainings on the checked lines. Each is a process that outlives the app.

runs/NAME           its workdir, as any training leaves one
runs/NAME.h5        the lines that were checked when it began
runs/NAME.job.json  what it goes on from, its epochs, the number of its process
runs/NAME.log       what it printed
"""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ocr_jax import config as config_lib
from ocr_jax import config_keys, locks, run_names, workdirs
from ocr_jax.app import checked_lines, processes
from ocr_jax.app.project import Project
from ocr_jax.errors import UserError, reason
from ocr_jax.runtime import job_environment
from ocr_jax.tracking import metrics_file

LOG_END = 4000  # bytes that are looked at for what a training says
EPOCHS = re.compile(r"epoch \d+/(\d+)")


class Status(NamedTuple):
    """How far a training is. minutes_left: None if that is not known yet."""

    name: str
    state: str  # running, finished or stopped
    epoch: int
    epochs: int
    cers: list[float]  # of the held-out lines, by epoch
    minutes_left: float | None
    said: str  # the last line that it printed


class Trainings:
    """The trainings of a project."""

    def __init__(self, project: Project):
        self._project = project
        self.folder = project.folder / "runs"
        self._children: dict[str, subprocess.Popen] = {}
        self._starting = threading.Lock()  # folders of some disks have none

    def names(self) -> list[str]:
        """Return the names of all trainings, the latest first."""
        jobs = self.folder.glob("*.job.json")
        order = sorted(jobs, key=lambda path: path.stat().st_mtime, reverse=True)
        return [path.name.removesuffix(".job.json") for path in order]

    def start(self, network: str, epochs: int) -> str:
        """Begin a training that goes on from a network; return its name.

        epochs: 0 has the training choose by the number of lines.
        Raises UserError if there are too few checked lines, or one is running.
        """
        with self._alone():
            return self._start(network, epochs)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Start no second training inside. Raises UserError if there is one.

        Another window, or another app on the folder, may be at it.
        """
        with contextlib.ExitStack() as held:
            try:
                if not self._starting.acquire(blocking=False):
                    raise BlockingIOError
                held.callback(self._starting.release)
                self.folder.mkdir(exist_ok=True)
                held.enter_context(
                    locks.folder(
                        self.folder,
                        fcntl.LOCK_EX | fcntl.LOCK_NB,
                        "two apps might both start a training",
                    )
                )
            except BlockingIOError:
                raise UserError("a training is being started already") from None
            except OSError as error:
                raise UserError(f"{self.folder}: {reason(error)}") from None
            for name in self.names():
                if self.status(name).state == "running":
                    raise UserError(f"{name} is running: stop it first")
            yield

    def _start(self, network: str, epochs: int) -> str:
        source = run_names.resolve(network)
        if Path(network).exists():
            # The app may be started elsewhere next time.
            network = str(source.resolve())
        height = workdirs.read_json(source / "dataset.json")["height"]
        name = self._new_name()
        lines = self.folder / f"{name}.h5"
        checked_lines.make(self._project, lines, height)
        self._run(name, {"network": network, "epochs": int(epochs)})
        return name

    def command(self, name: str, job: dict) -> list[str]:
        """Return the command of a training. It is not read from the folder.

        Whoever made the folder would say what is run here. Raises UserError.
        """
        try:
            network, epochs = str(job["network"]), int(job["epochs"])
        except (KeyError, TypeError, ValueError):
            raise UserError(f"{name}.job.json does not say how to train") from None
        source = run_names.resolve(network)
        return processes.python(
            "ocr_jax.app.train_job",
            "--config=lines_ctc",
            f"--config.lines_file={(self.folder / f'{name}.h5').resolve()}",
            f"--config.init_from={source.resolve()}",
            f"--config.num_epochs={epochs}",
            "--config.wandb.mode=disabled",
            *_shape(source),
            "--gpus=auto",  # a slot that no other training has
            self._workdir_option(name),
        )

    def _workdir_option(self, name: str) -> str:
        return f"--workdir={(self.folder / name).resolve()}"

    def resume(self, name: str):
        """Go on with a training that was stopped. Raises UserError if one runs."""
        if self.status(name).state != "stopped":
            raise UserError(f"{name} is not stopped")
        with self._alone():
            self._run(name, self._job(name))

    def stop(self, name: str):
        """Ask a training to stop, which it does after writing a checkpoint."""
        job = self._job(name)
        if self._is_running(name, job):
            os.kill(job["pid"], signal.SIGINT)

    def status(self, name: str) -> Status:
        """Return how far a training is. Raises UserError if there is no such."""
        job = self._job(name)
        rows = metrics_file.read(self.folder / name / metrics_file.NAME)
        epochs = [row for row in rows if "epoch" in row]
        total = self._epochs(name, job)
        epoch = max((row["epoch"] for row in epochs), default=0)
        state = "stopped"
        if self._is_running(name, job):  # it has scores before it has a language model
            state = "running"
        elif (self.folder / name / "scores.json").exists():
            state = "finished"
        seconds = [
            row.get("train/seconds", 0) + row.get("validation/seconds", 0)
            for row in epochs[-5:]
        ]
        mean = sum(seconds) / len(seconds) if seconds else None
        return Status(
            name=name,
            state=state,
            epoch=epoch,
            epochs=total,
            cers=[row["validation/cer"] for row in epochs if "validation/cer" in row],
            minutes_left=mean * (total - epoch) / 60 if mean and total else None,
            said=_last_line(_log_end(self.folder / f"{name}.log")),
        )

    def _epochs(self, name: str, job: dict) -> int:
        """Return the number of epochs, 0 as long as the training has not chosen it."""
        asked = job.get("epochs", 0)
        said = EPOCHS.findall(_log_end(self.folder / f"{name}.log"))
        return asked or int(said[-1] if said else 0)

    def workdir(self, name: str) -> Path:
        """Return the workdir of a training. Raises UserError if there is no such."""
        self._job(name)
        return self.folder / name

    def network(self, name: str) -> str:
        """Return the network that a training went on from."""
        return self._job(name)["network"]

    def _new_name(self) -> str:
        number = 1
        while (
            any(self.folder.glob(f"run{number}.*"))
            or (self.folder / f"run{number}").exists()
        ):
            number += 1
        return f"run{number}"

    def _job(self, name: str) -> dict:
        if name not in self.names():
            raise UserError("there is no such training")
        return workdirs.read_json(self.folder / f"{name}.job.json")

    def _is_running(self, name: str, job: dict) -> bool:
        if name in self._children:
            return self._children[name].poll() is None
        return processes.is_running(job.get("pid", 0), self._workdir_option(name))

    def _run(self, name: str, job: dict):
        """Start the process in a session of its own: it outlives the app."""
        command = self.command(name, job)
        try:
            with open(self.folder / f"{name}.log", "ab") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=job_environment.of(processes.environment()),
                    start_new_session=True,
                )
        except OSError as error:
            raise UserError(f"{name} can't be started: {reason(error)}") from None
        self._children[name] = process
        job = job | {"pid": process.pid}
        workdirs.write_json(self.folder / f"{name}.job.json", job)


def _shape(network: Path) -> list[str]:
    """Return the options that give a run the shape of a network."""
    theirs = config_lib.flatten(workdirs.load_config(network))
    ours = config_lib.flatten(config_lib.load(["--config=lines_ctc"]))
    return [
        f"--config.{key}={theirs[key]}"
        for key in config_keys.ARCHITECTURE
        if theirs[key] != ours[key]
    ]


def _log_end(log: Path) -> str:
    try:
        return log.read_bytes()[-LOG_END:].decode(errors="replace")
    except OSError:
        return ""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("ocr_jax: ") if lines else ""
