"""Reads the runs of a report, finished or not, from their workdirs."""

import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from launching import job_status

from ocr_jax import claims, compare, reading_tables, workdirs
from ocr_jax import config as config_lib
from ocr_jax.errors import UserError
from ocr_jax.images import finding
from ocr_jax.scoring import metrics
from ocr_jax.tracking import metrics_file

CONFIG = "config.json"  # what makes a folder a workdir
# The scores that are shown, the first of which runs are compared by.
NAMES = {"cer": "CER", "wer": "WER"}
FINDER_NAMES = {"f1": "F1 of baselines", "cer_whole": "CER of pages"}
# What differs in every run, and says nothing.
NOT_SHOWN = ("name", "wandb.", "processes", "experiment_group")


class Run(NamedTuple):
    """One run, and its scores on the split that the report is on."""

    name: str
    path: Path
    config: dict[str, object]  # keys dotted, the same ones in all runs
    state: str  # finished, or what the launcher says of it, or unfinished
    scores: dict | None  # of the split: summary, intervals, lines …
    parameters: int | None
    epochs: list[dict]  # rows of metrics.jsonl
    lines: list[reading_tables.ScoredLine] | None

    def rate(self, name: str, split: str) -> float | None:
        """A score: the final one, or the last epoch's while there is none."""
        if self.scores:
            return self.scores["summary"].get(name)
        return self.epochs[-1].get(f"{split}/{name}") if self.epochs else None

    @property
    def names(self) -> dict[str, str]:
        """The scores that are shown, with their titles."""
        return FINDER_NAMES if self.config["encoder"] == "page" else NAMES

    @property
    def error(self) -> float:
        """What a finished run is compared by: the lower the better."""
        name = next(iter(self.names))
        value = self.scores["summary"][name]
        return 1.0 - value if name == "f1" else value

    @property
    def size(self) -> int | None:
        """How many lines it was scored on."""
        if self.lines is not None:
            return len(self.lines)
        return self.scores["lines"] if self.scores else None

    @property
    def unit(self) -> str:
        """What it is trained on."""
        return "tiles" if self.config["encoder"] == "page" else "lines"

    @property
    def speed(self) -> float | None:
        """Training units a second, the median over epochs."""
        speeds = [row.get(f"train/{self.unit}_per_second") for row in self.epochs]
        return (
            statistics.median(known) if (known := list(filter(None, speeds))) else None
        )

    @property
    def seconds(self) -> float:
        """Of training and validation together."""
        keys = "train/seconds", "validation/seconds"
        return sum(row.get(key) or 0.0 for row in self.epochs for key in keys)

    def counts(self) -> metrics.Counts:
        """The edits of its lines; losses are not known of them."""
        return compare.count(self.lines)


def read(paths: Sequence[Path], split: str) -> list[Run]:
    """Read the runs in `paths`, workdirs or folders of them, in this order.

    A path without a run, such as a trial that failed before it trained, is left out
    with a line that says so. Raises UserError if no path has one.
    """
    paths = _workdirs(paths)
    folders = [path.resolve() for path in paths]
    names = [folder.name for folder in folders]
    if len(set(names)) < len(set(folders)):
        common = os.path.commonpath(folders)
        names = [str(folder.relative_to(common)) for folder in folders]
    return [_read(path, name, split) for path, name in zip(paths, names, strict=True)]


def _workdirs(paths: Sequence[Path]) -> list[Path]:
    found, without = [], []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist: expected the workdir of a run")
        inside = {file.parent for file in finding.files(path) if file.name == CONFIG}
        inside = sorted(f for f in inside if f.name not in claims.ASIDE)
        found += [path] if path in inside else inside
        without += [] if inside else [str(path)]
    if not found:
        raise UserError(f"no run in {', '.join(without)}: no {CONFIG} there")
    if without:
        print(
            f"left out, since they hold no run: {', '.join(without)}", file=sys.stderr
        )
    return list({path.resolve(): path for path in reversed(found)}.values())[::-1]


