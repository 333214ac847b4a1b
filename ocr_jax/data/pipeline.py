"""Turns an epoch plan into batches on the devices, by one of two loaders."""

from collections.abc import Iterator, Sequence

import jax
import numpy as np
from jax.sharding import Mesh

from ocr_jax import extras
from ocr_jax.data import dataset, lines_file, plan, resident, tf_data
from ocr_jax.errors import UserError
from ocr_jax.runtime import devices

# With loader "auto", a split's pixels may take this share of a device's memory. The
# validation lines lie beside them, and the network needs most of the memory.
SHARE_OF_MEMORY = 0.2


def batches(
    split: dataset.LabelledSplit,
    rows: Sequence[plan.PlanRow],
    config,
    mesh: Mesh,
    *,
    first: int = 0,
) -> Iterator[dict[str, jax.Array]]:
    """Yield the batches of an epoch plan in order, from `first` on.

    image (B, H, W) uint8, width (B,), label (B, L) zero padded, label_length (B,) and
    mask (B,), False for the filler rows of a short batch: spread over the devices of
    the mesh, each process having loaded its own share. Both loaders give the same.
    Raises UserError if the requested loader is unavailable.
    """
    process = jax.process_index(), jax.process_count()
    shares = plan.shares(rows, config.batch_size, process=process)[first:]
    if choose(config.loader, split.lines) == "resident":
        return resident.batches(split, shares, mesh)
    return (devices.shard(batch, mesh) for batch in tf_data.batches(split, shares))


def choose(loader: str, lines: lines_file.Split) -> str:
    """Choose resident or tf_data by config.loader, the lines and the device."""
    has_tensorflow = extras.is_installed("tensorflow")  # importing it takes seconds
    if loader == "auto":
        return "resident" if _is_small(lines) or not has_tensorflow else "tf_data"
    if loader == "tf_data" and not has_tensorflow:
        raise UserError(
            "config.loader is tf_data, but TensorFlow cannot be imported: "
            f"{extras.install_command('tensorflow')}, or set config.loader=resident"
        )
    memory = _device_memory()
    if loader == "resident" and memory and lines.nbytes > memory:
        raise UserError(
            f"config.loader is resident, but the pixels of the {lines.name} lines take "
            f"{lines.nbytes / 1e9:.1f} GB and the device has {memory / 1e9:.1f} "
            "GB: set config.loader=tf_data"
        )
    return loader


def _is_small(lines: lines_file.Split) -> bool:
    """Return whether the lines are small enough to keep on the device by default."""
    if memory := _device_memory():
        return lines.nbytes <= SHARE_OF_MEMORY * memory
    # A CPU shares the memory of the host, and large splits have been left on disk.
    return isinstance(lines.pixels, np.ndarray)


def _device_memory() -> int | None:
    """Return the bytes of device memory that JAX may use; None on a CPU."""
    return (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
