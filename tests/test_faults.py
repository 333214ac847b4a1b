"""Trainings that are stopped from outside end in one line, and go on afterwards."""

import json
import shutil
import signal
import time

import pytest

from ocr_jax.tracking import metrics_file
from tests import fixtures, forked


@pytest.fixture
def config_path(tmp_path, tiny_config):
    tiny_config.num_epochs = 400
    path = tmp_path / "config.py"
    fixtures.write_config(path, tiny_config)
    return path


def start(config_path, workdir):
    return forked.Main(f"--config={config_path}", f"--workdir={workdir}")


def epochs(workdir):
    rows = metrics_file.read(workdir / "metrics.jsonl")
    return max((row.get("epoch", 0) for row in rows), default=0)


def wait_for_a_checkpoint(workdir, process):
    """Until two more epochs are logged: by then the first one's is whole."""
    end = epochs(workdir) + 2
    while epochs(workdir) < end:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_asked_to_stop_writes_a_checkpoint(tmp_path, config_path, number):
    workdir = tmp_path / "run"
    process = start(config_path, workdir)
    wait_for_a_checkpoint(workdir, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "checkpoint written" in said and len(said.splitlines()) == 1, said
    [checkpoint] = (workdir / "checkpoints" / "latest").iterdir()
    progress = json.loads((checkpoint / "progress" / "metadata").read_text())
    assert progress["epoch"] >= 1


def test_a_full_disk_ends_a_training_in_one_line_and_it_can_go_on(
    small_disk, config_path
):
    disk = small_disk(megabytes=4)
    workdir = disk / "run"
    filler = disk / "filler"
    process = start(config_path, workdir)
    wait_for_a_checkpoint(workdir, process)
    # Room for the checkpoint that is being written now, and not for another.
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - 800_000))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "disk is full" in said and "Traceback" not in said, said
    filler.unlink()
    process = start(config_path, workdir)
    wait_for_a_checkpoint(workdir, process)
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=60)
    assert process.returncode == 130, complaint
    assert "resuming" in said
