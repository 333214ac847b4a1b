"""The W&B run of a training. Its failures never stop the training."""

import os
import re
import shlex
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ocr_jax import workdirs
from ocr_jax.errors import one_line

# Long enough for a slow proxy, short enough for a node without a network.
SECONDS_TO_CONNECT = 30
SECONDS_TO_FINISH = 60
LONGEST_NAME = 128  # of an artifact
# The files of a workdir that a model artifact contains, beside the checkpoint.
DESCRIBED_BY = (
    "config.json",
    "dataset.json",
    "calibration.json",
    "environment.json",
    "changes.diff",
)


class WandbRun:
    """Logs to W&B until the first failure, which is reported once.

    `say` prints a line. The same workdir continues the same W&B run. wandb is imported
    only if the mode, from WANDB_MODE or the config, is not "disabled".
    """

    def __init__(self, workdir: Path, config, say: Callable[[str], None]):
        self._say = say
        self._workdir = Path(workdir)
        self._run = None
        mode = os.environ.get("WANDB_MODE") or config.wandb.mode
        if mode != "disabled":
            self._run = self._attempt(lambda: self._start(workdir, config, mode))

    @property
    def id(self) -> str | None:
        """The run's id; None if W&B is off."""
        return self._run.id if self._run else None

    def log(self, step: int, values: dict[str, float]):
        """Log metrics of a step."""
        if self._run:
            self._attempt(lambda: self._run.log(values, step=step))

    def readings(self, step: int, shown: Sequence[tuple[str, np.ndarray, str, str]]):
        """Log a table of (line_id, image (H, W) uint8, transcript, reading)."""
        if self._run:
            self._attempt(lambda: self._run.log({"readings": _table(shown)}, step=step))

    def model(self, checkpoint: Path, name: str, metadata: dict):
        """Log a checkpoint of the workdir, with the files to use it, as a model.

        The downloaded artifact is a workdir to read with: see `wandb_models`.
        """
        if self._run:
            self._attempt(lambda: self._log_model(Path(checkpoint), name, metadata))

    def finish(self, exit_code: int):
        """Send the rest; exit code 0 marks the run as finished, any other as failed."""
        if self._run:
            folder = shlex.quote(f"{self._workdir}/wandb")
            self._attempt(
                lambda: self._run.finish(exit_code=exit_code),
                f"to upload the rest: wandb sync {folder}/run-*",
            )

    def _attempt(
        self, action: Callable, otherwise: str = "training continues without it"
    ):
        try:
            return action()
        # Hours of training are worth more than their log. A missing network, a full
        # quota, a missing package or a bug in wandb, of any class, must not end them.
        except Exception as error:
            self._run = None
            reason = one_line(f"{type(error).__name__}: {error}")
            self._say(f"W&B failed: {reason}; {otherwise}")
            return None

    def _start(self, workdir: Path, config, mode: str):
        import wandb  # late: it takes most of a second

        settings = wandb.Settings(
            silent=True,
            console="off",
            init_timeout=SECONDS_TO_CONNECT,
            finish_timeout=SECONDS_TO_FINISH,
            finish_timeout_raises=True,
        )
        wandb.setup(settings)
        if mode == "auto":
            run = _start_auto(workdir, config, settings)
        else:
            run = _init(workdir, config, settings, mode)
        if run.offline:
            folder = shlex.quote(f"{workdir}/wandb")
            self._say(f"W&B is offline; to upload: wandb sync {folder}/offline-*")
        return run

    def _log_model(self, checkpoint: Path, name: str, metadata: dict):
        import wandb

        name = re.sub(r"[^\w.-]", "-", name)[-LONGEST_NAME:]
        artifact = wandb.Artifact(name, type="model", metadata=metadata)
        place = checkpoint.absolute().relative_to(self._workdir.absolute())
        artifact.add_dir(str(checkpoint), name=str(place))
        for described in DESCRIBED_BY:
            if (self._workdir / described).exists():
                artifact.add_file(str(self._workdir / described), name=described)
        self._run.log_artifact(artifact)


def _start_auto(workdir: Path, config, settings):
    """Start an online run if there are a login and a network, else an offline run."""
    import wandb

    if wandb.login(prompt=False, verify=False):
        try:
            return _init(workdir, config, settings, "online")
        except wandb.errors.CommError:
            # Cluster nodes often have a login but no network.
            wandb.teardown()
            wandb.setup(settings)
    return _init(workdir, config, settings, "offline")


def _init(workdir: Path, config, settings, mode: str):
    import wandb

    return wandb.init(
        project=config.wandb.project,
        group=config.experiment_group or None,
        name=workdir.resolve().name,
        id=_run_id(workdir / "wandb"),
        resume="allow",
        dir=workdir,
        config=config.to_dict() | _environment(workdir),
        mode=mode,
        settings=settings,
    )


def _environment(workdir: Path) -> dict:
    """Return the commit, whether it was changed, and versions: W&B filters by them."""
    path = workdir / "environment.json"
    return {"environment": workdirs.read_json(path)} if path.exists() else {}


def _run_id(folder: Path) -> str:
    """Return the id stored beside the run's files, or a new one.

    An id made from the workdir's name would equal that of a run deleted by --overwrite,
    and W&B accepts no step twice.
    """
    path = folder / "run_id"
    kept = path.read_text().strip() if path.exists() else ""
    if not kept:  # or torn by a full disk
        folder.mkdir(parents=True, exist_ok=True)
        # The agent of a W&B sweep has already named the run.
        kept = os.environ.get("WANDB_RUN_ID") or uuid.uuid4().hex[:12]
        workdirs.write_text(path, kept)
    return kept


def _table(shown: Sequence[tuple[str, np.ndarray, str, str]]):
    """Make a wandb.Table with the images as dark ink on white."""
    import wandb

    table = wandb.Table(columns=["line_id", "image", "transcript", "reading"])
    for line_id, image, transcript, reading in shown:
        table.add_data(line_id, wandb.Image(255 - image), transcript, reading)
    return table
