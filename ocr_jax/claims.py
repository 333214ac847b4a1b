"""Claims workdirs: one training at a time, and none that loses a run by a mistake.

A run that is overwritten lies in .replaced until its successor begins. What ends the
command before that, a mistake or a kill, has the old run brought back.
"""

import contextlib
import fcntl
import os
import shlex
import shutil
from pathlib import Path

import ml_collections

from ocr_jax import locks, workdirs
from ocr_jax.errors import UserError, reason

ASIDE = REPLACED, DROPPED = ".replaced", ".dropped"
# In use while a run is overwritten.
STAYING = ("lock", *workdirs.LAUNCHER_FILES)
# config.json is the first: where that is, there is the run.
MOVING = tuple(name for name in workdirs.CONTENTS if name not in STAYING)


@contextlib.contextmanager
def claim(workdir: Path, config: ml_collections.ConfigDict, overwrite: bool = False):
    """Hold a workdir for one training, new or interrupted; `begin` comes later.

    Raises UserError if it holds a run of another config (with the differences), if
    another process is training in it, or if it holds something else.
    """
    _refuse_other_folders(workdir)
    with contextlib.ExitStack() as opened:
        opened.enter_context(_locked(workdir))
        _recover(workdir)
        if overwrite or not (workdir / "dataset.json").exists():
            if not overwrite:
                _refuse_damaged(workdir)
            opened.enter_context(_back_if_nothing_comes(workdir))
            if overwrite:
                _put_aside(workdir)
            workdirs.write_environment(workdir)
            workdirs.write_json(workdir / "config.json", config.to_dict())
        else:
            advice = "name another --workdir or add --overwrite"
            workdirs.refuse_other_config(workdir, config, advice)
        yield


def is_finished(workdir: Path, config: ml_collections.ConfigDict) -> bool:
    """Whether a claimed run has its scores, and the config asks for no more epochs."""
    had = workdirs.num_epochs(workdir)
    return workdirs.scores(workdir) is not None and config.num_epochs <= had


def begin(workdir: Path, config: ml_collections.ConfigDict):
    """Drop what a claimed training replaces: all that it needs was found to be good.

    config: with its number of epochs.
    """
    if (workdir / REPLACED).exists():
        (workdir / REPLACED).rename(workdir / DROPPED)  # at once, whatever happens then
        shutil.rmtree(workdir / DROPPED, ignore_errors=True)
    had = workdirs.num_epochs(workdir)
    if had and config.num_epochs > had:
        _prolong(workdir, config, had)
    workdirs.record(workdir, num_epochs=config.num_epochs)


def _prolong(workdir: Path, config: ml_collections.ConfigDict, had: int):
    print(
        f"{workdir} is prolonged from {had} to {config.num_epochs} epochs. "
        f"From its last checkpoint on, the {config.schedule} schedule is that of all."
    )
    if (workdir / "language_model.npz").exists():
        print(
            "Its language model is removed. When this is trained, make another: "
            f"python -m ocr_jax.tune_decoder --workdir={shlex.quote(str(workdir))}"
        )
    # In this order: a run with final scores is finished, whatever its config says.
    for name in workdirs.OF_BEST:
        (workdir / name).unlink(missing_ok=True)
    kept = workdirs.load_config(workdir)
    kept.num_epochs = config.num_epochs
    workdirs.write_json(workdir / "config.json", kept.to_dict())
    workdirs.record(workdir, prolonged_to=kept.num_epochs)


def _refuse_other_folders(workdir: Path):
    """Raise UserError for what is no workdir, nor a place for one."""
    if workdir.exists() and not workdir.is_dir():
        raise UserError(f"--workdir={workdir} is a file: name a folder")
    if (workdir / workdirs.WEIGHTS).exists():
        raise UserError(
            f"--workdir={workdir} is a network that was exported: name another folder"
        )
    inside = os.listdir(workdir) if workdir.exists() else []
    foreign = {n for n in inside if not n.startswith(".")} - set(workdirs.CONTENTS)
    is_run = any((workdir / p / "config.json").exists() for p in ("", REPLACED))
    if foreign and not is_run:
        raise UserError(
            f"--workdir={workdir} holds other files ({sorted(foreign)[0]} …): name a "
            "new folder"
        )


def _refuse_damaged(workdir: Path):
    """Raise UserError for what is left of a run that lost its dataset.json."""
    for name in ("scores.json", "checkpoints"):
        if (workdir / name).exists():
            raise UserError(
                f"{workdir} is damaged: it has {name}, but no dataset.json. Name "
                "another --workdir or add --overwrite"
            )


@contextlib.contextmanager
def _locked(workdir: Path):
    """Make the folder, and hold its lock, which dies with the process."""
    with contextlib.ExitStack() as opened:
        try:
            workdir.mkdir(parents=True, exist_ok=True)
            lock = opened.enter_context(open(workdir / "lock", "w"))
        except OSError as error:
            raise UserError(f"--workdir={workdir}: {reason(error, workdir)}") from None
        try:
            locks.take(
                lock,
                fcntl.LOCK_EX | fcntl.LOCK_NB,
                f"a second training in {workdir} would not be noticed",
            )
        except BlockingIOError:
            raise UserError(f"another training is running in {workdir}") from None
        yield


@contextlib.contextmanager
def _back_if_nothing_comes(workdir: Path):
    """Undo a claim if the training fails before it leaves something to keep."""
    try:
        yield
    except BaseException:
        metrics = workdir / "metrics.jsonl"
        if (workdir / REPLACED).exists():
            _bring_back(workdir)
        elif not metrics.exists() or metrics.stat().st_size == 0:
            _clear(workdir)
            (workdir / "lock").unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # of experiments/launch.py, say
                workdir.rmdir()
        raise


def _recover(workdir: Path):
    """End what a killed command had begun with the run that it was to replace."""
    shutil.rmtree(workdir / DROPPED, ignore_errors=True)
    if (workdir / REPLACED).exists():
        _bring_back(workdir)


def _put_aside(workdir: Path):
    if not (workdir / "config.json").exists():
        _clear(workdir)  # remains, which no command can use
        return
    (workdir / REPLACED).mkdir()
    _move(workdir, workdir / REPLACED, reversed(MOVING))


def _bring_back(workdir: Path):
    """Put a run back that was put aside, wholly or in part."""
    if (workdir / REPLACED / "config.json").exists():
        _clear(workdir)
    _move(workdir / REPLACED, workdir, MOVING)
    (workdir / REPLACED).rmdir()


def _move(source: Path, target: Path, names):
    for name in names:
        if os.path.lexists(source / name):
            (source / name).rename(target / name)


def _clear(workdir: Path):
    """Remove a run: first what says that it is finished, last its config."""
    for name in reversed(MOVING):
        path = workdir / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
