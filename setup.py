"""Package metadata: `pip install -e .[test] -c constraints.txt`."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "ocr_jax/__init__.py").read_text())

setup(
    name="ocr_jax",
    version=VERSION.group(1),
    description="Train, compare and use handwriting line recognisers in JAX and Flax",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["ocr_jax", "ocr_jax.*"]),
    package_data={"ocr_jax.data": ["iam_splits/*/*.txt"]},
    python_requires=">=3.11,<3.14",
    install_requires=[
        "absl-py>=2.1",
        "defusedxml>=0.7",
        "flax>=0.12",
        "fonttools>=4.50",
        "fontpkg-caveat>=1.0",
        "fontpkg-dancing-script>=1.0",
        "fontpkg-delius>=1.0",
        "fontpkg-great-vibes>=1.0",
        "fontpkg-indie-flower>=1.0",
        "fontpkg-kalam>=1.0",
        "fontpkg-permanent-marker>=1.0",
        "fontpkg-satisfy>=1.0",
        "fontpkg-shadows-into-light>=1.0",
        "fontpkg-yellowtail>=1.0",
        "fontpkg-zeyada>=1.0",
        "h5py>=3.11",
        "jax>=0.10,<0.13",
        "matplotlib>=3.9",
        "ml-collections>=1.0",
        "numpy>=2.0",
        "nvidia-ml-py>=12.535",
        "opencv-python-headless>=4.10",
        "optax>=0.2.8",
        "optuna>=4.5",
        "orbax-checkpoint>=0.11",
        "pillow>=10.3",
        "plotly>=6",
        "pyyaml>=6.0",
        "rapidfuzz>=3.9",
        "rich>=13.7",
        "tensorflow-cpu>=2.20",
        "tensorflow-datasets>=4.9.7",
        "wandb>=0.28",
        "wonderwords>=2.2",
    ],
    extras_require={
        "test": [
            "hypothesis>=6.100",
            "pytest>=8.2",
            "pytest-xdist>=3.6",
            "ray>=2.40",
            "ruff>=0.6",
            "selenium>=4.25",
        ],
        "ray": ["ray>=2.40"],
        "cuda": ["jax[cuda13]>=0.10,<0.13"],
        "bench": ["torch>=2.5"],
    },
)
