"""The code of a run: its commit, and a diff that brings its changes back."""

import subprocess

import pytest

from ocr_jax import checkout
from tests import fixtures


@pytest.fixture
def repository(tmp_path):
    """A git checkout with one committed file of code."""
    return fixtures.make_checkout(tmp_path / "repository", {"code.py": "a = 1\n"})


def state(folder):
    """What git says of the folder, and its files."""
    return checkout.git(folder, "status", "--porcelain"), sorted(
        path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "index"
    )


def brought_back(repository, changes, folder):
    """Check the commit out anew and apply the changes."""
    subprocess.run(["git", "clone", "-q", repository, folder], check=True)
    subprocess.run(["git", "-C", folder, "apply"], input=changes, check=True)
    return folder


def test_committed_code_has_a_commit_and_no_changes(repository):
    code = checkout.code(repository / "code.py")
    assert len(code.commit) == 40 and (code.changes, code.left_out) == (b"", [])


@pytest.mark.parametrize(
    "content",
    [
        b"a = 2\n",
        b"a = 1\n\n\n",
        b"a = 1\r\n",
        "# \xe9t\xe9".encode("latin-1"),
        bytes(range(256)),
    ],
)
@pytest.mark.parametrize("name", ["code.py", "new.py", "a folder/[\xe9].py"])
def test_changed_and_new_files_come_back_byte_for_byte(
    repository, tmp_path, name, content
):
    (repository / name).parent.mkdir(exist_ok=True)
    (repository / name).write_bytes(content)
    before = state(repository)
    code = checkout.code(repository / "code.py")
    assert state(repository) == before
    back = brought_back(repository, code.changes, tmp_path / "back")
    assert (back / name).read_bytes() == content


def test_a_deleted_file_and_a_staged_one_come_back(repository, tmp_path):
    (repository / "code.py").unlink()
    (repository / "staged.txt").write_text("words\n")
    checkout.git(repository, "add", "staged.txt")
    code = checkout.code(repository)
    back = brought_back(repository, code.changes, tmp_path / "back")
    assert not (back / "code.py").exists()
    assert (back / "staged.txt").read_text() == "words\n"


def test_the_users_settings_of_diffs_change_nothing(repository):
    (repository / "code.py").write_text("a = 2\n")
    plain = checkout.code(repository)
    for setting in ("diff.noprefix", "color.diff", "diff.mnemonicPrefix"):
        checkout.git(repository, "config", setting, "true")
    checkout.git(repository, "config", "color.diff", "always")
    assert checkout.code(repository) == plain


def test_large_files_are_left_out_and_named(repository):
    (repository / "code.py").write_text("a = 2\n")
    (repository / "table.py").write_bytes(b"x" * (checkout.LARGEST_CHANGES + 1))
    code = checkout.code(repository)
    assert b"a = 2" in code.changes and len(code.changes) < 1000
    assert code.left_out == ["table.py"]


def test_new_files_that_are_not_code_stay_private(repository):
    (repository / ".env").write_text("PASSWORD=secret")
    assert checkout.code(repository).changes == b""


def test_a_package_in_a_folder_of_another_project_has_no_commit(repository):
    installed = repository / ".venv" / "ocr_jax.py"
    installed.parent.mkdir()
    installed.write_text("installed")
    (repository / ".gitignore").write_text(".venv\n")
    assert checkout.root(installed) is None
    assert checkout.code(installed) == ("", b"", [])
    assert checkout.root(repository / "code.py") == repository
