"""Four virtual CPU devices, and tiny lines drawn in process."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile

os.environ["OCR_JAX_TESTS"] = tempfile.mkdtemp(prefix="ocr_jax_tests_")
# Compiled programs are shared by the tests, and by the processes that they start.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", os.path.join(os.environ["OCR_JAX_TESTS"], "programs")
)
# Before anything imports jax, which reads its flags once.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"
# The tests compile many programs and run each a few times.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
os.environ.pop("WANDB_MODE", None)
# The tests lease slots of their own.
os.environ["OCR_JAX_SLOTS"] = os.path.join(os.environ["OCR_JAX_TESTS"], "slots")

import hypothesis
import jax
import pytest

from ocr_jax.data import lines_writer
from tests import fixtures

OWNER = os.getpid()


@atexit.register
def remove_own_folder():
    """Remove what the tests have made, at the end of the process that made it."""
    if os.getpid() == OWNER:
        shutil.rmtree(os.environ["OCR_JAX_TESTS"], ignore_errors=True)


# A shell makes what it runs in the background deaf to Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

# On a busy machine the first example may wait for anything.
hypothesis.settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
)
hypothesis.settings.load_profile("unhurried")

# Tests of these files, or with these fixtures, train or compile networks.
TRAINED = {"finished", "recognizer", "tiny_config", "browser"}
COMPILING = (
    *("models/", "augmentation/", "decoding/", "emnist/", "test_steps.py"),
    *("test_recombine.py", "test_resume.py", "test_ctc.py", "test_old_names.py"),
    *("test_page_training.py", "test_sweep.py", "test_export.py", "test_portable.py"),
)

CHROMIUM = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
    *("disable-background-networking", "disable-component-update", "disable-sync"),
    *("disable-dev-shm-usage", "window-size=1300,900"),
)


def pytest_collection_modifyitems(items):
    """Mark as slow what trains or compiles networks."""
    for item in items:
        where = item.nodeid.partition("::")[0]
        if TRAINED & set(item.fixturenames) or any(part in where for part in COMPILING):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def tiny_lines(tmp_path_factory):
    """A lines file of 40 training, 12 validation and 9 test lines."""
    path = tmp_path_factory.mktemp("data") / "tiny.h5"
    splits = {
        "train": fixtures.draw_lines(40, 0, "train"),
        "validation": fixtures.draw_lines(12, 1, "validation"),
        "test": fixtures.draw_lines(9, 2, "test"),
    }
    lines_writer.write_lines(
        path, splits, height=fixtures.HEIGHT, source="drawn by a test"
    )
    return path


@pytest.fixture
def tiny_config(tiny_lines):
    """A config of its own for each test."""
    return fixtures.make_tiny_config(tiny_lines)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, tiny_lines):
    """(config, workdir, scores) of a run of 8 epochs, which reads the tiny lines."""
    from ocr_jax import train

    config = fixtures.make_tiny_config(tiny_lines)
    config.num_epochs = 8
    workdir = tmp_path_factory.mktemp("runs") / "finished"
    return config, workdir, train.train_and_evaluate(config, workdir)


@pytest.fixture(scope="session")
def recognizer(finished):
    """The best network of the finished run, ready to read."""
    from ocr_jax.recognizer import Recognizer

    return Recognizer.load(finished[1])


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


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium that logs its console and its network."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver (Debian: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in CHROMIUM:
        options.add_argument(f"--{flag}")
    logged = {"browser": "ALL", "performance": "ALL"}
    options.set_capability("goog:loggingPrefs", logged)
    service = webdriver.ChromeService(executable_path=driver)
    chrome = webdriver.Chrome(options=options, service=service)
    yield chrome
    chrome.quit()


@pytest.fixture
def compilation_cache(tmp_path):
    """The folder of compiled programs, of one test alone."""
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    jax.config.update("jax_compilation_cache_dir", before)
