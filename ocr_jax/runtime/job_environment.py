"""The environment of a training that another program starts."""

import os
import sys
from collections.abc import Mapping

from ocr_jax.runtime import huge_pages


def of(more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment and `more`, with huge pages."""
    environment = os.environ | more
    if "XLA_CLIENT_MEM_FRACTION" in more:  # its old name beside it is an error of jax's
        environment.pop("XLA_PYTHON_CLIENT_MEM_FRACTION", None)
    if sys.platform == "linux":
        environment = huge_pages.VARIABLES | environment
    # In a Slurm step of several tasks, a job is none of them.
    environment.pop("SLURM_STEP_NUM_TASKS", None)
    return environment
