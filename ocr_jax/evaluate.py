"""State and lines in, scores and readings out: used while training and after it."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from ocr_jax import checkpoints, console, metrics, steps, workdirs
from ocr_jax.data import dataset, lines_file, pipeline
from ocr_jax.data.charset import Charset


class Evaluation(NamedTuple):
    """The counts of every line of a split and its readings, in the split's order."""

    counts: metrics.Counts
    readings: list[str]

    def summary(self) -> dict[str, float]:
        """loss, cer, wer, character_accuracy, exact, and of characters top3."""
        return metrics.summary(self.counts)


def evaluate(
    eval_step, state, split: dataset.LabelledSplit, charset: Charset, config
) -> Evaluation:
    """Read every line of the split once and count its errors.

    The batches are a function of the config alone, so that a split scores the same
    while training and from the command line.
    """
    mesh = steps.make_mesh(config.batch_size)
    rows = split.plan(config, epoch=0)
    size = len(split.lines)
    readings, candidates = [""] * size, [""] * size
    losses, feasible = np.zeros(size), np.zeros(size, bool)
    batches = pipeline.batches(
        split.lines,
        split.labels,
        rows,
        batch_size=config.batch_size,
        process=(jax.process_index(), jax.process_count()),
    )
    for row, batch in zip(rows, batches, strict=True):
        batch_losses, batch_feasible, decoded, likeliest = _fetch(
            eval_step(state, steps.shard(batch, mesh))
        )
        losses[row.indices] = batch_losses[: len(row.indices)]
        feasible[row.indices] = batch_feasible[: len(row.indices)]
        for position, index in enumerate(row.indices):
            ids = decoded.labels[position, : decoded.lengths[position]]
            readings[index] = charset.decode(ids)
            candidates[index] = charset.decode(likeliest[position])
    transcripts = split.lines.transcripts
    is_characters = all(len(transcript) == 1 for transcript in transcripts)
    counts = metrics.count(
        transcripts, readings, losses, feasible, candidates if is_characters else None
    )
    return Evaluation(counts, readings)


def evaluate_workdir(workdir: Path, split: str) -> dict:
    """Score a run's best network on one split of its lines file, and show it.

    Returns what `report` does.
    """
    steps.use_compilation_cache()
    best = checkpoints.load_best(workdir)
    data = dataset.load(best.config, (split,))
    eval_step = steps.make_eval_step(best.model)
    lines = data.splits[split]
    state = steps.replicate(best.state, steps.make_mesh(best.config.batch_size))
    evaluation = evaluate(eval_step, state, lines, best.charset, best.config)
    return report(evaluation, lines.lines)


def report(evaluation: Evaluation, split: lines_file.Split) -> dict:
    """Scores with intervals; they, the best and the worst lines are also printed."""
    summary = evaluation.summary()
    intervals = metrics.intervals(evaluation.counts, split.writers)
    if jax.process_index() == 0:
        console.print_scores(_title(split), summary, intervals)
        _print_extremes(evaluation, split)
    return {
        "summary": summary,
        "intervals": {key: list(bounds) for key, bounds in intervals.items()},
        "lines": len(split),
        "impossible_lines": int(np.sum(~evaluation.counts.feasible)),
        "digest": split.digest,
    } | split.about


def scored_lines(
    evaluation: Evaluation, split: lines_file.Split
) -> list[workdirs.ScoredLine]:
    """Each line with its reading, to keep in the workdir."""
    columns = split.line_ids, split.writers, split.transcripts, evaluation.readings
    return [workdirs.ScoredLine(*line) for line in zip(*columns, strict=True)]


def _title(split: lines_file.Split) -> str:
    """The split, and of what: scores on other splits or transcripts do not compare."""
    title = f"{split.name} scores"
    if "split_name" in split.about:
        title += " on {split_name} {split_digest:.8}, {transcripts} transcripts".format(
            **split.about
        )
    return title


def _print_extremes(evaluation: Evaluation, split: lines_file.Split):
    errors = evaluation.counts.char_edits / np.maximum(evaluation.counts.chars, 1)
    order = np.argsort(errors, kind="stable")
    for title, lines in (("Best lines", order[:3]), ("Worst lines", order[::-1][:5])):
        rows = [
            (split.line_ids[i], split.transcripts[i], evaluation.readings[i], errors[i])
            for i in lines
        ]
        console.print_lines(f"{title} of {split.name}", rows)


def _fetch(outputs):
    """The rows of all processes, on this host."""
    if jax.process_count() == 1:
        return jax.device_get(outputs)
    return multihost_utils.process_allgather(outputs, tiled=True)
