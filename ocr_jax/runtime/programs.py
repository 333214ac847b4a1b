"""Programs that a first process traces, and those after it load.

Tracing and lowering a network and a beam search take longer than reading a line with
them. What they give, StableHLO, is kept beside the compiled programs: `predict` takes a
quarter less time (experiments/benchmarks/commands.py).
"""

import contextlib
import functools
import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import flax
import jax
import jax.export

import ocr_jax
from ocr_jax import workdirs
from ocr_jax.runtime import devices

TRACED, MOST_TRACED = "traced", 200  # their folder; a hundred kilobytes each
CHECKSUM = 4  # bytes


def jit(function: Callable, about: str | None) -> Callable:
    """`devices.jit(function)`, traced once for all processes, where a CPU runs it.

    Its arguments are pytrees of arrays. It returns tuples, NamedTuples by `register`,
    and arrays. about: all that it depends on besides its name and this package's code;
    None: it is traced in each process.
    """
    folder = kept_folder(TRACED)
    if about is None or folder is None or jax.default_backend() != "cpu":
        return devices.jit(function)

    @functools.cache
    def program(tree, shapes):
        def flat(*leaves):
            return function(*jax.tree.unflatten(tree, leaves))

        key = repr((function.__qualname__, about, shapes, _environment()))
        path = folder / hashlib.sha256(key.encode()).hexdigest()
        return devices.jit(_exported(devices.jit(flat), path, shapes).call)

    def call(*arguments):
        leaves, tree = jax.tree.flatten(arguments)
        shapes = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in leaves)
        return program(tree, shapes)(*leaves)

    return call


def register(kind: type) -> type:
    """Let functions of `jit` return a NamedTuple class."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    return jax.export.register_namedtuple_serialization(kind, serialized_name=name)


def _exported(function: Callable, path: Path, shapes: tuple) -> jax.export.Exported:
    """Load what a process before exported, or export it."""
    with contextlib.suppress(OSError):
        content = path.read_bytes()
        checksum, content = content[:CHECKSUM], bytearray(content[CHECKSUM:])
        # The file of a full disk may be cut; four zeros are the checksum of nothing.
        if content and checksum == _checksum(content):
            return jax.export.deserialize(content)
    exported = jax.export.export(function)(*shapes)
    content = exported.serialize()
    keep(path, _checksum(content) + content, MOST_TRACED)
    return exported


def _checksum(content: bytes | bytearray) -> bytes:
    return zlib.crc32(content).to_bytes(CHECKSUM)


@functools.cache
def _environment() -> tuple:
    """What a trace depends on besides its function: code, libraries, JAX's settings."""
    code = hashlib.sha256()
    for path in sorted(Path(ocr_jax.__file__).parent.rglob("*.py")):
        with contextlib.suppress(OSError):  # the lock of an editor is a link to nothing
            code.update(path.read_bytes())
    settings = sorted(jax.config.values.items())
    return code.hexdigest(), jax.__version__, flax.__version__, settings


def kept_folder(name: str) -> Path | None:
    """Return a folder beside the compiled programs; None where none are kept."""
    cache = jax.config.jax_compilation_cache_dir
    return Path(cache) / name if cache and "://" not in cache else None


def keep(path: Path, content: bytes, most: int):
    """Write a file of a `kept_folder`, and remove the oldest, more than `most`."""
    with contextlib.suppress(OSError):  # of a full disk, or a folder of another's
        path.parent.mkdir(parents=True, exist_ok=True)
        workdirs.write_bytes(path, content)
        files = sorted(path.parent.glob("[!.]*"), key=os.path.getmtime)
        for old in files[:-most]:
            old.unlink()
