"""The training loop: a pure function of config, data and seed that can be resumed."""

import contextlib
import itertools
import time
from pathlib import Path

import jax

from ocr_jax import (
    checkpoints,
    evaluate,
    models,
    optimizers,
    reading_tables,
    steps,
    train_state,
    transfer,
    workdirs,
)
from ocr_jax import config as config_lib
from ocr_jax import progress as progress_lib
from ocr_jax.charset import Charset
from ocr_jax.data import dataset, pipeline, plan, training_lines
from ocr_jax.errors import UserError
from ocr_jax.progress import Progress, Run
from ocr_jax.runtime import devices, distributed, huge_pages
from ocr_jax.scoring import report
from ocr_jax.sources import making
from ocr_jax.tracking import profiling
from ocr_jax.tracking.tracker import Tracker

# How many validation lines are kept with their readings after every epoch.
SHOWN_LINES = 12


def train_and_evaluate(config, workdir: Path, *, overwrite: bool = False) -> dict:
    """Train or resume the run in `workdir`; return its scores, as in scores.json.

    Raises UserError for a mistake or a loss that is not finite. Ctrl-C and SIGTERM
    write a checkpoint and raise KeyboardInterrupt.
    """
    config_lib.check(config)
    workdir = Path(workdir)
    with distributed.joined(config), distributed.claim(workdir, config, overwrite):
        if workdirs.scores(workdir) is None:
            _train(config, workdir)
        else:
            print(
                f"{workdir} is finished: a higher --config.num_epochs trains it "
                "further, --overwrite anew."
            )
        with distributed.main_first():  # which writes them
            return workdirs.scores(workdir)


def _train(config, workdir: Path):
    devices.use_compilation_cache()
    with distributed.main_first():
        known = transfer.known_characters(config, workdir)
        making.make_missing(config)
        data = training_lines.load(config, workdir, known)
        workdirs.check_dataset(workdir, data.describe())
        mesh = devices.make_mesh(config.batch_size)
        model = models.build_model(config, data.charset.num_classes, devices.DATA)
        lines = dataset.leave_out_impossible(data, model)
    batches_per_epoch = len(lines.plan(config, epoch=0))
    updates = _count_updates(config, batches_per_epoch)
    schedule = optimizers.make_schedule(config, updates)
    tx = transfer.keeping(
        optimizers.make_optimizer(config, schedule),
        transfer.kept_classes(known, data.charset, lines),
    )
    state = train_state.create_state(model, tx, config, data.height)

    with contextlib.ExitStack() as stack:
        saved = stack.enter_context(checkpoints.Checkpoints(workdir))
        latest = saved.restore(checkpoints.LATEST, devices.replicate(state, mesh))
        if latest is None:
            state = transfer.first_state(config, state, data)
            state = devices.replicate(state, mesh)
            progress = Progress()
        else:
            state, progress = latest[0], Progress(**latest[1])
        tracker = Tracker(
            workdir, config, int(state.step), is_main=jax.process_index() == 0
        )
        stack.enter_context(tracker)
        trace = stack.enter_context(profiling.Trace(config, workdir, tracker.message))
        run = Run(
            config=config,
            data=data,
            lines=lines,
            batches_per_epoch=batches_per_epoch,
            mesh=mesh,
            schedule=jax.jit(schedule),  # one program, not a dozen small ones
            train_steps=trace.of(
                steps.make_train_steps(steps.make_train_step(model, tx, config, mesh))
            ),
            logits_step=steps.make_logits_step(model),
            tracker=tracker,
        )
        _announce(run, known, state, progress)
        state = _train_epochs(run, state, progress, saved, workdir)
        kept = saved.restore(checkpoints.BEST, train_state.for_inference(state))
        if kept is None:
            raise UserError(f"{workdir} lost its best checkpoint: add --overwrite")
        best, progress = kept[0], Progress(**kept[1])
        calibrated = evaluate.calibrate(run.logits_step, best, data, config)
        if jax.process_index() == 0:
            workdirs.write_json(workdir / "calibration.json", calibrated)
        metadata = {"epoch": progress.epoch, "best_cer": progress.best_cer}
        tracker.model(saved.path(checkpoints.BEST), f"{config.name}-best", metadata)
    _final_scores(run, best, calibrated["temperature"], progress.epoch, workdir)


def _count_updates(config, batches_per_epoch: int) -> int:
    """Return the updates of the training. Raises UserError if there is none."""
    batches = batches_per_epoch * config.num_epochs
    if batches < config.accumulate_steps:
        raise UserError(
            f"config.accumulate_steps is {config.accumulate_steps}: the training has "
            f"{batches} batches, fewer than one update"
        )
    return batches // config.accumulate_steps


def _train_epochs(run: Run, state, progress: Progress, saved, workdir: Path):
    """Train to the last epoch; raise KeyboardInterrupt when asked to stop."""
    with distributed.stop_signals(run.config.log_every_steps) as stop:
        while not _is_done(run.config, progress):
            rows = run.lines.plan(run.config, progress.epoch)
            state, progress = _train_epoch(run, state, progress, rows, stop)
            if progress.batch == run.batches_per_epoch:
                state, progress = _end_epoch(run, state, progress, saved, workdir)
            else:
                saved.save(checkpoints.LATEST, state, progress._asdict())
            if stop.is_set():
                raise KeyboardInterrupt(
                    f"Stopped at step {int(state.step)}, checkpoint written: the same "
                    "command goes on from there."
                )
    return state


