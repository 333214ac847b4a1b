"""The git checkout that the code lies in: its commit, and what was changed since."""

import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

# Bytes of all changed files together; more of them is data, not code.
LARGEST_CHANGES = 1 << 20
# At most this many names of files that were left out are kept.
MOST_NAMES = 20
# Whatever the user's git config says about diffs, `git apply` reads this form.
DIFF = (
    *("diff", "--cached", "--binary", "--no-color", "--no-ext-diff"),
    *("--no-textconv", "--no-renames", "--src-prefix=a/", "--dst-prefix=b/", "HEAD"),
)


class Code(NamedTuple):
    """The state of the code that ran.

    commit: "" if the code lies in no checkout.
    changes: a diff in bytes, for `git apply`, of tracked files and of new Python files
    that are not ignored; left_out: files that are too large for it.
    """

    commit: str
    changes: bytes
    left_out: list[str]


def root(place: str | os.PathLike) -> Path | None:
    """Return the checkout that tracks this file or folder, None if there is none.

    A package that is installed in a folder of another project is not that project's.
    """
    place = Path(place).absolute()
    folder = place if place.is_dir() else place.parent
    if not git(folder, "ls-files", "--", place):
        return None
    top = git(folder, "rev-parse", "--show-toplevel").rstrip(b"\n")
    return Path(os.fsdecode(top)) if top else None


def code(place: str | os.PathLike) -> Code:
    """Return the commit of the checkout that tracks a file, and what was changed."""
    top = root(place)
    commit = git(top, "rev-parse", "HEAD").decode().strip() if top else ""
    if not commit:
        return Code("", b"", [])
    kept, left_out = _small(top, sorted(_changed(top)))
    return Code(commit, _diff(top, kept) if kept else b"", _shown(left_out))


def _shown(names: list[str]) -> list[str]:
    """Return names that JSON can hold, and few."""
    shown = [os.fsencode(name).decode(errors="replace") for name in names]
    if len(shown) > MOST_NAMES:
        shown[MOST_NAMES:] = [f"and {len(names) - MOST_NAMES} more"]
    return shown


def git(
    folder: Path, *arguments: str | os.PathLike, text: bytes = b"", **variables: str
) -> bytes:
    """Return what git prints; nothing if it fails, or if there is no git."""
    try:
        return run_git(folder, *arguments, text=text, **variables).stdout
    except FileNotFoundError:
        return b""


def run_git(
    folder: Path, *arguments: str | os.PathLike, text: bytes = b"", **variables: str
) -> subprocess.CompletedProcess:
    """Run git in a folder, with `text` as its input. It may fail."""
    return subprocess.run(
        ["git", "-C", folder, *arguments],
        input=text,
        capture_output=True,
        env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"} | variables,
    )


def _changed(top: Path) -> set[str]:
    """Return the files that differ from the commit, and new Python files.

    Not all new files: a password may be among them, and a model takes its diff along.
    """
    tracked = git(top, "diff", "--name-only", "--no-renames", "-z", "HEAD")
    new = git(top, "ls-files", "--others", "--exclude-standard", "-z", "--", "*.py")
    return {os.fsdecode(name) for name in (tracked + new).split(b"\0") if name}


def _small(top: Path, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the files that fit into a diff, smallest first, and those that don't."""
    sizes = {name: _size(top / name) for name in names}
    kept, left_out, total = [], [], 0
    for name in sorted(sizes, key=sizes.__getitem__):
        total += sizes[name]
        (kept if total <= LARGEST_CHANGES else left_out).append(name)
    return kept, left_out


def _size(path: Path) -> float:
    if path.is_dir() and not path.is_symlink():
        return float("inf")  # a submodule
    return path.lstat().st_size if os.path.lexists(path) else 0


def _diff(top: Path, names: list[str]) -> bytes:
    """Return the diff of some files, new ones too; the repository stays untouched."""
    objects = os.fsdecode(git(top, "rev-parse", "--git-path", "objects").rstrip(b"\n"))
    with tempfile.TemporaryDirectory() as scratch:
        aside = {
            "GIT_INDEX_FILE": f"{scratch}/index",
            "GIT_OBJECT_DIRECTORY": scratch,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(top / objects),
            "GIT_LITERAL_PATHSPECS": "1",
        }
        git(top, "read-tree", "HEAD", **aside)
        listed = b"\0".join(map(os.fsencode, names))
        from_stdin = ("--pathspec-from-file=-", "--pathspec-file-nul")
        git(top, "add", "--all", "--force", *from_stdin, text=listed, **aside)
        return git(top, *DIFF, **aside)
