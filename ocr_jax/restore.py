"""Bring back the code that trained a run.

    python -m ocr_jax.restore runs/NAME
    python -m ocr_jax.restore wandb:ENTITY/PROJECT/RUN --out=../older

Makes a git worktree at the commit of the run, with the changes that it had then, and
prints the command that trains it again. It says what it can't bring back.
"""

import argparse
import importlib.metadata
import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ocr_jax import checkout, errors, run_names, workdirs
from ocr_jax import config as config_lib
from ocr_jax.errors import UserError, one_line

# Options that name the old run.
DROPPED = ("workdir", "overwrite", "nooverwrite")
# Keys of a config that may be paths, and what they are.
PATHS = {"lines_file": "lines file", "init_from": "run to start from"}
CONFIG = '''"""The config of {run}, as its config.json has it."""

import json

from ocr_jax import config as config_lib

VALUES = r"""
{values}
"""


def get_config():
    config = config_lib.default_config()
    config.update(json.loads(VALUES))
    return config
'''


class Restored(NamedTuple):
    """A run's code: the worktree, the command that trains it again, and the rest.

    repository: the checkout that knows of the worktree. missing: what of the code could
    not be brought back. remarks: what else differs.
    """

    folder: Path
    repository: Path
    commit: str
    command: list[str]
    missing: list[str]
    remarks: list[str]


def restore(
    run: str, out: Path | None = None, repository: Path | None = None
) -> Restored:
    """Make a worktree of a run's code.

    run: see run_names; out: the worktree, restored/NAME of the run by default;
    repository: a checkout that has the commit, by default that of ocr_jax. Raises
    UserError if there is no such run, commit or checkout, or if `out` exists.
    """
    workdir = run_names.resolve(run)
    record, values = _record(run, workdir), workdirs.read_json(workdir / "config.json")
    if max(values.get("ensemble_size", 1), values.get("members", 1)) > 1:
        raise UserError(f"{run} is an ensemble: restore the runs that are its members")
    top = _repository(repository)
    out = out or Path("restored") / Path(run.rpartition(":")[2]).absolute().name
    _make_worktree(top, record["commit"], run, out)
    missing = list(_apply_changes(workdir, record, out))
    command = _command(run, values, record, out)
    remarks = list(_remarks(values, record))
    return Restored(out, top, record["commit"], command, missing, remarks)


def _record(run: str, workdir: Path) -> dict:
    """Return the environment.json of a run, which names a commit."""
    path = workdir / "environment.json"
    if not workdir.exists():
        raise UserError(f"{run} does not exist: name the workdir of a run")
    if not path.exists():
        raise UserError(
            f"{run} has no environment.json, which names the commit of its code: name "
            "the workdir that it was trained in"
        )
    record = workdirs.read_json(path)
    if not record.get("commit"):
        raise UserError(
            f"{run} records no commit: its code was in no git checkout. Its config is "
            f"in {workdir / 'config.json'}, its versions in {path}"
        )
    return record


def _repository(folder: Path | None) -> Path:
    if top := checkout.root(folder or __file__):
        return top
    if folder:
        raise UserError(f"--repository={folder} is not a git checkout with files")
    raise UserError(
        "this ocr_jax is in no git checkout: clone its repository, and name the clone "
        "with --repository"
    )


def _removal(top: Path, folder: Path) -> str:
    """Return the command that removes a worktree, from any folder."""
    command = ("git", "-C", top, "worktree", "remove", "--force", folder.absolute())
    return shlex.join(map(str, command))


