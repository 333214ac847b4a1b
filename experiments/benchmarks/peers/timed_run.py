"""A peer's training: how long it may take, and a workdir of what came of it.

The workdir is one that `experiments/report.py` reads beside this project's own, scored
by the same code: config.json, environment.json, metrics.jsonl, readings_SPLIT.tsv and
scores.json. Neither torch nor jax is imported here.
"""

import argparse
import importlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from ocr_jax import charset, reading_tables, workdirs
from ocr_jax.data import lines_file
from ocr_jax.errors import ArgumentParser, UserError
from ocr_jax.runtime import slots
from ocr_jax.scoring import metrics

# Reads all lines of a split, in its order.
Read = Callable[[lines_file.Split], list[str]]


class Epoch(NamedTuple):
    """One pass over the training lines, the last perhaps cut short by the clock."""

    number: int  # from 1 on
    step: int  # updates so far
    loss: float  # a line
    lines: int  # that were read


class Budget:
    """Minutes of training and validation together, and epochs if they are limited."""

    def __init__(self, minutes: float, epochs: int | None = None):
        self.minutes = minutes
        self.epochs = epochs
        self._started = time.monotonic()
        self._reserved = 0.0  # for the last validation

    def seconds(self) -> float:
        """Since the training began."""
        return time.monotonic() - self._started

    def reserve(self, seconds: float):
        """Stop this much earlier: a last validation will take as long."""
        self._reserved = seconds

    def progress(self, epochs_done: float) -> float:
        """The share that is used up, from 0 on: the training ends at 1."""
        of_time = (self.seconds() + self._reserved) / (60 * self.minutes)
        return max(of_time, epochs_done / self.epochs if self.epochs else 0.0)


class TimedRun:
    """Validates after each epoch, logs it, and keeps the best epoch's readings.

    config: those keys of the project's config that say what the peer does; packages:
    whose versions are kept. The clock runs from `start`.
    """

    def __init__(self, args: argparse.Namespace, config: dict, packages: Sequence[str]):
        if min(args.minutes, args.batch_size) <= 0:
            raise UserError("--minutes and --batch_size must be more than 0")
        self.workdir = args.out
        self._limits = args.minutes, args.epochs
        self._best_cer = np.inf
        self._best_epoch = 0
        self._marked = 0.0  # seconds, when the last epoch was validated
        with lines_file.LinesFile(args.lines_file) as file:
            self.charset = file.charset
            names = ["train", "validation"] + ["test"] * ("test" in file.splits)
            self.splits = {name: file.split(name) for name in names}
        if self.workdir.exists() and any(self.workdir.iterdir()):
            raise UserError(f"--out={self.workdir} is not empty: name a new folder")
        self.workdir.mkdir(parents=True, exist_ok=True)
        self.config = config | {
            "lines_file": str(args.lines_file),
            "batch_size": args.batch_size,
            "seed": args.seed,
        }
        workdirs.write_json(self.workdir / "config.json", self.config)
        environment = workdirs.environment((*packages, "numpy"))
        environment["cores"] = len(slots.cores())
        workdirs.write_json(self.workdir / "environment.json", environment)

    def start(self):
        """Start the clock: what was loaded until now is not training."""
        self.budget = Budget(*self._limits)

    def end_epoch(self, epoch: Epoch, read: Read) -> bool:
        """Read the validation lines; whether they were never read better."""
        training = self.budget.seconds() - self._marked
        split = self.splits["validation"]
        readings = _normalized(read(split))
        counts = metrics.count(split.transcripts, readings)
        scores = metrics.summary(counts)
        is_best = scores["cer"] < self._best_cer
        if is_best:
            self._best_cer, self._best_epoch = scores["cer"], epoch.number
            self._write_readings(split, readings)
        validating = self.budget.seconds() - self._marked - training
        self.budget.reserve(validating)
        self._marked = self.budget.seconds()
        row = {
            "step": epoch.step,
            "epoch": epoch.number,
            "best": is_best,
            "minutes": self._marked / 60,
            "train/loss": epoch.loss,
            "train/seconds": training,
            "train/lines_per_second": epoch.lines / training,
            "validation/seconds": validating,
            "validation/cer": scores["cer"],
            "validation/wer": scores["wer"],
        }
        with open(self.workdir / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(_shown(row), flush=True)
        return is_best

    def finish(self, parameters: int, read: Read):
        """Score what the best network reads of validation and test: scores.json."""
        scores = {"epoch": self._best_epoch, "parameters": parameters}
        for name, split in self.splits.items():
            if name == "train":
                continue
            readings = _normalized(read(split))
            self._write_readings(split, readings)
            counts = metrics.count(split.transcripts, readings)
            intervals = metrics.intervals(counts, split.writers)
            scores[name] = {
                "summary": metrics.summary(counts),
                "intervals": intervals,
                "lines": len(split),
                "digest": split.digest,
            } | split.about
            for rate in metrics.ERROR_RATES:
                low, high = intervals[rate.name]
                value = scores[name]["summary"][rate.name]
                print(
                    f"{name} {rate.name.upper()} {value:.2%} ({low:.2%} – {high:.2%})"
                )
        workdirs.write_json(self.workdir / "scores.json", scores)

    def _write_readings(self, split: lines_file.Split, readings: list[str]):
        columns = split.line_ids, split.writers, split.transcripts, readings
        lines = map(reading_tables.ScoredLine._make, zip(*columns, strict=True))
        reading_tables.write_scored_lines(self.workdir, split.name, lines)


def load(module: str) -> ModuleType:
    """Import a peer's training; UserError where what it needs is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UserError(
            f"{error.name} is not installed: experiments/benchmarks/README.md has the "
            "environment that the peers need"
        ) from None


def parser(description: str, batch_size: int) -> argparse.ArgumentParser:
    """The options that all peers have, with the batch size of the peer's own recipe."""
    parser = ArgumentParser(description=description)
    add = parser.add_argument
    add("--lines_file", required=True, type=Path)
    add("--out", required=True, type=Path, metavar="DIR", help="a new folder")
    add("--minutes", type=float, default=60, help="of training and validation")
    add("--epochs", type=int, help="at most")
    add("--batch_size", type=int, default=batch_size, help="lines an update")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--seed", type=int, default=0)
    return parser


def num_workers() -> int:
    """Processes that load lines: all cores but one, 16 at most."""
    return min(16, max(1, len(slots.cores()) - 1))


def _normalized(readings: Sequence[str]) -> list[str]:
    """Readings as transcripts are kept: no peer is charged for a doubled space."""
    return [charset.normalize(reading) for reading in readings]


def _shown(row: dict) -> str:
    return (
        "{minutes:6.1f} min  epoch {epoch:3d}  loss {train/loss:7.2f}  "
        "{train/lines_per_second:6.1f} lines/s  "
        "validation: {validation/seconds:5.1f} s  CER {validation/cer:.2%}"
    ).format(**row) + ("  best" if row["best"] else "")
