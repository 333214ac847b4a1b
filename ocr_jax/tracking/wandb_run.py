"""The W&B run of a training. Whatever goes wrong with it, the training goes on."""

import os
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
# What a model's artifact holds of a workdir, beside the checkpoint.
DESCRIBED_BY = (
    "config.json",
    "dataset.json",
    "calibration.json",
    "environment.json",
    "changes.diff",
)


class WandbRun:
    """What is logged goes to W&B, until a first failure, told once, ends that.

    `say` prints a line. The same workdir continues the same W&B run; wandb is imported
    only if the mode, of the config or the variable WANDB_MODE, is not "disabled".
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
        """The run's id, None where W&B is off."""
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
        """Log a checkpoint of the workdir, and what it takes to use it, as a model.

        Downloaded, the artifact is a workdir to read with: ocr_jax/fetch.py does it.
        """
        if self._run:
            self._attempt(lambda: self._log_model(Path(checkpoint), name, metadata))

    def finish(self, exit_code: int):
        """Send what is left; 0 marks the run as finished, anything else as failed."""
        if self._run:
            self._attempt(lambda: self._run.finish(exit_code=exit_code))

    def _attempt(self, action: Callable):
        try:
            return action()
        # Hours of training are worth more than their log: no network, full quota, a
        # missing package or a bug in wandb, of whatever class, must not end them.
        except Exception as error:
            self._run = None
            reason = one_line(f"{type(error).__name__}: {error}")
            self._say(f"W&B failed, the training goes on without it: {reason}")
            return None

    def _start(self, workdir: Path, config, mode: str):
        import wandb  # takes most of a second: only where it is used

        settings = wandb.Settings(
            silent=True,
            console="off",
            init_timeout=SECONDS_TO_CONNECT,
            finish_timeout=SECONDS_TO_FINISH,
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

        artifact = wandb.Artifact(name, type="model", metadata=metadata)
        place = checkpoint.absolute().relative_to(self._workdir.absolute())
        artifact.add_dir(str(checkpoint), name=str(place))
        for described in DESCRIBED_BY:
            if (self._workdir / described).exists():
                artifact.add_file(str(self._workdir / described), name=described)
        self._run.log_artifact(artifact)


def _start_auto(workdir: Path, config, settings):
    """An online run where there are a login and a network, else an offline one."""
    import wandb

    if wandb.login(prompt=False, verify=False):
        try:
            return _init(workdir, config, settings, "online")
        except wandb.errors.CommError:
            # The nodes of a cluster often have the login, but no network.
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
    """The commit, whether it was changed, and versions: W&B filters runs by them."""
    path = workdir / "environment.json"
    return {"environment": workdirs.read_json(path)} if path.exists() else {}


def _run_id(folder: Path) -> str:
    """The id that is kept beside the run's files, a new one where there is none.

    Made from the workdir's name, it would be that of the run which --overwrite deleted,
    and W&B takes no step twice.
    """
    path = folder / "run_id"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # The agent of a sweep has named the run already.
        path.write_text(os.environ.get("WANDB_RUN_ID") or uuid.uuid4().hex[:12])
    return path.read_text().strip()


def _table(shown: Sequence[tuple[str, np.ndarray, str, str]]):
    """A wandb.Table with the images as dark ink on white."""
    import wandb

    table = wandb.Table(columns=["line_id", "image", "transcript", "reading"])
    for line_id, image, transcript, reading in shown:
        table.add_data(line_id, wandb.Image(255 - image), transcript, reading)
    return table
