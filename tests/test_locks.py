"""Locks on disks that have some kinds, or none: work goes on, and one line says so."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from ocr_jax import claims, locks
from ocr_jax.runtime import slots
from ocr_jax.sources import making
from tests import fixtures

KIND = fcntl.LOCK_EX | fcntl.LOCK_NB
ASKS = """
import fcntl, sys
try:
    fcntl.lockf(open(sys.argv[1], "w"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(3)
"""
LACKING = ["ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF"]


def refusing(name):
    def lock(*_):
        raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))

    return lock


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(locks, "_said", set())


@pytest.fixture(params=LACKING)
def no_locks(request, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refusing(request.param))
    monkeypatch.setattr(fcntl, "lockf", refusing(request.param))


def test_a_posix_lock_takes_the_place_of_flock(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fcntl, "flock", refusing("ENOSYS"))
    with open(tmp_path / "lock", "w") as mine:
        locks.take(mine, KIND, "something is lost")
        # A process never blocks itself with POSIX locks: another has to ask.
        command = [sys.executable, "-c", ASKS, tmp_path / "lock"]
        assert subprocess.run(command).returncode == 3
    assert not capsys.readouterr().err


def test_without_any_lock_one_line_says_what_is_lost(tmp_path, no_locks, capsys):
    with open(tmp_path / "lock", "w") as file:
        for _ in range(3):
            locks.take(file, KIND, "something is lost")
    assert capsys.readouterr().err == (
        "ocr_jax: this disk has no file locks: something is lost\n"
    )


def test_another_error_is_not_hidden(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refusing("EIO"))
    with open(tmp_path / "lock", "w") as file, pytest.raises(OSError, match="output"):
        locks.take(file, KIND, "")


def test_workdirs_lines_files_and_slots_work_without_locks(
    tmp_path, no_locks, tiny_config, capsys, monkeypatch
):
    with claims.claim(tmp_path / "run", tiny_config):
        pass
    fixtures.save_line(tmp_path / "in", "a")
    tiny_config.lines_file = str(tmp_path / "lines.h5")
    tiny_config.prepare_args = f"folder --source={tmp_path / 'in'} --workers=1"
    making.make_missing(tiny_config)
    monkeypatch.setattr(slots, "FOLDER", tmp_path / "slots")
    for shares in (1, 2):
        slot = slots.Slot("cpu", (slots.Device("core0"),), 0, shares, {})
        slots.lease([slot]).release()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3 and all("has no file locks" in line for line in said), said
