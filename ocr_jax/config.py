"""The config of an experiment: defaults, command line, checks and documentation.

    python -m ocr_jax.config > configs/README.md

config_keys.py has the table of keys.
"""

import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import ml_collections
from absl import flags
from ml_collections import config_flags

from ocr_jax import config_mistakes, shipped_configs
from ocr_jax.config_keys import KEYS, RENAMED, Key
from ocr_jax.errors import UserError

# A value of config.processes: one process, whatever Slurm says.
ALONE = "alone"
# Unlike a value, such as -1.
_OPTION = re.compile("--?[a-z]")


def default_config() -> ml_collections.ConfigDict:
    """All keys with their defaults; a config file changes some of them."""
    config = ml_collections.ConfigDict()
    for key in KEYS.values():
        group, _, name = key.name.rpartition(".")
        if group and group not in config:
            config[group] = ml_collections.ConfigDict()
        (config[group] if group else config)[name] = key.default
    return config.lock()


def load(arguments: Sequence[str]) -> ml_collections.ConfigDict:
    """Return the config of `--config=FILE` and the `--config.KEY=VALUE`s after it.

    FILE may be the name of one that comes with ocr_jax (shipped_configs). Raises
    UserError if the file, a key or a value is wrong.
    """
    parsed = flags.FlagValues()
    config_flags.DEFINE_config_file(
        "config", sys_argv=["", *arguments], flag_values=parsed
    )
    parse_flags(parsed, ["", *arguments])
    check(parsed.config)
    return parsed.config


def parse_flags(parsed: flags.FlagValues, argv: Sequence[str]):
    """Parse a command line that may have a --config; mistakes raise UserError."""
    argv = shipped_configs.resolve_flags(argv)
    config_mistakes.refuse_unknown_keys(argv)
    try:
        rest = parsed(argv)
    except Exception as error:  # a config file is a program: it may raise anything
        raise UserError(config_mistakes.in_words(error)) from None
    if rest[1:]:
        raise UserError(f"{rest[1]!r} is not a flag: write --name=value")
    flag = parsed["config"]
    if flag.present and not isinstance(flag.value, ml_collections.ConfigDict):
        path = config_flags.get_config_filename(flag)
        raise UserError(
            f"--config={path}: no such file, or no ConfigDict from its get_config()"
        )


def options(words: Sequence[str]) -> Iterator[str]:
    """Yield --NAME=VALUE for each option of a command line, however it is written."""
    words = list(words)
    while words:
        name, equals, value = words.pop(0).lstrip("-").partition("=")
        if not equals and words and not _OPTION.match(words[0]):
            equals, value = "=", words.pop(0)
        yield f"--{name}{equals}{value}"


def check(config: ml_collections.ConfigDict):
    """Raise UserError for a missing key, or for the first value that breaks a rule."""
    if missing := flatten(default_config()).keys() - flatten(config).keys():
        raise UserError(
            f"the config has no {min(missing)}: start from default_config() in its file"
        )
    for key in KEYS.values():
        if mistake := key.mistake(_get(config, key.name)):
            raise UserError(f"config.{key.name} {mistake}")
    if config.frame_stride & (config.frame_stride - 1):
        raise UserError(
            f"config.frame_stride is {config.frame_stride}: expected a power of two"
        )
    blocks = len(config.conv_channels)
    if (most := 2 ** (blocks + 1)) < config.frame_stride:
        raise UserError(
            f"config.frame_stride is {config.frame_stride}: the {blocks} blocks of "
            f"config.conv_channels allow {most} at most"
        )
    if config.freeze and not config.init_from:
        raise UserError(
            f"config.freeze is {config.freeze!r}, which would freeze random weights: "
            "set config.init_from"
        )
    if config.freeze and config.ensemble_size > 1:
        raise UserError(
            f"config.freeze is {config.freeze!r}, but config.ensemble_size is "
            f"{config.ensemble_size}: only single networks can be frozen"
        )
    if config.freeze and config.encoder == "page":
        raise UserError(
            f"config.freeze is {config.freeze!r}, but config.encoder is 'page': leave "
            "config.freeze empty, as finders of lines are trained whole"
        )
    has_windows = config.encoder in ("sliding_window", "mlp")
    if has_windows and config.window_stride > config.window_width:
        raise UserError(
            f"config.window_stride is {config.window_stride}: expected at most "
            f"config.window_width, {config.window_width}, or columns are skipped"
        )
    processes(config.processes)