def _make_worktree(top: Path, commit: str, run: str, out: Path):
    if out.exists():
        raise UserError(
            f"{out} exists already: name another folder with --out, or remove it with "
            f"`{_removal(top, out)}`"
        )
    if checkout.run_git(top, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
        raise UserError(
            f"{run} was trained at commit {commit:.12}, which {top} doesn't have: "
            "`git fetch` it from where it was committed"
        )
    # Forced, git forgets a worktree of that name whose folder was deleted.
    arguments = ("worktree", "add", "--force", "--detach", out.absolute(), commit)
    made = checkout.run_git(top, *arguments)
    if made.returncode:
        raise UserError(f"no worktree in {out}: {_reason(made)}")


def _apply_changes(workdir: Path, record: dict, out: Path) -> Iterator[str]:
    """Apply the run's changes to the worktree; yield what can't be brought back."""
    path = workdir / "changes.diff"
    if path.exists():
        applied = checkout.run_git(out, "apply", text=path.read_bytes())
        if applied.returncode:
            yield f"the changes in {path}: {_reason(applied)}"
    for name in record.get("changes_left_out", ()):
        yield f"the changes of {name}: too large to be recorded"
    if record.get("uncommitted_changes") and "changes_left_out" not in record:
        yield "files that were not in git: runs of that time don't record them"


def _command(run: str, values: dict, record: dict, out: Path) -> list[str]:
    """Return the command that trains the run again in the worktree."""
    program, *words = record["command"] or [""]
    folder = Path(record.get("folder") or os.getcwd())
    config, options = _take_config(config_lib.options(words))
    place = None
    if config and program.endswith("main.py"):
        place = _config_in(out, config, folder, record.get("checkout", ""))
    if place is None:  # started from Python, or its config file is not in git
        place, options = "restored_config.py", []
        text = CONFIG.format(run=run, values=json.dumps(values, indent=2))
        (out / place).write_text(text, encoding="utf-8")
    elif "prolonged_to" in record:
        options.append(f"--config.num_epochs={record['prolonged_to']}")
    for key in PATHS:
        value = values.get(key) or ""
        if value and ":" not in value and not os.path.isabs(value):
            options.append(f"--config.{key}={folder / value}")
    return ["python", "-m", "ocr_jax.main", f"--config={place}", *options]


def _take_config(words: Iterable[str]) -> tuple[str, list[str]]:
    """Return the value of --config ("" if there is none) and what a new run shares."""
    config, others = "", []
    for word in words:
        name, _, value = word.removeprefix("--").partition("=")
        if name == "config":
            config = value
        elif name not in DROPPED:
            others.append(word)
    return config, others


def _config_in(out: Path, config: str, folder: Path, top: str) -> str | None:
    """Return what names the config in the worktree; None if it is not there."""
    file, colon, argument = config.partition(":")
    place = os.path.relpath(folder / file, top) if top else file
    for name in (place, file):
        path = out / name
        if path.is_file() and path.resolve().is_relative_to(out.resolve()):
            return f"{name}{colon}{argument}"
    # The name of a config that comes with ocr_jax.
    shipped = Path("configs") / f"{Path(file).stem}.py"
    if "/" not in file and (out / shipped).is_file():
        return f"{shipped}{colon}{argument}"
    return None


def _remarks(values: dict, record: dict) -> Iterator[str]:
    """Yield what is not the run's code, but differs here."""
    if "prolonged_to" in record:
        yield (
            f"prolonged to {record['prolonged_to']} epochs: the command trains them in "
            "one go, at other learning rates, so that the network will differ"
        )
    for package, version in record.get("versions", {}).items():
        try:
            here = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            here = "not installed"
        if here != version:
            yield f"trained with {package} {version}; here it is {here}"
    folder = Path(record.get("folder") or os.getcwd())
    for key, what in PATHS.items():
        value = values.get(key) or ""
        if value and ":" not in value and not (folder / value).exists():
            yield f"its {what} {folder / value} is not here"


def _reason(failed) -> str:
    """Return why git failed."""
    return one_line(failed.stderr.decode(errors="replace")) or "git gives no reason"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 2 if anything is not brought back."""
    return errors.exit_code(lambda: _run(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python -m ocr_jax.restore", description=__doc__
    )
    parser.add_argument("run", help=f"the run: {run_names.HELP}")
    parser.add_argument(
        "--out", type=Path, help="the worktree to make (default: restored/NAME)"
    )
    parser.add_argument(
        "--repository",
        type=Path,
        help="a git checkout that has the commit (default: that of this ocr_jax)",
    )
    return parser


def _run(args: argparse.Namespace) -> int:
    restored = restore(args.run, args.out, args.repository)
    for remark in restored.remarks:
        errors.say(remark)
    for what in restored.missing:
        errors.say(f"not brought back: {what}")
    folder = shlex.quote(str(restored.folder))
    print(f"{folder} has the code of {args.run}, at commit {restored.commit:.12}.")
    print("To train it again:")
    print(f"    cd {folder} && {shlex.join(restored.command)}")
    removal = _removal(restored.repository, restored.folder)
    print(f"To remove the code: {removal}")
    return 2 if restored.missing else 0


if __name__ == "__main__":
    sys.exit(main())
