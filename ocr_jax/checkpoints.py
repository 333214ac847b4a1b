"""Checkpoints of a workdir: the latest state, to resume, and the best one, to use.

A training that goes on from another network keeps that start as well: what it ends in
must not depend on what becomes of the other network.

Orbax writes a checkpoint under a temporary name and renames it when it is whole, and
the one before is deleted only then: a kill at any moment leaves a readable one.
"""

import errno
import logging
import os
import shutil
import sys
import time
from pathlib import Path

import jax
import orbax.checkpoint as ocp
from absl import logging as absl_logging

from ocr_jax import regular_files
from ocr_jax.errors import UserError, one_line

# Orbax warns of what it is asked to do here, to read without writing, and logs what it
# raises besides.
absl_logging.set_verbosity(absl_logging.FATAL)

LATEST = "latest"
BEST = "best"
START = "start"
# What Orbax's other reads end with after one of them has failed.
STILL_READING = ("Event loop is closed", "error while reading array index")
# Bytes of a checkpoint's own files, beside the state in it.
MARGIN = 1 << 20


class Checkpoints:
    """The checkpoints of one workdir: LATEST, BEST and START, each with its progress.

    progress is JSON: `progress.Progress` as a dict. saved_at: when the last one was
    written here, of time.monotonic; at first, now.
    """

    def __init__(self, workdir: Path, *, read_only: bool = False):
        self._folder = Path(workdir).absolute() / "checkpoints"
        _refuse_pipes(self._folder)
        self._options = ocp.CheckpointManagerOptions(
            max_to_keep=1,
            enable_async_checkpointing=False,
            cleanup_tmp_directories=not read_only,
            create=not read_only,
            read_only=read_only,
        )
        self._managers = {}
        self.saved_at = time.monotonic()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_):
        for manager in self._managers.values():
            manager.close()

    def _manager(self, name: str) -> ocp.CheckpointManager:
        if name not in self._managers:
            folder = self._folder / name
            self._managers[name] = ocp.CheckpointManager(folder, options=self._options)
        return self._managers[name]

    def path(self, name: str) -> Path:
        """Return the folder of the current checkpoint `name`."""
        return self._folder / name / str(self._manager(name).latest_step())

    def save(self, name: str, state, progress: dict):
        """Replace checkpoint `name` with this state."""
        manager, step = self._manager(name), int(state.step)
        if manager.latest_step() == step:
            # A resumed run came by here again: the same step has the same numbers.
            return
        self._require_space(state)
        manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state), progress=ocp.args.JsonSave(progress)
            ),
        )
        self.saved_at = time.monotonic()

    def remove(self, name: str):
        """Remove checkpoint `name`, if there is one."""
        manager = self._manager(name)
        for step in manager.all_steps():
            manager.delete(step)

    def _require_space(self, state):
        """Raise OSError if the disk is too full: Orbax does not fail cleanly."""
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + MARGIN
        if shutil.disk_usage(self._folder).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder))

    def restore(self, name: str, template):
        """Return (state, progress) of checkpoint `name`, or None if there is none yet.

        template: a state of the same shapes; the restored one is placed like it.
        """
        manager = self._manager(name)
        step = manager.latest_step()
        if step is None:
            return None
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
        _hush_reads_that_still_run()
        try:
            restored = manager.restore(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardRestore(abstract),
                    progress=ocp.args.JsonRestore(),
                ),
            )
        except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
            raise UserError(
                f"the checkpoint {self.path(name)} can't be read: "
                f"{one_line(error)}. --overwrite trains anew"
            ) from None
        return restored["state"], restored["progress"]


def last_step(workdir: Path, name: str) -> int | None:
    """Return the step of a workdir's checkpoint `name`, None if there is none yet."""
    found = (Path(workdir) / "checkpoints" / name).glob("*")
    return max((int(p.name) for p in found if p.name.isdigit()), default=None)


def _refuse_pipes(folder: Path):
    """Raise UserError for a pipe or a device, for which Orbax would wait."""
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                regular_files.checked(Path(root, name))
            except FileNotFoundError:
                continue  # a training in this workdir has just replaced it
            except OSError as error:
                reason = f"{Path(root, name)} can't be read: {error.strerror}"
                raise UserError(reason) from None


def _hush_reads_that_still_run():
    """Silence what Orbax's other reads print after one of them has failed."""
    shown = sys.unraisablehook

    def hook(unraisable):
        if not any(words in str(unraisable.exc_value) for words in STILL_READING):
            shown(unraisable)

    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    if shown.__module__ != __name__:
        sys.unraisablehook = hook
