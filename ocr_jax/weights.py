"""The weights of a network alone, in one safetensors file: small, and without code.

A folder that has this file in place of checkpoints, and the JSON files of a workdir, is
a workdir like any other's to whoever reads with it (ocr_jax.export).
"""

from pathlib import Path

import jax
import numpy as np
from flax import traverse_util

from ocr_jax import train_state, workdirs
from ocr_jax.errors import UserError, one_line

DTYPES = {"float32": np.float32, "float16": np.float16}


def write(path: Path, state: train_state.TrainState, dtype: str = "float32"):
    """Write params, in `dtype`, and batch_stats, in float32, atomically.

    Raises UserError if a number is too large for the dtype.
    """
    from safetensors import numpy  # reading a checkpoint does not need it

    arrays = {}
    for kind in train_state.WEIGHTS:
        stored = DTYPES[dtype] if kind == "params" else np.float32
        for name, array in _flat(state, kind).items():
            with np.errstate(over="ignore"):
                arrays[f"{kind}/{name}"] = np.asarray(array).astype(stored)
    if lost := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise UserError(
            f"{', '.join(lost)} can't be written in {dtype}: try --dtype=float32"
        )
    workdirs.write_bytes(path, numpy.save(arrays))


def read(path: Path, template: train_state.TrainState) -> train_state.TrainState:
    """Read what `write` wrote into a state like `template`, in its dtypes.

    Raises UserError if the file is damaged or is of another network.
    """
    import safetensors
    from safetensors import numpy

    try:
        arrays = numpy.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"{path} can't be read: {one_line(error)}") from None
    trees = {}
    for kind in train_state.WEIGHTS:
        wanted = _flat(template, kind)
        for name, array in wanted.items():
            stored = arrays.pop(f"{kind}/{name}", None)
            if stored is None or stored.shape != array.shape:
                raise UserError(f"{path} is of another network: {name} doesn't fit")
            wanted[name] = jax.device_put(stored.astype(array.dtype), array.sharding)
        trees[kind] = traverse_util.unflatten_dict(wanted, sep="/")
    if arrays:
        raise UserError(f"{path} is of another network: it also has {min(arrays)}")
    return template.replace(step=np.int32(0), **trees)


def _flat(state: train_state.TrainState, kind: str) -> dict[str, jax.Array]:
    return traverse_util.flatten_dict(getattr(state, kind), sep="/")
