"""Says in one line what is wrong with a command line, or with its config file."""

import difflib
import re
from collections.abc import Sequence

from ocr_jax.config_keys import KEYS, RENAMED
from ocr_jax.errors import UserError, one_line

GROUPS = {name.rpartition(".")[0] for name in KEYS} - {""}
EXPECTED = {bool: "true or false", int: "a whole number", float: "a number"}


def refuse_unknown_keys(argv: Sequence[str]):
    """Raise UserError for a --config.KEY that ml_collections would explain badly."""
    for argument in argv:
        name = argument.lstrip("-").partition("=")[0]
        key = name.removeprefix("config.")
        if key == name or not argument.startswith("-"):
            continue
        if key in RENAMED:
            raise UserError(_renamed(key))
        if key in GROUPS:
            first = next(name for name in KEYS if name.startswith(f"{key}."))
            raise UserError(
                f"config.{key} has keys of its own: write one, as --config.{first}="
            )
        if "[" in key:
            whole = key.partition("[")[0]
            raise UserError(
                f"config.{key} is a part of a value: set all of config.{whole}"
            )
        if "." in key and key not in KEYS:
            group, _, last = key.rpartition(".")
            keys = [name for name in KEYS if name.startswith(f"{group}.")]
            inside = {name.rpartition(".")[2]: name for name in keys}
            sought = (last, inside) if inside else (key, KEYS)
            near = difflib.get_close_matches(*sought, n=1)
            raise UserError(_unknown(key, *[inside.get(k, k) for k in near]))


def in_words(error: Exception) -> str:
    """Say in one line what an error means that parsing a command line raised."""
    text = str(error)
    if isinstance(error, AttributeError) and "get_config" in text:
        return "the file of --config has no get_config()"
    if isinstance(error, KeyError):  # of a group of keys, or of config.update(...)
        return _no_key(str(error.args[0]))
    if isinstance(error, AttributeError) and isinstance(error.__context__, KeyError):
        return _no_key(text)
    if missing := re.search(r"No such file or directory: '(.+)'$", text):
        return f"--config={missing[1]}: no such file"
    if "Traceback (most recent call last)" in text:
        return f"the file of --config: {one_line(text.strip().splitlines()[-1])}"
    value = re.match(r"flag --config\.([\w.]+)=(.*?): ", text)
    kind = type(KEYS[value[1]].default) if value and value[1] in KEYS else None
    if kind in EXPECTED:
        return f"config.{value[1]} is {value[2]!r}: expected {EXPECTED[kind]}"
    return one_line(text)


def _renamed(old: str) -> str:
    return f"config.{old} is now config.{RENAMED[old]}"


def _no_key(text: str) -> str:
    """Say that there is no such key; text: of the ConfigDict that lacks it."""
    quoted = re.search(r"""['"](\w+)\\?['"]""", text)
    name = quoted[1] if quoted else text
    for old, new in RENAMED.items():
        group, _, last = old.rpartition(".")
        if name == last:
            return _renamed(old)
        if name == group:
            return f"config.{group} is now config.{new}"
    nearest = re.search(r'Did you mean "(\w+)"', text)
    return _unknown(name, *([nearest[1]] if nearest else []))


def _unknown(key: str, nearest: str = "") -> str:
    hint = f": did you mean config.{nearest}?" if nearest else ""
    return f"there is no config.{key}{hint}"
