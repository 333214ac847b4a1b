"""Installs configs/ as the package ocr_jax.configs; all else is in pyproject.toml."""

import setuptools

setuptools.setup(
    packages=[*setuptools.find_packages(include=["ocr_jax*"]), "ocr_jax.configs"],
    package_dir={"ocr_jax.configs": "configs"},
)
