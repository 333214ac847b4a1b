"""What is told and kept of an evaluation: scores, errors, how far confidences hold."""

import functools
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from ocr_jax import extras, workdirs
from ocr_jax.data import lines_file
from ocr_jax.scoring import (
    calibration,
    confusion_matrix,
    error_analysis,
    metrics,
    tables,
)


class Evaluation(NamedTuple):
    """The counts of every line of a split and its readings, in the split's order."""

    counts: metrics.Counts
    readings: list[str]
    confidences: np.ndarray  # (K, characters read) at K temperatures, end to end
    line_confidences: np.ndarray  # (K, n)
    seed: int
    decoder: str = "greedy"

    def summary(self) -> dict[str, float]:
        """The scores of metrics.RATIOS, and of characters top3."""
        return metrics.summary(self.counts)


def report(evaluation: Evaluation, split: lines_file.Split, temperature: float) -> dict:
    """Scores with intervals; they, the best and the worst lines are also printed.

    The evaluation is one at the temperatures 1 and `temperature`, the calibrated one.
    """
    summary = evaluation.summary()
    intervals = metrics.intervals(evaluation.counts, split.writers)
    about = {"digest": split.digest, "transcripts": "as written"} | split.about
    about |= {"decoder": evaluation.decoder, "seed": evaluation.seed}
    reliability = _reliability(evaluation, split) | {"temperature": temperature}
    if jax.process_index() == 0:
        tables.print_scores(title(split.name, about), summary, intervals)
        tables.print_calibration(reliability)
        _print_extremes(evaluation, split)
    return about | {
        "summary": summary,
        "intervals": {key: list(bounds) for key, bounds in intervals.items()},
        "lines": len(split),
        "impossible_lines": int(np.sum(~evaluation.counts.feasible)),
        "calibration": reliability,
    }


def keep(workdir: Path, evaluation: Evaluation, split: lines_file.Split):
    """Write every line's reading, what goes wrong in them, and pictures of it."""
    columns = split.line_ids, split.writers, split.transcripts, evaluation.readings
    lines = [workdirs.ScoredLine(*line) for line in zip(*columns, strict=True)]
    workdirs.write_scored_lines(workdir, split.name, lines)
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
    """Once, however many splits are scored."""
    command = extras.install_command("matplotlib")
    print(f"No pictures of confidences, for want of matplotlib: {command}")


def analyse(evaluation: Evaluation, split: lines_file.Split) -> error_analysis.Analysis:
    """What goes wrong in an evaluation."""
    return error_analysis.analyse(split.transcripts, evaluation.readings, split.writers)


def _reliability(evaluation: Evaluation, split: lines_file.Split) -> dict:
    """How far the confidences of characters and of lines hold, as JSON."""
    texts = split.transcripts, evaluation.readings
    outcomes = {
        "characters": (evaluation.confidences, calibration.right_characters(*texts)),
        "lines": (evaluation.line_confidences, calibration.right_shares(*texts)),
    }
    return {
        kind: calibration.before_and_after(*both) for kind, both in outcomes.items()
    }


def title(name: str, about: dict) -> str:
    """The split, and of what: scores on other splits or transcripts do not compare."""
    parts = ["{split_name} {split_digest:.8}"] * ("split_name" in about)
    parts += ["lines {digest:.8}", "transcripts {transcripts}"]
    parts += ["{decoder} decoder", "seed {seed}"]
    return f"{name} scores: " + ", ".join(parts).format(**about)


def _print_extremes(evaluation: Evaluation, split: lines_file.Split):
    errors = evaluation.counts.char_edits / np.maximum(evaluation.counts.chars, 1)
    order = np.argsort(errors, kind="stable")
    for title, lines in (("Best lines", order[:3]), ("Worst lines", order[::-1][:5])):
        rows = [
            (split.line_ids[i], split.transcripts[i], evaluation.readings[i], errors[i])
            for i in lines
        ]
        tables.print_lines(f"{title} of {split.name}", rows)
