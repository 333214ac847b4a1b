"""`ocr-jax COMMAND`: every command of the package under one name.

A command is a module that also runs by itself, as `python -m ocr_jax.MODULE`.
"""

import difflib
import runpy
import sys
from typing import NamedTuple

import ocr_jax
from ocr_jax import errors
from ocr_jax.errors import UserError

USAGE = "usage: ocr-jax COMMAND [ARGUMENT ...]"


class Command(NamedTuple):
    """A module of ocr_jax, the arguments that come first, and what the command does."""

    module: str
    help: str
    arguments: tuple[str, ...] = ()


COMMANDS = {
    "prepare": Command("prepare", "make a lines or pages file, or look at one"),
    "train": Command("main", "train what a config describes"),
    "evaluate": Command("main", "score a trained network", ("--mode=evaluate",)),
    "predict": Command("predict", "read line images with a trained network"),
    "transcribe": Command("transcribe", "read whole pages: find lines, read them"),
    "app": Command("app", "read and correct pages in a browser, and train on them"),
    "tune": Command("tune_decoder", "learn a language model for beam search"),
    "compare": Command("compare", "compare two finished runs on the same lines"),
    "ensemble": Command("ensemble", "join several trained networks into one"),
    "restore": Command("restore", "bring back the code that trained a run"),
    "export": Command("export", "write a trained network as small files"),
}


def main() -> int:
    """Run the command that sys.argv names; the exit code is the command's own."""
    return errors.exit_code(_run)


def _run():
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h", "help"):
        print(_help())
    elif name == "--version":
        print(f"ocr_jax {ocr_jax.__version__}")
    elif name in COMMANDS:
        command = COMMANDS[name]
        sys.argv[1:] = [*command.arguments, *arguments]
        runpy.run_module(
            f"ocr_jax.{command.module}", run_name="__main__", alter_sys=True
        )
    else:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UserError(
            f"there is no command {name!r}. {hint}The commands are "
            f"{', '.join(COMMANDS)}"
        )


def _help() -> str:
    room = max(map(len, COMMANDS)) + 2
    rows = [f"  {name:{room}}{command.help}" for name, command in COMMANDS.items()]
    after = "`ocr-jax COMMAND --help` shows what a command takes."
    return "\n".join([USAGE, "", *rows, "", after])
