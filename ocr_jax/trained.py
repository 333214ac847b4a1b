"""Trained networks, opened to read and score with."""

import operator
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import ml_collections
from flax import linen as nn
from jax.sharding import Mesh

from ocr_jax import config as config_lib
from ocr_jax import inference, models, run_names, train_state, weights, workdirs
from ocr_jax.charset import Charset
from ocr_jax.errors import UserError
from ocr_jax.runtime import devices


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
    dense_from: float = 0.0  # see LabelledSplit of data/dataset.py


def load_best(workdir: Path) -> BestModel:
    """Load the best network of a run on one device.

    workdir: see run_names. Raises UserError if the run has no best network.
    """
    workdir = run_names.resolve(workdir)
    config = workdirs.load_config(workdir)
    refuse_finder(workdir, config)
    config.freeze, config.loader = "", "auto"  # these were of its training alone
    try:
        config_lib.check(config)
        description = workdirs.read_json(workdir / "dataset.json")
        charset = Charset.described(description)
        height = operator.index(description["height"])
        dense_from = float(description.get("dense", 0.0))
        if height < 1:
            raise UserError(f"its lines are {height} px high")
    except (KeyError, TypeError) as error:
        raise UserError(f"{workdir}/dataset.json is damaged: {error!r}") from None
    except UserError as error:
        raise UserError(f"{workdir} is damaged: {error}") from None
    config.charset, config.height = "".join(charset.characters), height
    config.text_direction = charset.direction or "display"
    model = models.build_model(config, charset.num_classes)
    template = train_state.state_shapes(model, None, config, height)
    state = best_state(workdir, template)
    temperature = workdirs.temperature(workdir)
    return BestModel(config, charset, height, model, state, temperature, dense_from)


def refuse_finder(workdir: Path, config):
    """Raise UserError if a run finds lines, and reads none."""
    if config.encoder == "page":
        raise UserError(
            f"{workdir} finds the lines of pages and reads none: name a recogniser's "
            "run, or give it to python -m ocr_jax.transcribe as --finder"
        )


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
    # Importing Orbax takes time, and the networks that ship don't need it.
    from ocr_jax import checkpoints

    with checkpoints.Checkpoints(workdir, read_only=True) as saved:
        restored = saved.restore(checkpoints.BEST, template)
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
    logits_step: Callable  # see inference.make_logits_step


def open_run(workdir: Path | str) -> OpenRun:
    """Open the best network of a run; call it before anything touches a device.

    workdir: see run_names. Raises UserError if the run has no best network yet.
    """
    workdir = run_names.resolve(workdir)
    batch_size = workdirs.load_config(workdir).batch_size
    devices.use_cores(batch_size)
    devices.use_compilation_cache()
    best = load_best(workdir)
    mesh = devices.make_reading_mesh(batch_size)
    state = devices.replicate(best.state, mesh)
    return OpenRun(workdir, best, mesh, state, inference.make_logits_step(best.model))
