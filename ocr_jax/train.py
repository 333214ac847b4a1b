"""The training loop: a pure function of config, data and seed that can be resumed."""

import contextlib
import itertools
import shlex
import time
from pathlib import Path

import jax

from ocr_jax import (
    between,
    checkpoints,
    claims,
    line_training,
    optimizers,
    run_names,
    steps,
    train_state,
    workdirs,
)
from ocr_jax import config as config_lib
from ocr_jax import progress as progress_lib
from ocr_jax.data import plan
from ocr_jax.errors import UserError
from ocr_jax.progress import Progress, Run, Task
from ocr_jax.runtime import devices, distributed, huge_pages
from ocr_jax.tracking import metrics_file, profiling
from ocr_jax.tracking.tracker import Tracker

# A training that is killed loses no more than these, and the time of a few steps.
SAVE_SECONDS = 600


def train_and_evaluate(config, workdir: Path, *, overwrite: bool = False) -> dict:
    """Train or resume the run in `workdir`; return its scores, as in scores.json.

    Raises UserError for a mistake or a loss that is not finite. Ctrl-C and SIGTERM
    write a checkpoint and raise KeyboardInterrupt.
    """
    config_lib.check(config)
    workdir = Path(workdir)
    run_names.refuse_as_new("--workdir", workdir)
    with distributed.joined(config), distributed.claim(workdir, config, overwrite):
        if not claims.is_finished(workdir, config):
            _train(config, workdir)
        else:
            print(
                f"{workdir} is finished: {_further(workdir)}--overwrite trains it anew."
            )
        with distributed.main_first():  # which writes them
            return workdirs.scores(workdir)


def _further(workdir: Path) -> str:
    """Return how a finished run is trained further, "" if it can't be."""
    rows = metrics_file.read(workdir / metrics_file.NAME)
    trained = max((row.get("epoch", 0) for row in rows), default=0)
    asked_for = workdirs.num_epochs(workdir)
    is_kept = checkpoints.last_step(workdir, checkpoints.LATEST) is not None
    if not is_kept or trained < asked_for:  # early stopping ended it
        return ""
    return (
        f"--workdir={shlex.quote(str(workdir))} --config.num_epochs=N trains it "
        f"further, with N above {asked_for}; "
    )


def _train(config, workdir: Path):
    devices.use_compilation_cache()
    with distributed.main_first():
        task = _task(config, workdir)
    config = task.config
    batches_per_epoch = len(task.plan_epoch(epoch=0))
    updates = _count_updates(config, batches_per_epoch)
    schedule = optimizers.make_schedule(config, updates)
    tx = task.optimizer(schedule)
    shapes = devices.replicated_shapes(task.state_shapes(tx), task.mesh)

    with contextlib.ExitStack() as stack:
        saved = stack.enter_context(checkpoints.Checkpoints(workdir))
        latest = saved.restore(checkpoints.LATEST, shapes)
        if latest is None:
            _refuse_random_weights(workdir, batches_per_epoch)
            first = task.first_state(tx, shapes)
            state, progress = devices.replicate(first, task.mesh), Progress()
        else:
            state, progress = latest[0], Progress.saved(latest[1])
            _refuse_stale(config, progress, workdir)
        distributed.begin(workdir, config)
        if latest is None:
            _begin_anew(task, state, saved)
        tracker = Tracker(
            workdir, config, int(state.step), is_main=jax.process_index() == 0
        )
        stack.enter_context(tracker)
        trace = stack.enter_context(profiling.Trace(config, workdir, tracker.message))
        run = Run(
            config=config,
            task=task,
            batches_per_epoch=batches_per_epoch,
            schedule=jax.jit(schedule),  # one program, not a dozen small ones
            train_steps=trace.of(steps.make_train_steps(task.train_step(tx))),
            tracker=tracker,
        )
        _announce(run, state, progress)
        state = _train_epochs(run, state, progress, saved)
        kept = saved.restore(checkpoints.BEST, train_state.for_inference(state))
        if kept is None:
            raise UserError(f"{workdir} lost its best checkpoint: add --overwrite")
        best, progress = kept[0], Progress.saved(kept[1])
        task.calibrate(best)
        metadata = progress.kept() | {"best_error": progress.best_error}
        tracker.model(saved.path(checkpoints.BEST), f"{config.name}-best", metadata)
    task.finish(best, progress, int(state.step))


def _begin_anew(task: Task, state, saved: checkpoints.Checkpoints):
    """Keep the start; remove what a kill before the first LATEST left of another."""
    saved.remove(checkpoints.BEST)
    if task.config.init_from:
        saved.remove(checkpoints.START)
        start = devices.replicate(task.start_of(state), task.mesh)
        saved.save(checkpoints.START, start, {})


def _refuse_stale(config, progress: Progress, workdir: Path):
    """Raise UserError for a finished run that more epochs would leave as it is."""
    if _is_stale(config, progress) and workdirs.scores(workdir) is not None:
        raise UserError(
            f"early stopping ended {workdir} after {progress.epoch} epochs: to train "
            f"on from it, name another --workdir and --config.init_from={workdir}"
        )


def _refuse_random_weights(workdir: Path, batches_per_epoch: int):
    """Raise UserError if a run without its latest checkpoint was trained before.

    A kill in the first epoch may leave the best one alone: such a run begins again.
    """
    best = checkpoints.last_step(workdir, checkpoints.BEST) or 0
    if workdirs.scores(workdir) is not None or best > batches_per_epoch:
        raise UserError(
            f"{workdir} has no latest checkpoint (it is an ensemble, or that was "
            "removed), so it can't be trained further: name another --workdir, with "
            f"--config.init_from={shlex.quote(str(workdir))}, or add --overwrite"
        )


