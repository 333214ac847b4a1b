"""Four virtual CPU devices, and tiny lines drawn in process."""

import os
import signal
import subprocess
import tempfile

# Compiled programs are shared by the tests, and by the processes that they start.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", tempfile.mkdtemp(prefix="ocr_jax_tests_")
)
# Before anything imports jax, which reads its flags once.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"
# The tests compile many programs and run each a few times.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
os.environ.pop("WANDB_MODE", None)
# The tests lease slots of their own.
os.environ["OCR_JAX_SLOTS"] = tempfile.mkdtemp(prefix="ocr_jax_slots_")

import hypothesis
import numpy as np
import pytest

from ocr_jax import config as config_lib
from ocr_jax.data import lines_file, lines_writer

# A shell makes what it runs in the background deaf to Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

# On a busy machine the first example may wait for anything.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

HEIGHT = 16
LETTERS = "abc"


def draw_line(text: str) -> np.ndarray:
    """A line image (HEIGHT, W) in which each letter is a shape of its own."""
    glyphs = {"a": np.s_[2:6], "b": np.s_[6:10], "c": np.s_[10:14]}
    image = np.zeros((HEIGHT, 8 * len(text) + 6), np.uint8)
    for position, letter in enumerate(text):
        image[glyphs[letter], 8 * position + 3 : 8 * position + 9] = 255
    return image


def draw_lines(count: int, seed: int, prefix: str) -> list[lines_file.Line]:
    """Lines of 1 to 6 random letters by three writers."""
    generator = np.random.default_rng(seed)
    lines = []
    for index in range(count):
        text = "".join(generator.choice(list(LETTERS), generator.integers(1, 7)))
        name = f"{prefix}-{index}"
        lines.append(lines_file.Line(draw_line(text), text, name, f"w{index % 3}"))
    return lines


@pytest.fixture(scope="session")
def tiny_lines(tmp_path_factory):
    """A lines file of 40 training, 12 validation and 9 test lines."""
    path = tmp_path_factory.mktemp("data") / "tiny.h5"
    splits = {
        "train": draw_lines(40, 0, "train"),
        "validation": draw_lines(12, 1, "validation"),
        "test": draw_lines(9, 2, "test"),
    }
    lines_writer.write_lines(path, splits, height=HEIGHT, source="drawn by a test")
    return path


def make_tiny_config(path):
    """A config that learns the tiny lines in a few seconds."""
    config = config_lib.default_config()
    config.name = "tiny"
    config.lines_file = str(path)
    config.num_buckets = 2
    config.conv_channels = (16, 24)
    config.lstm_layers = 1
    config.lstm_dim = 16
    config.batch_size = 8
    config.num_epochs = 3
    config.warmup_steps = 2
    config.learning_rate = 0.02
    config.schedule = "constant"  # any number of epochs is one program
    config.log_every_steps = 2
    config.wandb.mode = "disabled"
    return config


def write_config(path, config):
    """Write a config file whose get_config() returns this config."""
    path.write_text(
        "import json\nfrom ocr_jax import config as c\n"
        "def get_config():\n    config = c.default_config()\n"
        f"    config.update(json.loads({config.to_json()!r}))\n"
        "    return config\n"
    )


@pytest.fixture
def tiny_config(tiny_lines):
    """A config of its own for each test."""
    return make_tiny_config(tiny_lines)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, tiny_lines):
    """(config, workdir, scores) of a run of 20 epochs, which reads the tiny lines."""
    from ocr_jax import train

    config = make_tiny_config(tiny_lines)
    config.num_epochs = 20
    workdir = tmp_path_factory.mktemp("runs") / "finished"
    return config, workdir, train.train_and_evaluate(config, workdir)


@pytest.fixture
def small_disk(tmp_path):
    """A function: megabytes → the path of a disk of that size, empty."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    disks = []

    def mount(megabytes: float):
        disk = tmp_path / f"disk{len(disks)}"
        disk.mkdir()
        size = f"size={round(megabytes * 1024)}k"
        command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount")
        disks.append(disk)
        return disk

    yield mount
    for disk in disks:
        subprocess.run(["umount", disk], check=True)
