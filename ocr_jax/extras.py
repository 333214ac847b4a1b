"""Packages that only some commands need: the extra of ocr_jax that installs each."""

import importlib
import importlib.util
from types import ModuleType

from ocr_jax.errors import UserError

# package → the extra of pyproject.toml that has it
EXTRAS = {
    "fontTools": "synthetic",
    "fontpkg": "synthetic",
    "wonderwords": "synthetic",
    "tensorflow": "tf",
    "optuna": "sweeps",
    "matplotlib": "report",
    "plotly": "report",
    "ray": "ray",
    "onnx": "onnx",
    "nicegui": "app",
    "pypdfium2": "pages",
    "pillow_heif": "pages",
}


def load(name: str) -> ModuleType:
    """Import a module that is, or that imports, an optional package.

    Raises UserError with the command that installs the package where it is missing.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        raise UserError(_missing(package)) from None


def require(*packages: str):
    """Raise UserError for the first package that is missing; import none."""
    for package in packages:
        if not is_installed(package):
            raise UserError(_missing(package))


def is_installed(package: str) -> bool:
    """Whether the package could be imported."""
    return importlib.util.find_spec(package) is not None


class Lazy:
    """An optional module that is imported when one of its names is first used."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str):
        return getattr(load(self._name), attribute)


def install_command(package: str) -> str:
    """The command that installs the extra of a package."""
    return f"pip install 'ocr_jax[{EXTRAS[package]}]'"


def _missing(package: str) -> str:
    return f"this needs {package}, which is not installed: {install_command(package)}"
