"""Devices of a run: their number, placement of arrays, cache of programs."""

import collections
import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ocr_jax.errors import UserError
from ocr_jax.runtime import slots

DATA = "data"  # the mesh axis that a batch's lines are spread over
# With fewer lines per core, matrix products are smaller than their overhead.
LEAST_LINES = 8


def use_cores(batch_size: int):
    """On CPU, expose each core as a JAX device, up to one per LEAST_LINES lines.

    Devices run in parallel, unlike the recurrent layers within a device, so steps take
    less time. Must precede anything that touches a device; afterwards it does nothing.
    """
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    most = min(len(slots.cores()), max(1, batch_size // LEAST_LINES))
    count = max(n for n in range(1, most + 1) if batch_size % n == 0)
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", count)


def make_mesh(batch_size: int) -> Mesh:
    """Make a mesh of all devices of all processes along one axis, DATA.

    Raises UserError if a batch cannot be spread over them evenly.
    """
    devices = np.array(jax.devices())
    if batch_size % devices.size:
        raise UserError(
            f"config.batch_size is {batch_size}: expected a multiple of the number of "
            f"devices, {devices.size}"
        )
    return Mesh(devices, (DATA,))


def make_reading_mesh(batch_size: int) -> Mesh:
    """Make a mesh of as many devices as divide a batch: to read, fewer will do."""
    devices = np.array(jax.devices())
    most = max(n for n in range(1, devices.size + 1) if batch_size % n == 0)
    return Mesh(devices[:most], (DATA,))


def replicate(tree, mesh: Mesh):
    """Place every array of the tree whole on every device."""
    # Via the host: jax cannot move an array between devices of different processes.
    return jax.device_put(jax.device_get(tree), NamedSharding(mesh, PartitionSpec()))


def replicated_shapes(shapes, mesh: Mesh):
    """Return the tree's shapes and types, placed as `replicate` places arrays."""
    sharding = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), shapes
    )


def shard(batch: dict[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Spread this process's rows of a batch over the devices of the mesh."""
    sharding = NamedSharding(mesh, PartitionSpec(DATA))
    return {
        key: jax.make_array_from_process_local_data(sharding, value)
        for key, value in batch.items()
    }


def fetched(outputs: Iterable) -> Iterator:
    """Fetch the outputs of all processes while the devices compute the next batch."""
    queued = collections.deque()
    for output in outputs:
        queued.append(output)
        if len(queued) > 1:
            yield _fetch(queued.popleft())
    yield from map(_fetch, queued)


def _fetch(output):
    if jax.process_count() == 1:
        return jax.device_get(output)
    # A collective, which on a CPU must not wait for its arguments (steps.train_step).
    jax.block_until_ready(output)
    return multihost_utils.process_allgather(output, tiled=True)


def jit(function, **options):
    """`jax.jit`, compiled faster where the CPU is the device: programs run as fast.

    Not for use inside another program. JAX_DISABLE_MOST_OPTIMIZATIONS asks for even
    less, and gets it.
    """
    asked = jax.config.read("jax_disable_most_optimizations")
    if jax.default_backend() == "cpu" and not asked:
        options["compiler_options"] = {"xla_backend_optimization_level": 1}
    return jax.jit(function, **options)


def use_compilation_cache():
    """Keep compiled programs between runs, in JAX_COMPILATION_CACHE_DIR if set."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = Path("~/.cache/ocr_jax/compiled").expanduser()
        jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.02)
