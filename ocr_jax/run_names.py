"""Names of trained runs: a workdir, a network that ships, or a run at W&B."""

import argparse
import os
from pathlib import Path

from ocr_jax import pretrained
from ocr_jax.errors import UserError
from ocr_jax.tracking import wandb_models

HELP = "a workdir, pretrained:NAME or wandb:ENTITY/PROJECT/RUN"


def add_network_flags(parser: argparse.ArgumentParser):
    """Add the options of what reads pages: a recogniser and a finder of lines."""
    for name, default, what in (
        ("--workdir", pretrained.RECOGNIZER, "the recogniser"),
        ("--finder", pretrained.FINDER, "what finds lines"),
    ):
        help_text = f"{what}: {HELP} (default: %(default)s)"
        parser.add_argument(name, default=default, help=help_text)


def resolve(name: str | os.PathLike) -> Path:
    """Return the folder of a run: the path itself, or where its network lies.

    Raises UserError if there is no such network.
    """
    if str(name).startswith(pretrained.PREFIX):
        return pretrained.folder(str(name).removeprefix(pretrained.PREFIX))
    if str(name).startswith(wandb_models.PREFIX):
        return wandb_models.fetch(str(name).removeprefix(wandb_models.PREFIX))
    return Path(name)


def refuse_as_new(option: str, path: Path):
    """Raise UserError if a folder to be made has the name of a network elsewhere."""
    for prefix in (pretrained.PREFIX, wandb_models.PREFIX):
        if str(path).startswith(prefix):
            raise UserError(
                f"{option}={path}: {prefix} names a network that exists: name a folder"
            )
