"""Reads experiments files: YAML in, a list of trainings out.

group: sample                        # their W&B group and folder under runs/
overrides: {num_epochs: 10}          # of every job
jobs:
  - config: configs/emnist_mlp.py
    name: small                      # else made of the config and the overrides
    overrides: {num_layers: 2}
  - config: configs/iam_ctc.py
    grid: {lstm_dim: [128, 256], bidirectional: [false, true]}   # 4 jobs
"""

import difflib
import hashlib
import itertools
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from ocr_jax import config as config_lib
from ocr_jax import config_keys, regular_files
from ocr_jax.errors import UserError, one_line

FILE_KEYS = ("group", "overrides", "jobs")
JOB_KEYS = ("config", "name", "overrides", "grid")
# Bytes; a file system takes names of 255.
LONGEST_NAME = 120


class _Loader(yaml.SafeLoader):
    """YAML without its surprises: keys that stand twice, and 0123, which is 83."""

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        seen = []
        for key, _ in node.value:
            if key.value in seen:
                problem = f"the key {key.value!r} stands twice"
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
            seen.append(key.value)
        return node

    def construct_yaml_int(self, node):
        if re.match("[-+]?0.|.*:", node.value):
            problem = f"{node.value} is another number in YAML: write it in quotes"
            raise yaml.constructor.ConstructorError(
                None, None, problem, node.start_mark
            )
        return super().construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


class Job(NamedTuple):
    """A command line to run, and the workdir that it writes to.

    num_epochs, encoder: of a training.
    """

    name: str
    command: tuple[str, ...]
    workdir: Path
    num_epochs: int | None = None
    encoder: str = ""


def read(path: Path) -> list[Job]:
    """Read the jobs of an experiments file, each checked against its config.

    Raises UserError if a file, key, value or name is wrong.
    """
    content = load_yaml(path)
    _check_keys(content, FILE_KEYS, str(path))
    group = name_of(content, "group", str(path)) or Path(path).stem
    entries = content.get("jobs")
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{path} has no list of jobs: expected `jobs:` and items below")
    common = _mapping(content, "overrides", str(path))
    jobs = []
    for number, entry in enumerate(entries, start=1):
        jobs += _expand(entry, common, group=group, where=f"{path}, job {number}")
    for job, other in itertools.combinations(jobs, 2):
        if job.workdir == other.workdir:
            raise UserError(
                f"{path}: two jobs are called {other.name!r}, in one folder, "
                f"{job.workdir}: give them a `name:` each"
            )
    return jobs


def training(
    config: str, overrides: Mapping, *, name: str, workdir: Path, group: str = ""
) -> Job:
    """Return the job of a config and its overrides. Raises UserError for misfits."""
    if group:
        overrides = {"experiment_group": group} | dict(overrides)
    for key, value in overrides.items():
        _check_type(key, value)
    arguments = [f"--config={config}"]
    arguments += [f"--config.{key}={value_text(v)}" for key, v in overrides.items()]
    checked = config_lib.load(arguments)
    command = (sys.executable, "-m", "ocr_jax.main", *arguments, f"--workdir={workdir}")
    return Job(name, command, Path(workdir), checked.num_epochs, checked.encoder)


def _check_type(key: str, value):
    """Raise UserError if YAML took a text for something else, or has no value."""
    known = config_keys.KEYS.get(key)
    is_text = known is not None and isinstance(known.default, str)
    if is_text and type(value) not in (str, int, type(None)):
        raise UserError(f"{key} is {value!r} in YAML: write texts in quotes")
    if value is None and known is not None and not is_text:
        raise UserError(f"{key} is empty: write a value, or leave it out")


def value_text(value) -> str:
    """Return a YAML value as an override takes it: lists become tuples."""
    if isinstance(value, list):
        inside = ", ".join(map(repr, value)) + "," * (len(value) == 1)
        return f"({inside})"
    return "" if value is None else str(value)


def load_yaml(path: Path) -> dict:
    """Load a YAML file of keys and values. Raises UserError, naming the line."""
    text = regular_files.read_text(path)
    try:
        content = yaml.load(text, _Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"{path} is not YAML: {one_line(error)}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} has no keys: expected lines such as `group: mine`")
    for key in _keys(content):
        if not isinstance(key, str):
            raise UserError(
                f"{path}: {key!r} stands where the name of a key should: "
                "lists are written [8, 16], not (8, 16)"
            )
    return content


def _keys(content) -> Iterable:
    """Every key of the mappings in a YAML value, however deep."""
    if isinstance(content, dict):
        yield from content
        content = list(content.values())
    if isinstance(content, list):
        for value in content:
            yield from _keys(value)


def _expand(entry, common: dict, *, group: str, where: str) -> Iterable[Job]:
    """The jobs of one item of the list: one, or one for each point of its grid."""
    if not isinstance(entry, dict):
        raise UserError(f"{where} is {entry!r}: expected `config:` and more keys")
    _check_keys(entry, JOB_KEYS, where)
    if not isinstance(entry.get("config"), str):
        raise UserError(f"{where} names no config: expected config: configs/NAME.py")
    grid = _mapping(entry, "grid", where)
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise UserError(f"{where}: grid: {key} needs a list of values")
    own = _mapping(entry, "overrides", where)
    if both := own.keys() & grid.keys():
        raise UserError(
            f"{where}: {min(both)} stands in overrides and in grid: leave one out"
        )
    name_of(entry, "name", where)
    for values in itertools.product(*grid.values()):
        point = dict(zip(grid, values, strict=True))
        name = _name(entry, own, point)
        try:
            yield training(
                entry["config"],
                common | own | point,
                name=name,
                workdir=Path("runs") / slug(group) / slug(name),
                group=group,
            )
        except UserError as error:
            raise UserError(f"{where}: {error}") from None


def name_of(content: dict, key: str, where: str) -> str:
    """The name under a key; "" without one. Raises UserError for what is no name."""
    value = content.get(key)
    if value == "" or type(value) not in (str, int, type(None)):
        raise UserError(f"{where}: {key} is {value!r} in YAML: write a name in quotes")
    return "" if value is None else str(value)


def _name(entry: dict, own: dict, point: dict) -> str:
    """The job's name: as given, or of config and overrides; a grid's point after it."""
    parts = point if entry.get("name") is not None else own | point
    base = name_of(entry, "name", "") or Path(entry["config"].partition(":")[0]).stem
    return ",".join([str(base), *(f"{k}={value_text(v)}" for k, v in parts.items())])


def slug(text: str) -> str:
    """A name as a folder's name, in the folder that it is joined to."""
    name = re.sub(r"[^\w.,=+-]+", "_", text).strip("._") or "_"
    if len(name.encode()) <= LONGEST_NAME:
        return name
    # Long names, of grids, begin alike.
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    beginning = name.encode()[: LONGEST_NAME - 9].decode(errors="ignore")
    return f"{beginning}-{digest}"


def _mapping(content: dict, key: str, where: str) -> dict:
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise UserError(f"{where}: {key} is {value!r}: expected keys and values")
    return config_lib.flatten(value)


def _check_keys(content: dict, known: tuple[str, ...], where: str):
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected {known}"
            raise UserError(f"{where}: there is no key {key!r}: {hint}")
