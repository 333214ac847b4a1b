"""Workdirs: what a run remembers of the code behind it, and how files are written."""

import os
import pathlib

import pytest

from ocr_jax import checkpoints, claims, workdirs
from ocr_jax import config as config_lib
from ocr_jax.errors import UserError
from tests import fixtures


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout in which the code lies, one file committed."""
    folder = fixtures.make_checkout(tmp_path / "checkout", {"code.py": "a = 1\n"})
    monkeypatch.setattr(workdirs, "__file__", str(folder / "code.py"))
    return folder


def claim(workdir):
    with claims.claim(workdir, config_lib.default_config()):
        return workdirs.read_json(workdir / "environment.json")


def test_a_run_of_committed_code_remembers_the_commit(checkout, tmp_path):
    environment = claim(tmp_path / "run")
    assert len(environment["commit"]) == 40
    assert environment["uncommitted_changes"] is False
    assert not (tmp_path / "run" / "changes.diff").exists()


def test_a_run_of_changed_code_keeps_the_changes(checkout, tmp_path):
    (checkout / "code.py").write_text("a = 2\n")
    assert claim(tmp_path / "run")["uncommitted_changes"] is True
    diff = (tmp_path / "run" / "changes.diff").read_text()
    assert "-a = 1\n+a = 2\n" in diff


def test_code_that_is_in_no_checkout_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(workdirs, "__file__", str(tmp_path / "code.py"))
    environment = claim(tmp_path / "run")
    assert environment["commit"] == "" and not environment["uncommitted_changes"]


def test_a_pipe_among_the_checkpoints_is_not_waited_for(tmp_path):
    folder = tmp_path / "checkpoints" / "best" / "7"
    folder.mkdir(parents=True)
    (folder / "gone").symlink_to("nowhere")
    os.mkfifo(folder / "manifest")
    with pytest.raises(UserError, match="manifest can't be read: a pipe"):
        checkpoints.Checkpoints(tmp_path, read_only=True)


def test_a_link_is_written_through_whole_or_not_at_all(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "page.xml", tmp_path / "page.xml"
    target.write_bytes(b"old")
    link.symlink_to(target)
    workdirs.write_bytes(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"

    def fail(*_):
        raise OSError

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError):
        workdirs.write_bytes(link, b"newer")
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        *("page.xml", "page.xml", "there")
    ]


def test_a_write_that_fails_says_why_although_nothing_can_be_removed(
    tmp_path, monkeypatch
):
    def fail(why):
        def raise_it(*_, **__):
            raise OSError(why)

        return raise_it

    monkeypatch.setattr(os, "replace", fail("no space"))
    monkeypatch.setattr(pathlib.Path, "unlink", fail("no removing"))
    with pytest.raises(OSError, match="no space"):
        workdirs.write_bytes(tmp_path / "a.json", b"")