class Processes(NamedTuple):
    """The processes of a run on many hosts, and which of them this one is."""

    coordinator: str  # host:port of process 0
    count: int
    number: int


def processes(text: str) -> Processes | None:
    """Parse config.processes, None where it names none. Raises UserError."""
    if text in ("", ALONE):
        return None
    found = re.fullmatch(r"(\S+:(\d+)),(\d+),(\d+)", text)
    if not found or not 0 < int(found[2]) < 65536:
        raise UserError(
            f"config.processes is {text!r}: expected HOST:PORT,COUNT,NUMBER, such as "
            f"node0:4000,2,0, or {ALONE}"
        )
    count, number = int(found[3]), int(found[4])
    if number >= count:
        raise UserError(
            f"config.processes is {text!r}: expected a number from 0 to {count - 1}, "
            f"as there are {count} processes"
        )
    return Processes(found[1], count, number)


def differences(
    old: ml_collections.ConfigDict, new: ml_collections.ConfigDict
) -> list[str]:
    """`key: old → new` for every key, nested ones dotted, that differs."""
    old, new = flatten(old), flatten(new)
    return [
        f"{key}: {old.get(key, 'absent')!r} → {new.get(key, 'absent')!r}"
        for key in sorted(old | new)
        if old.get(key, "absent") != new.get(key, "absent")
    ]


def flatten(config, prefix: str = "") -> dict[str, object]:
    """Nested keys as dotted ones; tuples as lists, the way JSON gives them back."""
    flat = {}
    for key, value in config.items():
        if hasattr(value, "items"):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat


def _get(config, key: str):
    for part in key.split("."):
        config = config[part]
    return config


def with_new_names(values: dict, prefix: str = "") -> dict:
    """Rename the old keys and options in a saved config's nested values to today's."""
    renamed = {}
    for name, value in values.items():
        if name == "distributed":
            continue  # it named where the run was computed, which is no part of it
        if isinstance(value, dict):
            renamed[name] = with_new_names(value, f"{prefix}{name}.")
        else:
            key = RENAMED.get(prefix + name, prefix + name)
            renamed[key.removeprefix(prefix)] = value
    return renamed


def describe(config: ml_collections.ConfigDict) -> str:
    """Return the help text of all keys, with the config's values."""
    lines = []
    for heading, keys in _groups():
        lines += ["", f"{heading}:"]
        for key in keys:
            value = _get(config, key.name)
            notes = [key.accepted] if key.accepted else []
            notes += [f"default: {key.shown_default}"] * (value != key.default)
            shown = f"--config.{key.name}={value}"
            note = f" ({'; '.join(notes)})" if notes else ""
            lines.append(f"  {shown:<35} {key.help}{note}")
    return "\n".join(lines)


def markdown() -> str:
    """Return configs/README.md: a table of all keys."""
    lines = [
        "# Config keys",
        "",
        "A config file starts from these defaults and changes some of them. Each key",
        "is also an option of `ocr_jax.main`, after `--config=FILE`:",
        "`--config.KEY=VALUE`.",
        "",
        "This page is generated: `python -m ocr_jax.config > configs/README.md`.",
    ]
    for heading, keys in _groups():
        lines += ["", f"## {heading}", ""]
        lines += ["| key | default | accepts | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{key.name}` | `{key.shown_default}` | {key.accepted} | {key.help} |"
            for key in keys
        ]
    lines += ["", "## Renamed keys", ""]
    lines += ["Saved runs with the old names still open.", ""]
    lines += ["| old | new |", "|---|---|"]
    lines += [f"| `{old}` | `{new}` |" for old, new in RENAMED.items()]
    return "\n".join(lines) + "\n"


def _groups() -> Iterator[tuple[str, list[Key]]]:
    """Headings and the keys under each, in order."""
    for heading, keys in itertools.groupby(KEYS.values(), lambda key: key.group):
        yield heading, list(keys)


if __name__ == "__main__":
    sys.stdout.write(markdown())
