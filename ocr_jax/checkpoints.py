"""Checkpoints of a workdir: the latest state, to resume, and the best one, to use.

Orbax writes a checkpoint under a temporary name and renames it when it is whole, and
the one before is deleted only then: a kill at any moment leaves a readable one.
"""

import errno
import logging
import operator
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import ml_collections
import optax
import orbax.checkpoint as ocp
from absl import logging as absl_logging
from flax import linen as nn
from jax.sharding import Mesh

from ocr_jax import config as config_lib
from ocr_jax import (
    models,
    regular_files,
    run_names,
    steps,
    train_state,
    weights,
    workdirs,
)
from ocr_jax.charset import Charset
from ocr_jax.errors import UserError, one_line
from ocr_jax.runtime import devices

# Orbax warns of what it is asked to do here, to read without writing, and logs what it
# raises besides.
absl_logging.set_verbosity(absl_logging.FATAL)

LATEST = "latest"
BEST = "best"
# What Orbax's other reads end with after one of them has failed.
STILL_READING = ("Event loop is closed", "error while reading array index")
# Bytes of a checkpoint's own files, beside the state in it.
MARGIN = 1 << 20


class Checkpoints:
    """The checkpoints of one workdir: `latest` and `best`, each with its progress.

    progress is JSON: `progress.Progress` as a dict.
    """

    def __init__(self, workdir: Path, *, read_only: bool = False):
        self._folder = Path(workdir).absolute() / "checkpoints"
        _refuse_pipes(self._folder)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=1,
            enable_async_checkpointing=False,
            cleanup_tmp_directories=not read_only,
            create=not read_only,
            read_only=read_only,
        )
        self._managers = {
            name: ocp.CheckpointManager(self._folder / name, options=options)
            for name in (LATEST, BEST)
        }

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_):
        for manager in self._managers.values():
            manager.close()

    def path(self, name: str) -> Path:
        """Return the folder of the current checkpoint `name`."""
        return self._folder / name / str(self._managers[name].latest_step())

    def save(self, name: str, state, progress: dict):
        """Replace checkpoint `name` with this state."""
        manager, step = self._managers[name], int(state.step)
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

    def _require_space(self, state):
        """Raise OSError if the disk is too full: Orbax does not fail cleanly."""
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + MARGIN
        if shutil.disk_usage(self._folder).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder))

    def restore(self, name: str, template):
        """Return (state, progress) of checkpoint `name`, or None if there is none yet.

        template: a state of the same shapes; the restored one is placed like it.
        """
        manager = self._managers[name]
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


class BestModel(NamedTuple):
    """The best network of a run, with everything needed to use it.

    charset and height are those the network was trained with. A lines file that it
    reads must match them, even if the file has changed since.
    """

    config: ml_collections.ConfigDict
    charset: Charset
    height: int
    model: nn.Module
    state: train_state.TrainState
    temperature: float  # of its confidences


def load_best(workdir: Path) -> BestModel:
    """Load the best network of a run on one device.

    workdir: see run_names. Raises UserError if the run has no best network.
    """
    workdir = run_names.resolve(workdir)
    config = workdirs.load_config(workdir)
    if config.encoder == "page":
        raise UserError(
            f"{workdir} finds the lines of pages and reads none: name a recogniser's "
            "run, or give it to python -m ocr_jax.transcribe as --finder"
        )
    try:
        config_lib.check(config)
        description = workdirs.read_json(workdir / "dataset.json")
        charset = Charset.described(description)
        height = operator.index(description["height"])
        if height < 1:
            raise UserError(f"its lines are {height} px high")
    except (KeyError, TypeError) as error:
        raise UserError(f"{workdir}/dataset.json is damaged: {error!r}") from None
    except UserError as error:
        raise UserError(f"{workdir} is damaged: {error}") from None
    config.charset, config.height = "".join(charset.characters), height
    config.text_direction = charset.direction or "display"
    model = models.build_model(config, charset.num_classes)
    template = train_state.state_shapes(model, optax.identity(), config, height)
    state = best_state(workdir, template)
    temperature = workdirs.temperature(workdir)
    return BestModel(config, charset, height, model, state, temperature)


def best_state(
    workdir: Path, template: train_state.TrainState
) -> train_state.TrainState:
    """Load the weights of a run's best network on one device.

    template: a state of the same shapes. Raises UserError if there is no such network.
    """
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    template = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), template
    )
    template = train_state.for_inference(template)
    if (workdir / workdirs.WEIGHTS).exists():
        return weights.read(workdir / workdirs.WEIGHTS, template)
    return _restore_best(workdir, template)


def _restore_best(
    workdir: Path, template: train_state.TrainState
) -> train_state.TrainState:
    with Checkpoints(workdir, read_only=True) as saved:
        restored = saved.restore(BEST, template)
    if restored is None:
        raise UserError(f"{workdir} has no best checkpoint yet: train it further")
    return restored[0]


def is_finished(workdir: Path) -> bool:
    """Whether a run has its final scores, or is a network that was exported."""
    return any((workdir / name).exists() for name in ("scores.json", workdirs.WEIGHTS))


class OpenRun(NamedTuple):
    """A trained run, ready to compute with on every device."""

    workdir: Path  # its folder, wherever the run is kept
    best: BestModel
    mesh: Mesh
    state: train_state.TrainState  # the best one, on every device of the mesh
    logits_step: Callable  # see steps.make_logits_step


def open_run(workdir: Path | str) -> OpenRun:
    """Open the best network of a run; call it before anything touches a device.

    workdir: see run_names. Raises UserError if the run has no best network yet.
    """
    workdir = run_names.resolve(workdir)
    batch_size = workdirs.load_config(workdir).batch_size
    devices.use_cores(batch_size)
    devices.use_compilation_cache()
    best = load_best(workdir)
    mesh = devices.make_mesh(batch_size)
    state = devices.replicate(best.state, mesh)
    return OpenRun(workdir, best, mesh, state, steps.make_logits_step(best.model))
