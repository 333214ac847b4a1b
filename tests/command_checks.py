"""Checks that a command names programs, files, flags and config keys that exist."""

import argparse
import copy
import functools
import importlib
import re
import runpy
import shlex
import sys

import pytest
from absl import flags
from launching import jobs
from ml_collections import config_flags
from sweeping import sweep_file

from ocr_jax import cli, config, config_keys
from ocr_jax import main as ocr_jax_main
from ocr_jax.errors import UserError
from ocr_jax.runtime import huge_pages
from tests import printed_commands
from tests.printed_commands import ROOT

# The one needs PyTorch, the other takes JSON.
NOT_STARTED = ("experiments/benchmarks/start_torch.py", "experiments/ray_job.py")


class Found(BaseException):
    """Carries the parser of a command out of it; nothing catches it on the way."""


@functools.cache
def parser_of(program: str) -> tuple[argparse.ArgumentParser, bool]:
    """Start a module or a script up to its parser: (it, whether it takes the rest)."""

    def found(takes_rest):
        def parse(parser, *_, **__):
            raise Found(parser, takes_rest)

        return parse

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", found(False))
        patch.setattr(argparse.ArgumentParser, "parse_known_args", found(True))
        patch.setattr(huge_pages, "restart_with_huge_pages", lambda: None)
        patch.setattr(sys, "argv", [program])
        patch.syspath_prepend((ROOT / program).parent)
        try:
            if program.endswith(".py"):
                runpy.run_path(program, run_name="__main__")
            else:
                importlib.import_module(program).main()
        except Found as carrier:
            return carrier.args
    raise AssertionError(f"{program} parses no arguments")


def check(words: tuple[str, ...]):
    """Raise an error if a command names a program, file, flag or key that is none."""
    if words[0] == "make":
        assert words[1] in make_targets(), f"no target {words[1]} in the Makefile"
        return
    program, arguments = split(words)
    if program is None:
        return
    if program.endswith(".py"):
        assert (ROOT / program).is_file(), f"there is no {program}"
    elif importlib.util.find_spec(program) is None:
        raise AssertionError(f"there is no module {program}")
    if not arguments or program in NOT_STARTED:
        return
    if program == "ocr_jax.main":
        check_main(arguments)
        return
    arguments = [without_placeholder(word) for word in arguments]
    if "--help" not in arguments:
        parser, takes_rest = parser_of(program)
        try:
            (parser.parse_known_args if takes_rest else parser.parse_args)(arguments)
        except SystemExit:
            raise UserError(f"{program} refuses {arguments}") from None
        except UserError as error:
            if f"invalid choice: {printed_commands.FILLED_IN!r}" not in str(error):
                raise
    for path in arguments:
        if path.startswith("experiments/") and path.endswith(".yaml"):
            read = sweep_file.read if "sweep" in program else jobs.read
            read(ROOT / path)


def split(words: tuple[str, ...]) -> tuple[str | None, list[str]]:
    """Return (module or script, its arguments); None for a name that is none."""
    if words[0] == "ocr-jax" or words[:3] == ("python", "-m", "ocr_jax"):
        name, *arguments = words[1 if words[0] == "ocr-jax" else 3 :] or ("1",)
        if is_placeholder(name):
            return None, []
        assert name in cli.COMMANDS, f"there is no command {name}"
        command = cli.COMMANDS[name]
        return f"ocr_jax.{command.module}", [*command.arguments, *arguments]
    if words[1] == "-m":
        module = words[2]
        return None if module.isupper() or "MODULE" in module else module, [*words[3:]]
    return words[1], [*words[2:]]


def check_main(arguments: list[str]):
    """Parse a command line of ocr_jax.main, which has absl's flags."""
    parsed, argv = flags.FlagValues(), []
    for word in arguments:
        name, equals, value = word.lstrip("-").partition("=")
        if name == "config" and "/" not in value and is_placeholder(value):
            value = "quickstart"
        value = re.sub(r"^configs/NAME\.py$", "configs/quickstart.py", value)
        key = name.removeprefix("config.")
        if key in config_keys.KEYS and is_placeholder(value):
            value = str(config_keys.KEYS[key].default)
        if name != "help" and not is_placeholder(key):
            argv.append(f"--{name}{equals}{value}")
    config_flags.DEFINE_config_file("config", sys_argv=["", *argv], flag_values=parsed)
    for flag in main_flags():
        if flag.name != "config":
            parsed[flag.name] = copy.deepcopy(flag)
    config.parse_flags(parsed, ["", *argv])
    if parsed.config is not None:
        config.check(parsed.config)
        if prepare := shlex.split(parsed.config.prepare_args):
            check(("python", "-m", "ocr_jax.prepare", *prepare, "--out=lines.h5"))


def main_flags() -> list[flags.Flag]:
    return flags.FLAGS.flags_by_module_dict()[ocr_jax_main.__name__]


def is_placeholder(value: str) -> bool:
    """Whether a value only holds a place, as SEED and DIR do, or an f-string's."""
    filled_in = printed_commands.FILLED_IN
    return value == filled_in or bool(re.fullmatch("[A-Z_]+", value))


def without_placeholder(word: str) -> str:
    """--seed=SEED as --seed=1, which fits numbers and texts."""
    name, equals, value = word.partition("=")
    if not equals or not is_placeholder(value):
        return word
    return f"{name}={printed_commands.FILLED_IN}"


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text()
    return set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())


def all_flags(commands: list[printed_commands.Printed]) -> set[str]:
    """The names of the flags of all commands."""
    names = {flag.name for flag in main_flags()} | {"help", "helpfull", "version"}
    programs = {f"ocr_jax.{command.module}" for command in cli.COMMANDS.values()}
    programs |= {split(c.words)[0] for c in commands if c.words[0] != "make"}
    for program in programs - {None, "ocr_jax.main", "ocr_jax.config", *NOT_STARTED}:
        todo = [parser_of(program)[0]]
        while todo:
            for action in todo.pop()._actions:
                names |= {name.lstrip("-") for name in action.option_strings}
                if isinstance(action, argparse._SubParsersAction):
                    todo += action.choices.values()
    return names


def key_mistake(key: str, value: str) -> str:
    """What is wrong with --config.KEY=VALUE, whatever the other keys are."""
    if key not in config_keys.KEYS:
        return f"there is no config.{key}"
    if not value or is_placeholder(value):
        return ""
    parsed, argv = flags.FlagValues(), ["--config=lines_ctc", f"--config.{key}={value}"]
    config_flags.DEFINE_config_file("config", sys_argv=["", *argv], flag_values=parsed)
    try:
        config.parse_flags(parsed, ["", *argv])
    except UserError as error:
        return str(error)
    return config_keys.KEYS[key].mistake(config.flatten(parsed.config)[key])
