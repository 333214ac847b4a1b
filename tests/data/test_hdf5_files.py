"""HDF5 files on full disks and on disks without locks."""

import fcntl
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from ocr_jax.data import hdf5_files, lines_file, lines_writer

WRITES_LINES = """
import numpy, resource, sys
from ocr_jax import errors
from ocr_jax.data import lines_file, lines_writer

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

def write():
    noise = numpy.random.default_rng(0)
    with lines_writer.LinesWriter(sys.argv[1], height=64, source="") as writer:
        for index in range(int(sys.argv[2])):
            image = noise.integers(0, 255, (64, 900), dtype=numpy.uint8)
            line = lines_file.Line(image, "text", str(index))
            writer.add(("train", "test")[index % 2], line)

sys.exit(errors.exit_code(write))
"""


@pytest.mark.parametrize("lines", [6, 20, 200])
def test_a_file_that_may_not_grow_ends_in_one_line_and_is_gone(tmp_path, lines):
    """At closing, at the second split, and while lines are added."""
    result = subprocess.run(
        [sys.executable, "-c", WRITES_LINES, tmp_path / "l.h5", str(lines)],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2, result.stderr
    assert "disk is full" in result.stderr and result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_hdf5_reads_back_what_could_not_be_written(tmp_path, monkeypatch):
    disk = hdf5_files.UnfailingFile(tmp_path / "x.h5")
    file = h5py.File(disk, "w")
    file["first"] = np.arange(1000)
    file.flush()

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "pwrite", full)
    file["second"] = np.arange(5000)
    file.flush()
    np.testing.assert_array_equal(file["first"][()], np.arange(1000))
    np.testing.assert_array_equal(file["second"][()], np.arange(5000))
    file.close()
    with pytest.raises(OSError, match="No space left"):
        disk.finish()
    disk.close()


def test_a_lines_file_is_written_and_read_where_another_holds_its_lock(tmp_path):
    path = tmp_path / "l.h5"
    line = lines_file.Line(np.ones((8, 9), np.uint8), "x", "l0")
    lines_writer.write_lines(path, {"train": [line]}, height=8, source="")
    with open(path, "r+b") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with lines_file.LinesFile(path) as file:
            assert len(file.split("train", in_memory=False)) == 1
