"""Computes, prints and writes the scores of an evaluation."""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ocr_jax import extras, reading_tables, workdirs
from ocr_jax.data import lines_file
from ocr_jax.scoring import (
    calibration,
    confusion_matrix,
    error_analysis,
    metrics,
    tables,
)

# A network of which the CER is above this reads hardly any character.
LEARNT_NOTHING = 0.95


class Evaluation(NamedTuple):
    """Counts and readings of every line of a split, in the split's order."""

    counts: metrics.Counts
    readings: list[str]
    confidences: np.ndarray  # (K, characters read) at K temperatures, end to end
    line_confidences: np.ndarray  # (K, n)
    seed: int
    decoder: str = "greedy"

    def summary(self) -> dict[str, float]:
        """Return the scores of metrics.SCORES that were counted."""
        return metrics.summary(self.counts)


class Scores(NamedTuple):
    """The scores of one split, and what they depend on."""

    metadata: dict  # digest of the lines, transcripts, decoder, seed …
    summary: dict[str, float]
    intervals: dict[str, tuple[float, float]]  # 95 %
    lines: int
    impossible_lines: int
    calibration: dict  # how well confidences hold, and the temperature

    def has_learnt_nothing(self) -> bool:
        """Return whether the network reads hardly any character."""
        return self.summary["cer"] > LEARNT_NOTHING

    def as_json(self) -> dict:
        """Return what scores.json keeps of a split."""
        values = self._asdict()
        intervals = {key: list(bounds) for key, bounds in self.intervals.items()}
        return values.pop("metadata") | values | {"intervals": intervals}


def score(
    evaluation: Evaluation, split: lines_file.Split, temperature: float
) -> Scores:
    """Compute the scores of an evaluation at the temperatures 1 and `temperature`."""
    metadata = {"digest": split.digest, "transcripts": "as written"} | split.about
    metadata |= {"decoder": evaluation.decoder, "seed": evaluation.seed}
    return Scores(
        metadata=metadata,
        summary=evaluation.summary(),
        intervals=metrics.intervals(evaluation.counts, split.writers),
        lines=len(split),
        impossible_lines=int(np.sum(~evaluation.counts.feasible)),
        calibration=_reliability(evaluation, split) | {"temperature": temperature},
    )


def show(scores: Scores, evaluation: Evaluation, split: lines_file.Split):
    """Print the scores, and the best and worst lines with their readings."""
    heading = title(split.name, scores.metadata)
    tables.print_scores(heading, scores.summary, scores.intervals)
    tables.print_calibration(scores.calibration)
    if not scores.has_learnt_nothing():
        _print_extremes(evaluation, split)


def write(workdir: Path, evaluation: Evaluation, split: lines_file.Split):
    """Write every reading, the analysis of its errors, and pictures of both."""
    columns = split.line_ids, split.writers, split.transcripts, evaluation.readings
    lines = [reading_tables.ScoredLine(*line) for line in zip(*columns, strict=True)]
    reading_tables.write_scored_lines(workdir, split.name, lines)
    errors = analyse(evaluation, split).as_json()
    workdirs.write_json(workdir / f"errors_{split.name}.json", errors)
    if not extras.is_installed("matplotlib"):
        _say_no_pictures()
        return
    picture = workdir / f"reliability_{split.name}.png"
    calibration.draw(picture, _reliability(evaluation, split))
    if evaluation.counts.top3 is not None:
        picture = workdir / f"confusion_{split.name}.png"
        confusion_matrix.draw(picture, split.transcripts, evaluation.readings)


@functools.cache
def _say_no_pictures():
    """Say once, for all splits, that matplotlib is missing."""
    command = extras.install_command("matplotlib")
    print(f"Pictures of confidences need matplotlib: {command}")


def analyse(evaluation: Evaluation, split: lines_file.Split) -> error_analysis.Analysis:
    """Analyse the errors of an evaluation."""
    return error_analysis.analyse(split.transcripts, evaluation.readings, split.writers)


def _reliability(evaluation: Evaluation, split: lines_file.Split) -> dict:
    """Return how well character and line confidences are calibrated, as JSON."""
    texts = split.transcripts, evaluation.readings
    outcomes = {
        "characters": (evaluation.confidences, calibration.right_characters(*texts)),
        "lines": (evaluation.line_confidences, calibration.right_shares(*texts)),
    }
    return {
        kind: calibration.before_and_after(*both) for kind, both in outcomes.items()
    }


def why_nothing_was_learnt(config, *, lines: int, updates: int, warmup: int) -> str:
    """Say that a network can't read, and what may be the reason.

    lines, updates: of the training; warmup: the updates that were warm-up.
    """
    more = "on more lines, or start from a trained network (--config.init_from)"
    if config.init_from:
        more = "or on more lines"  # it did start from one
    return (
        "\nThe network has learnt nothing: it reads hardly any character. It had "
        f"{lines} training lines and {updates:,} updates, {warmup:,} of them warm-up, "
        "at a learning rate of "
        f"{config.learning_rate:g}; networks begin to read after some thousand. Train "
        f"longer (--config.num_epochs), {more}; if the loss did not fall, "
        "try another learning rate"
    )


def title(name: str, metadata: dict) -> str:
    """Return a heading that says what the scores of a split depend on."""
    parts = ["{split_name} {split_digest:.8}"] * ("split_name" in metadata)
    parts += ["lines {digest:.8}", "transcripts {transcripts}"]
    parts += ["{decoder} decoder", "seed {seed}"]
    return f"{name} scores: " + ", ".join(parts).format(**metadata)


def _print_extremes(evaluation: Evaluation, split: lines_file.Split):
    errors = evaluation.counts.char_edits / np.maximum(evaluation.counts.chars, 1)
    order = np.argsort(errors, kind="stable")
    for title, lines in (("Best lines", order[:3]), ("Worst lines", order[::-1][:5])):
        rows = [
            (split.line_ids[i], split.transcripts[i], evaluation.readings[i], errors[i])
            for i in lines
        ]
        tables.print_lines(f"{title} of {split.name}", rows)
