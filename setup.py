"""Installs configs/ as the package ocr_jax.configs; all else is in pyproject.toml."""

import setuptools

setuptools.setup(
    packages=[*setuptools.find_packages(include=["ocr_jax*"]), "ocr_jax.configs"],
    package_dir={"ocr_jax.configs": "configs"},
    # Puts the checkout on the path. Otherwise Python, started in the folder that holds
    # a checkout called ocr_jax, would take the checkout itself for the package.
    options={"editable_wheel": {"mode": "compat"}},
)
