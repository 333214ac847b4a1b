"""A workdir: everything that one run leaves, and the rules for resuming it.

config.json       the run's config, whole
dataset.json      height, charset and digests of the lines it is trained on
init_from.json    the network that it goes on from, and the characters of that one
environment.json  command, where it ran, commit, versions
changes.diff      what was changed since that commit, if anything, for `git apply`
metrics.jsonl     everything that was logged, one JSON object a line
readings.tsv      line_id, transcript and reading of a few validation lines
checkpoints/      latest (to resume), best (to use), start (what init_from held)
calibration.json  the temperature at which the best network's confidences hold
confusion_*.png   of single characters: which were read as which
readings_*.tsv    line_id, writer, transcript and best reading of every line scored
errors_*.json     what goes wrong in them: characters, writers, lengths of lines
reliability_*.png how far confidences hold, before and after calibration
scores.json       the final scores: the run is finished
language_model.npz  what ocr_jax.tune_decoder made for beam search
"""

import hashlib
import importlib.metadata
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import ml_collections

from ocr_jax import checkout, config_keys, regular_files
from ocr_jax import config as config_lib
from ocr_jax.errors import UserError, one_line, reason

# Whose versions a run keeps.
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
# Written by experiments/launch.py, which may be running the job.
LAUNCHER_FILES = ("status.json", "log.txt", "job.lock")
SCORED = ("validation", "test")
# In place of checkpoints, in a network that was exported (ocr_jax.export).
WEIGHTS = "weights.safetensors"
# Files of the best network. scores.json first: a run that has it is finished.
OF_BEST = (
    "scores.json",
    "calibration.json",
    *(f"confusion_{split}.png" for split in SCORED),
    *(f"readings_{split}.tsv" for split in SCORED),
    *(f"errors_{split}.json" for split in SCORED),
    *(f"reliability_{split}.png" for split in SCORED),
    "language_model.npz",
)
CONTENTS = (
    "config.json",
    "dataset.json",
    "init_from.json",
    "environment.json",
    "changes.diff",
    "metrics.jsonl",
    "readings.tsv",
    "checkpoints",
    *OF_BEST,
    "wandb",
    "profile",
    "lock",
    *LAUNCHER_FILES,
)


def default_workdir(config: ml_collections.ConfigDict) -> Path:
    """Return runs/NAME-HASH of the config, so that a command finds its own run."""
    compared = json.dumps(_compared(config), sort_keys=True)
    digest = hashlib.sha256(compared.encode()).hexdigest()[:8]
    return Path("runs") / f"{config.name}-{digest}"


def refuse_other_config(workdir: Path, config, advice: str = "name another --workdir"):
    """Raise UserError, with the differences, if the workdir has another config.

    More epochs are no difference: they prolong the run.
    """
    old, new = _compared(load_config(workdir)), _compared(config)
    if new["num_epochs"] != old["num_epochs"] and (has := num_epochs(workdir)):
        old["num_epochs"], new["num_epochs"] = has, min(has, new["num_epochs"])
    if changes := config_lib.differences(old, new):
        raise UserError(
            f"{workdir} holds a run of another config ({'; '.join(changes)}): {advice}"
        )


def num_epochs(workdir: Path) -> int:
    """Return a run's epochs: its config's, or those of its lines; 0: not known yet."""
    path = workdir / "environment.json"
    kept = read_json(path) if path.exists() else {}
    return load_config(workdir).num_epochs or kept.get("num_epochs", 0)


def write_environment(workdir: Path):
    """Write the command, the versions and the code of a new run."""
    code = checkout.code(__file__)
    write_json(workdir / "environment.json", environment(code=code))
    if code.changes:
        write_bytes(workdir / "changes.diff", code.changes)


def record(workdir: Path, **values):
    """Keep in environment.json what a run's command does not say."""
    path = workdir / "environment.json"
    if path.exists():
        write_json(path, read_json(path) | values)


def check_dataset(workdir: Path, description: dict):
    """Record the run's data. Raises UserError if a resumed run has other data."""
    path = workdir / "dataset.json"
    if not path.exists():
        write_json(path, description)
    elif (old := read_json(path)) != description:
        changed = [key for key in description if old.get(key) != description[key]]
        raise UserError(
            f"{workdir} was trained on other data ({', '.join(changed)} changed): "
            "restore that lines file, name another --workdir or add --overwrite"
        )


def load_config(workdir: Path) -> ml_collections.ConfigDict:
    """Return the config that a workdir was trained with, under today's key names."""
    path = Path(workdir) / "config.json"
    if not path.exists():
        raise UserError(
            f"{workdir} is not a workdir of a training: no config.json in it"
        )
    config = config_lib.default_config()
    try:
        config.update(config_lib.with_new_names(read_json(path)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} doesn't fit this version: {one_line(error)}") from None
    return config


def scores(workdir: Path) -> dict | None:
    """Return the final scores of a finished run, None of an unfinished one."""
    path = Path(workdir) / "scores.json"
    return read_json(path) if path.exists() else None


def temperature(workdir: Path) -> float:
    """Return the temperature of the best network's confidences, 1 if none is kept."""
    path = Path(workdir) / "calibration.json"
    try:
        return float(read_json(path)["temperature"]) if path.exists() else 1.0
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} has no temperature: {error!r}") from None


def read_json(path: Path) -> dict:
    """Read a JSON file of a workdir. Raises UserError if it is missing or damaged."""
    try:
        content = json.loads(regular_files.checked(path).read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError) as error:
        raise UserError(f"{path} can't be read: {reason(error, path)}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} can't be read: expected names and values in braces")
    return content


def write_json(path: Path, value):
    """Write atomically, through a temporary file."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str):
    """Write atomically, through a temporary file."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes):
    """Write atomically, through a temporary file. A link stays one: its file is new."""
    with regular_files.replaced(path) as partial:
        partial.write_bytes(content)


def refuse_unwritable(workdir: Path):
    """Raise UserError if no file can be written in the workdir."""
    try:
        tempfile.TemporaryFile(dir=workdir).close()
    except OSError as error:
        raise UserError(
            f"{workdir} can't be written to: {error.strerror}. Copy it, and name the "
            "copy"
        ) from None


def environment(
    packages: Iterable[str] = PACKAGES, code: checkout.Code | None = None
) -> dict:
    """Return the command, the commit and the package versions of a run."""
    code = code or checkout.code(__file__)
    return {
        "command": sys.argv,
        "folder": os.getcwd(),
        "checkout": str(checkout.root(__file__) or ""),
        "commit": code.commit,
        "uncommitted_changes": bool(code.changes or code.left_out),
        "changes_left_out": code.left_out,
        "python": sys.version.split()[0],
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }


def _compared(config) -> dict:
    flat = config_lib.flatten(config)
    return {key: v for key, v in flat.items() if key not in config_keys.NOT_COMPARED}
