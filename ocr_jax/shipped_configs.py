"""Finds the configs that come with ocr_jax by name, wherever it is installed."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from ocr_jax.errors import UserError

# As in --config=configs/quickstart.py, the name of a checkout's folder.
FOLDERS = (Path("."), Path("configs"))


def paths() -> dict[str, Path]:
    """Return name → file of every shipped config."""
    package = Path(__file__).parent
    # setup.py installs the checkout's folder into the package.
    installed, checkout = package / "configs", package.parent / "configs"
    folder = installed if installed.is_dir() else checkout
    files = sorted(folder.glob("*.py"))
    return {path.stem: path for path in files if path.stem != "__init__"}


def resolve(config: str) -> str:
    """The value of --config with its file where there is one, or that of a name.

    config: a path, or the name of a config that comes with ocr_jax, then perhaps
    :ARGUMENT. Raises UserError where there is neither.
    """
    file, colon, argument = config.partition(":")
    path = Path(file)
    if path.is_file():
        return config
    known = paths()
    if path.parent in FOLDERS and path.suffix in ("", ".py") and path.stem in known:
        return f"{known[path.stem]}{colon}{argument}"
    near = difflib.get_close_matches(path.stem, known, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise UserError(
        f"--config={file}: no such file. {hint}The configs that come with ocr_jax are "
        f"{', '.join(known)}"
    )


def resolve_flags(argv: Iterable[str]) -> list[str]:
    """A command line whose --config, if it has one, is resolved."""
    argv, before = list(argv), ""
    for index, argument in enumerate(argv):
        dashes, name, value = _parts(argument)
        if name == "config" and value:
            argv[index] = f"{dashes}config={resolve(value)}"
        elif before == "config" and not dashes:
            argv[index] = resolve(argument)
        before = name if dashes and not value else ""
    return argv


def _parts(argument: str) -> tuple[str, str, str]:
    """-, -- or nothing; then the name and the value of a flag."""
    name, _, value = argument.lstrip("-").partition("=")
    return argument[: len(argument) - len(argument.lstrip("-"))], name, value