def _read(path: Path, name: str, split: str) -> Run:
    config = config_lib.flatten(workdirs.load_config(path))
    scores = workdirs.scores(path)
    of_split = (scores or {}).get(split)
    rows = metrics_file.read(path / metrics_file.NAME)
    return Run(
        name=name,
        path=path,
        config=config,
        state="finished" if scores else _unfinished(path, job_status.read(path)),
        scores=of_split,
        parameters=(scores or {}).get("parameters"),
        epochs=[row for row in rows if "epoch" in row],
        lines=reading_tables.scored_lines(path, split, of_split) if scores else None,
    )


def _unfinished(path: Path, status: job_status.Status | None) -> str:
    """What the launcher says of a run without scores, if that is still so."""
    if status is None:
        return "unfinished"
    is_left = status.state in ("running", "queued") and not job_status.is_held(path)
    return "interrupted" if is_left else status.state


def differing_keys(runs: Sequence[Run]) -> list[str]:
    """The config keys that do not have one value in all the runs."""
    first = runs[0].config
    return [
        key
        for key in sorted(first)
        if not key.startswith(NOT_SHOWN)
        and any(run.config[key] != first[key] for run in runs)
    ]


def notes(runs: Sequence[Run]) -> list[str]:
    """Sentences on images that differ, and on runs that differ in the seed alone."""
    first, *others = [run for run in runs if run.lines and run.scores] or [None]
    remarks = (compare.remark_on_images(first, other) for other in others)
    return [*filter(None, remarks), *seed_spreads(runs)]


def seed_spreads(runs: Sequence[Run]) -> list[str]:
    """A sentence on each group of runs that differ in the seed alone.

    What two configs differ by says little where it is less than what seeds do.
    """
    groups = {}
    for run in runs:
        if run.scores:
            rest = [
                (key, repr(value))
                for key, value in sorted(run.config.items())
                if key != "seed" and not key.startswith(NOT_SHOWN)
            ]
            groups.setdefault(tuple(rest), []).append(run)
    sentences = []
    for group in groups.values():
        if len({run.config["seed"] for run in group}) > 1:
            name, title = next(iter(group[0].names.items()))
            rates = [run.scores["summary"][name] for run in group]
            sentences.append(
                f"{', '.join(run.name for run in group)} differ in the seed alone: a "
                f"mean {title} of {statistics.mean(rates):.1%}, with a standard "
                f"deviation of {100 * statistics.stdev(rates):.1f} points."
            )
    return sentences


def best(runs: Sequence[Run]) -> Run | None:
    """The run of the lowest final error; None where none has one."""
    scored = [run for run in runs if run.scores]
    return min(scored, key=lambda run: run.error, default=None)


def refuse_unknown_split(runs: Sequence[Run], split: str):
    """Raise UserError if there are finished runs, but none was scored on the split."""
    if any(run.parameters for run in runs) and best(runs) is None:
        raise UserError(f"the runs have no scores of {split!r}")


def refuse_other_lines(runs: Sequence[Run]):
    """Raise UserError if two runs were not scored on the same lines."""
    if len({next(iter(run.names)) for run in runs}) > 1:
        raise UserError("some of the runs find lines, others read them: name one kind")
    for other in (sized := [run for run in runs if run.size is not None])[1:]:
        if other.size != sized[0].size:
            raise UserError(
                f"{sized[0].path} and {other.path} were scored on other lines: "
                f"{sized[0].size} and {other.size} of them"
            )
    for other in (finders := [run for run in sized if run.unit == "tiles"])[1:]:
        if other.scores["digest"] != finders[0].scores["digest"]:
            raise UserError(
                f"{finders[0].path} and {other.path} were scored on other pages"
            )
    first, *others = [run for run in runs if run.lines is not None] or [None]
    for other in others:
        compare.refuse_other_lines(first, other)