def _task(config, workdir: Path) -> Task:
    """Return what is trained: a recogniser of lines, or a finder of them."""
    if config.encoder != "page":
        return line_training.LineTraining(config, workdir)
    from ocr_jax.pages import page_training  # 0.2 s, which no recogniser needs

    return page_training.PageTraining(config, workdir)


def _count_updates(config, batches_per_epoch: int) -> int:
    """Return the updates of the training. Raises UserError if there is none."""
    batches = batches_per_epoch * config.num_epochs
    if batches < config.accumulate_steps:
        raise UserError(
            f"config.accumulate_steps is {config.accumulate_steps}: the training has "
            f"{batches} batches, fewer than one update"
        )
    return batches // config.accumulate_steps


def _train_epochs(run: Run, state, progress: Progress, saved):
    """Train to the last epoch; raise KeyboardInterrupt when asked to stop."""
    with distributed.stop_signals(run.config.log_every_steps) as stop:
        while not _is_done(run.config, progress):
            rows = run.task.plan_epoch(progress.epoch)
            state, progress = _train_epoch(
                run, state, progress, rows, saved=saved, stop=stop
            )
            if progress.batch == run.batches_per_epoch:
                state, progress = _end_epoch(run, state, progress, saved)
            else:
                saved.save(checkpoints.LATEST, state, progress._asdict())
            if stop.is_set():
                raise KeyboardInterrupt(
                    f"Stopped at step {int(state.step)}, checkpoint written: the same "
                    "command goes on from there."
                )
    return state


def _train_epoch(
    run: Run, state, progress: Progress, rows: list[plan.PlanRow], *, saved, stop
):
    """Train on the rest of the epoch's batches, until `stop` is set.

    A long epoch is saved on the way.
    """
    first = progress.batch
    batches = run.task.batches(rows, progress.epoch, first)
    since, pending, metrics = time.monotonic(), [], []
    for dispatched in plan.dispatches(rows[first:], run.config.steps_per_dispatch):
        if stop.is_set():
            break
        own = tuple(itertools.islice(batches, len(dispatched)))
        run.tracker.compiling(dispatched[0].bucket.width, run.task)
        state, values = run.train_steps(state, own)
        pending += dispatched
        metrics.append(values)
        if len(pending) >= run.config.log_every_steps:
            progress = progress_lib.log_steps(
                run, state, progress, pending, metrics=metrics, since=since
            )
            is_due = time.monotonic() > saved.saved_at + SAVE_SECONDS
            # The end of the epoch saves the same step, with more to say of it.
            is_last = progress.batch == run.batches_per_epoch
            if distributed.any_process(is_due and not is_last):
                saved.save(checkpoints.LATEST, state, progress._asdict())
            since, pending, metrics = time.monotonic(), [], []
    if pending:
        progress = progress_lib.log_steps(
            run, state, progress, pending, metrics=metrics, since=since
        )
    return state, progress


def _end_epoch(run: Run, state, progress: Progress, saved):
    """Validate, keep the state if it is the best, and checkpoint."""
    started = time.monotonic()
    reader = train_state.for_inference(state)
    validated = run.task.validate(reader, run.tracker)
    ended, is_best = _ended(progress, validated.error)
    if run.config.init_from and _is_done(run.config, ended):
        share, reader, validated = _best_share(run, reader, validated, saved)
        better, is_best = _ended(progress, validated.error)
        ended = ended._replace(best_error=better.best_error, share=share)
    seconds, unit = progress.seconds, run.task.unit
    values = {f"validation/{key}": value for key, value in validated.scores.items()} | {
        "train/loss": progress.loss / max(progress.lines, 1),
        "train/seconds": seconds,
        f"train/{unit}s_per_second": run.task.size / max(seconds, 1e-9),
        "validation/seconds": time.monotonic() - started,
    }
    if ended.share < 1:
        values["validation/share"] = ended.share
    # The log comes first: after a kill in between, the epoch is logged again.
    run.tracker.epoch(int(state.step), ended.epoch, values, best=is_best)
    if is_best:
        saved.save(checkpoints.BEST, reader, ended._asdict())
    saved.save(checkpoints.LATEST, state, ended._asdict())
    validated.show()
    huge_pages.give_back()
    return state, ended


def _ended(progress: Progress, error: float) -> tuple[Progress, bool]:
    """Return the progress after an epoch of this error, and whether it is the best."""
    best, stale = progress.best_error, progress.stale_epochs + 1
    is_best = best is None or error < best
    if is_best:
        best, stale = error, 0
    return Progress(progress.epoch + 1, best_error=best, stale_epochs=stale), is_best


def _best_share(run: Run, reader, validated, saved):
    """Return between.best_share of a run; all of the way if it kept no start."""
    kept = saved.restore(checkpoints.START, reader)
    if kept is None:
        return 1.0, reader, validated
    return between.best_share(run, kept[0], reader, validated)


def _is_done(config, progress: Progress) -> bool:
    return _is_stale(config, progress) or progress.epoch >= config.num_epochs


def _is_stale(config, progress: Progress) -> bool:
    return 0 < config.early_stop_patience <= progress.stale_epochs


def _announce(run: Run, state, progress: Progress):
    """Say what is about to be trained, and from where."""
    parameters = train_state.count_parameters(state)
    step, is_start = int(state.step), progress == Progress()
    run.task.announce(run.tracker, parameters, is_start=is_start)
    if step:
        run.tracker.message(f"resuming from step {step}, epoch {progress.epoch + 1}")
