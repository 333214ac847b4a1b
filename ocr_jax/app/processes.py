"""Commands of this package in processes of their own."""

import os
import sys
from pathlib import Path

import ocr_jax


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module; nothing is imported from where it runs."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Return the environment in which the command finds this very package."""
    paths = [str(Path(ocr_jax.__file__).parent.parent), os.environ.get("PYTHONPATH")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def is_running(pid: int, argument: str) -> bool:
    """Whether a process is alive and has this argument: numbers are used again."""
    try:
        os.kill(pid, 0)
        # Empty for a process that has ended and that nobody has asked about.
        said = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # another system has no such folder
    except OSError:
        return False
    return os.fsencode(argument) in said.split(b"\0")
