"""The wheel holds what runs need, and the metadata say what is optional."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from ocr_jax import extras, shipped_configs

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_optional_package_is_in_the_extra_that_is_named_for_it():
    distributions = {"tensorflow": "tensorflow-cpu", "fontpkg": "fontpkg-caveat"}
    base = " ".join(PROJECT["dependencies"])
    for package, extra in extras.EXTRAS.items():
        name = distributions.get(package, package.lower().replace("_", "-"))
        requirements = PROJECT["optional-dependencies"][extra]
        assert any(requirement.startswith(name) for requirement in requirements)
        assert f"{name}>" not in base


def test_no_private_part_of_jax_is_used():
    private = "jax." + "_src"
    for folder in ("ocr_jax", "configs", "experiments", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            assert private not in path.read_text(), path


@pytest.fixture
def source(tmp_path):
    """A copy of what a package is built from."""
    pytest.importorskip("setuptools", "77")
    source = tmp_path / "source"
    for name in ("ocr_jax", "configs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    return source


@pytest.mark.slow
def test_an_editable_install_puts_the_checkout_on_the_path(source, tmp_path):
    # A finder of setuptools would come after a folder ocr_jax where Python is started.
    build = "from setuptools import build_meta; build_meta.build_editable('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        held = [name for name in file.namelist() if ".dist-info/" not in name]
        [path] = held
        assert file.read(path).decode().strip() == str(source)


@pytest.mark.slow
def test_the_wheel_has_configs_lists_networks_and_the_marker_of_types(source, tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run(
        [*command, "--no-build-isolation", "--wheel-dir", tmp_path, source], check=True
    )
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        held = set(file.namelist())
        [entry_points] = (name for name in held if name.endswith("entry_points.txt"))
        assert b"ocr-jax = ocr_jax.cli:main" in file.read(entry_points)
    assert {f"ocr_jax/configs/{name}.py" for name in shipped_configs.paths()} <= held
    code = {str(path.relative_to(ROOT)) for path in ROOT.glob("ocr_jax/**/*.py")}
    assert code <= held
    for kind in ("*.txt", "*.safetensors", "*.json", "*.js", "*.css"):
        paths = ROOT.glob(f"ocr_jax/**/{kind}")
        others = {str(path.relative_to(ROOT)) for path in paths}
        assert others and others <= held, kind
    assert "ocr_jax/py.typed" in held
    assert not {name.partition("/")[0] for name in held} & {"tests", "experiments"}
