"""Evaluates a state on a split: scores and readings, during and after training."""

from pathlib import Path

import jax
import numpy as np

from ocr_jax import decoders, rereading, steps, trained, workdirs
from ocr_jax.charset import Charset, shown
from ocr_jax.data import dataset, lines_file, pipeline
from ocr_jax.decoding import greedy
from ocr_jax.errors import UserError
from ocr_jax.runtime import devices
from ocr_jax.scoring import calibration, metrics, report, tables
from ocr_jax.sources import making


def evaluate(
    logits_step,
    state,
    split: dataset.LabelledSplit,
    charset: Charset,
    config,
    *,
    temperatures=(1.0,),
    read=greedy.GREEDY,
) -> report.Evaluation:
    """Read every line of the split as Recognizer reads it, and count its errors.

    The batches are a function of the config alone, so that a split scores the same
    while training and from the command line. temperatures, read: see
    steps.make_eval_step.
    """
    mesh = devices.make_reading_mesh(config.batch_size)
    split = rereading.at_surest_widths(logits_step, state, split, config, mesh)
    eval_step = steps.make_eval_step(logits_step, mesh, temperatures, read)
    rows = split.plan(config, epoch=0)
    size = len(split.lines)
    readings, candidates, confidences = [""] * size, [""] * size, [None] * size
    losses, feasible, of_lines = np.zeros(size), np.zeros(size, bool), [None] * size
    transcripts = split.lines.transcripts
    is_characters = all(len(transcript) == 1 for transcript in transcripts)
    batches = pipeline.batches(split, rows, config, mesh)
    scored = devices.fetched(eval_step(state, batch) for batch in batches)
    for row, outputs in zip(rows, scored, strict=True):
        decoded = outputs.decoded
        is_characters &= decoded.path.shape[1] == 1
        losses[row.indices] = outputs.losses[: len(row.indices)]
        feasible[row.indices] = outputs.feasible[: len(row.indices)]
        for position, index in enumerate(row.indices):
            length = decoded.lengths[position]
            readings[index], order = charset.read(decoded.labels[position, :length])
            candidates[index] = charset.spell(outputs.likeliest[position])
            at_temperatures = outputs.confidences
            confidences[index] = [
                chars[position, order] for chars, _ in at_temperatures
            ]
            of_lines[index] = [lines[position] for _, lines in at_temperatures]
    feasible &= split.spelled
    counts = metrics.count(
        transcripts, readings, losses, feasible, candidates if is_characters else None
    )
    return report.Evaluation(
        counts=counts,
        readings=readings,
        confidences=np.concatenate(confidences, axis=1),
        line_confidences=np.stack(of_lines, axis=1),
        seed=config.seed,
    )


def calibrate(logits_step, state, data: dataset.Dataset, config) -> dict:
    """Fit the temperature of confidences on validation; return calibration.json."""
    lines = data.splits["validation"].lines
    evaluation = evaluate(
        logits_step,
        state,
        data.splits["validation"],
        data.charset,
        config,
        temperatures=calibration.TEMPERATURES,
    )
    right = calibration.right_characters(lines.transcripts, evaluation.readings)
    temperature = calibration.fit_temperature(evaluation.confidences, right)
    return {
        "temperature": temperature,
        "split": lines.name,
        "digest": lines.digest,
    }


def score_splits(
    logits_step,
    state,
    data: dataset.Dataset,
    config,
    *,
    temperature: float,
    workdir: Path,
) -> dict[str, report.Scores]:
    """Score validation, and test if there is one; print the scores of each.

    The readings and the analysis of their errors are written to the workdir.
    """
    scores = {}
    for name in workdirs.SCORED:
        if split := data.splits.get(name):
            evaluation = evaluate(
                logits_step,
                state,
                split,
                data.charset,
                config,
                temperatures=(1.0, temperature),
            )
            scores[name] = report.score(evaluation, split.lines, temperature)
            if jax.process_index() == 0:
                report.show(scores[name], evaluation, split.lines)
                report.write(workdir, evaluation, split.lines)
    return scores


def evaluate_workdir(
    workdir: Path | str,
    split: str,
    decoder: str = decoders.GREEDY,
    lines_file: str = "",
) -> report.Scores:
    """Score a run's best network on one split of a lines file; print the scores.

    workdir: see run_names. decoder: one of decoders.NAMES. lines_file: another than the
    run's own. Its lines may have characters that the network cannot read: these are
    errors, and their lines have no loss. Raises UserError if the run's own lines have
    changed since it was trained, or if the lines are of another height.
    """
    run = trained.open_run(workdir)
    config, charset = run.best.config, run.best.charset
    reader = decoders.load(decoder, run.workdir, run.best)
    if lines_file:
        config.lines_file = lines_file
    else:
        dataset.refuse_exported(run.workdir, dataset.NAME_ONE)
        making.make_missing(config, dataset.NAME_ONE)
    _refuse_other_height(config)
    data = dataset.load(
        config,
        (split,),
        any_characters=True,
        charset=charset,
        dense_from=run.best.dense_from,
    )
    if not lines_file:
        own = {split: data.splits[split].lines}
        advice = dataset.NAME_IT
        dataset.refuse_changed(own, config.lines_file, run.workdir, advice)
    lines = data.splits[split]
    _tell_unknown(charset, lines)
    evaluation = evaluate(
        run.logits_step,
        run.state,
        lines,
        charset,
        config,
        temperatures=(1.0, reader.temperature),
        read=devices.replicate(reader.read, run.mesh),
    )._replace(decoder=decoder)
    scores = report.score(evaluation, lines.lines, reader.temperature)
    report.show(scores, evaluation, lines.lines)
    tables.print_analysis(report.analyse(evaluation, lines.lines))
    return scores


def _refuse_other_height(config):
    """Raise UserError if the lines are not as high as those that the network reads."""
    with lines_file.LinesFile(config.lines_file) as file:
        if file.height != config.height:
            raise UserError(
                f"{config.lines_file} has lines of {file.height} px height, but the "
                f"network reads lines of {config.height} px: prepare another file with "
                f"--height={config.height} and name it with --lines_file"
            )


def _tell_unknown(charset: Charset, split: dataset.LabelledSplit):
    """Print which characters of the lines the network cannot read, if any."""
    if unknown := charset.unknown(split.lines.transcripts):
        print(
            f"{np.sum(~split.spelled)} of {len(split.lines)} lines have characters "
            f"that the network does not know: '{shown(unknown)}'. They count as errors"
        )