def _train_epoch(run: Run, state, progress: Progress, rows: list[plan.PlanRow], stop):
    """Train on the rest of the epoch's batches, until `stop` is set."""
    first = progress.batch
    batches = pipeline.batches(run.lines, rows, run.config, run.mesh, first=first)
    since, pending, metrics = time.monotonic(), [], []
    for dispatched in plan.dispatches(rows[first:], run.config.steps_per_dispatch):
        if stop.is_set():
            break
        own = tuple(itertools.islice(batches, len(dispatched)))
        run.tracker.compiling(dispatched[0].bucket.width, len(run.lines.buckets))
        state, values = run.train_steps(state, own)
        pending += dispatched
        metrics.append(values)
        if len(pending) >= run.config.log_every_steps:
            progress = progress_lib.log_steps(
                run, state, progress, pending, metrics, since
            )
            since, pending, metrics = time.monotonic(), [], []
    if pending:
        progress = progress_lib.log_steps(run, state, progress, pending, metrics, since)
    return state, progress


def _end_epoch(run: Run, state, progress: Progress, saved, workdir: Path):
    """Validate, keep the state if it is the best, and checkpoint."""
    started = time.monotonic()
    split, charset = run.data.splits["validation"], run.data.charset
    eval_step = steps.make_eval_step(run.logits_step, run.mesh)
    reader = train_state.for_inference(state)
    evaluation = evaluate.evaluate(eval_step, reader, split, charset, run.config)
    scores = evaluation.summary()
    is_best = progress.best_cer is None or scores["cer"] < progress.best_cer
    train_loss = progress.loss / max(progress.lines, 1)
    values = {f"validation/{key}": value for key, value in scores.items()} | {
        "train/loss": train_loss,
        "train/seconds": progress.seconds,
        "train/lines_per_second": len(run.lines) / max(progress.seconds, 1e-9),
        "validation/seconds": time.monotonic() - started,
    }
    progress = Progress(
        epoch=progress.epoch + 1,
        best_cer=scores["cer"] if is_best else progress.best_cer,
        stale_epochs=0 if is_best else progress.stale_epochs + 1,
    )
    # The log comes first: after a kill in between, the epoch is logged again.
    run.tracker.epoch(int(state.step), progress.epoch, values, best=is_best)
    if is_best:
        saved.save(checkpoints.BEST, reader, progress._asdict())
    saved.save(checkpoints.LATEST, state, progress._asdict())
    lines, readings = split.lines, evaluation.readings
    shown = [
        (lines.line_ids[i], lines.image(i), lines.transcripts[i], readings[i])
        for i in range(len(split))[:SHOWN_LINES]
    ]
    if jax.process_index() == 0:
        reading_tables.write_readings(workdir, shown)
    run.tracker.readings(int(state.step), shown)
    huge_pages.give_back()
    return state, progress


def _final_scores(run: Run, best, temperature: float, epoch: int, workdir: Path):
    """Score the best state on validation and test; print and write the scores."""
    scores = {"epoch": epoch, "parameters": train_state.count_parameters(best)}
    if jax.process_index() == 0:
        print(
            f"\nKept is the network of epoch {epoch}, of the lowest validation CER (*)"
        )
    by_split = evaluate.score_splits(
        run.logits_step, best, run.data, run.config, temperature, workdir
    )
    scores |= {name: split.as_json() for name, split in by_split.items()}
    if jax.process_index() == 0:
        workdirs.write_json(workdir / "scores.json", scores)
        if by_split["validation"].has_learnt_nothing():
            updates = run.batches_per_epoch * run.config.num_epochs
            print(report.why_nothing_was_learnt(run.config, len(run.lines), updates))
        else:
            print(
                f"\nRead an image: python -m ocr_jax.predict --workdir={workdir} IMAGE"
            )


def _is_done(config, progress: Progress) -> bool:
    is_stale = 0 < config.early_stop_patience <= progress.stale_epochs
    return is_stale or progress.epoch >= config.num_epochs


def _announce(run: Run, known: Charset, state, progress: Progress):
    """Say what is about to be trained, and at the start what is odd about its lines."""
    run.tracker.message(_describe(run, state, progress))
    if progress == Progress():
        for remark in training_lines.remarks(run.data, known):
            run.tracker.message(remark)


def _describe(run: Run, state, progress: Progress) -> str:
    """Describe in one line what is about to be trained, and from where."""
    start = f"from step {int(state.step)}, epoch {progress.epoch + 1}"
    return (
        f"{train_state.count_parameters(state):,} parameters, "
        f"{len(run.data.charset.characters)} characters, "
        f"{len(run.lines)} training lines of height {run.data.height}, "
        f"{run.mesh.size} x {jax.devices()[0].platform}"
        + (f"; resuming {start}" if int(state.step) else "")
    )
