"""Combine several trained networks of one architecture into one recogniser.

    python -m ocr_jax.ensemble runs/FIRST runs/SECOND --out=runs/BOTH

Networks that were trained with other seeds make other mistakes. Their mean is right
more often than each of them, and takes the time of all. The result is a workdir like
any other: predict, tune_decoder, compare and main --mode=evaluate take it.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from ocr_jax import (
    checkpoints,
    config_keys,
    errors,
    evaluate,
    inference,
    models,
    run_names,
    train_state,
    trained,
    workdirs,
)
from ocr_jax import config as config_lib
from ocr_jax.data import dataset
from ocr_jax.errors import UserError, reason
from ocr_jax.runtime import devices


def join(runs: Sequence[Path], out: Path) -> dict:
    """Write the workdir `out` that combines the best networks of several runs.

    Config and lines are those of the first run. Returns the scores. Raises UserError if
    the architectures differ, or if the runs have different validation or test lines:
    some of these may have been trained on, and a score would mean nothing.
    """
    run_names.refuse_as_new("--out", out)
    if out.exists():
        raise UserError(f"--out={out} exists already: name a new folder")
    runs = [run_names.resolve(run) for run in runs]
    if len({run.resolve() for run in runs}) < max(2, len(runs)):
        raise UserError("an ensemble needs two or more workdirs, each named once")
    config = workdirs.load_config(runs[0])
    dataset.refuse_exported(runs[0], "name another of the runs first")
    devices.use_cores(config.batch_size)
    devices.use_compilation_cache()
    members = [trained.load_best(run) for run in runs]
    for run, member in zip(runs[1:], members[1:], strict=True):
        _refuse_other(runs[0], members[0], run, member)
    config.ensemble_size, config.freeze = len(members), ""
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        scores = _write(config, runs[0], members, partial)
        os.rename(partial, out)
    except OSError as error:
        raise UserError(f"--out={out}: {reason(error, out)}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print(
        "\nRead an image: python -m ocr_jax.predict "
        f"--workdir={shlex.quote(str(out))} IMAGE"
    )
    return scores


def _refuse_other(first_run: Path, first, run: Path, member):
    """Raise UserError unless both networks can be averaged."""
    kinds = [
        {key: best.config[key] for key in config_keys.ARCHITECTURE}
        | {"height": best.height, "charset": best.config.charset}
        | {"text_direction": best.config.text_direction}
        | {"shortcut": bool(best.config.shortcut_weight), "dense": best.dense_from}
        for best in (first, member)
    ]
    if changes := config_lib.differences(*kinds):
        raise UserError(
            f"{first_run} and {run} have different architectures "
            f"({'; '.join(changes)}): ensemble members must match"
        )
    if first.config.ensemble_size > 1:
        raise UserError(f"{first_run} is an ensemble: name its member runs instead")
    digests, others = (
        workdirs.read_json(path / "dataset.json")["digests"]
        for path in (first_run, run)
    )
    for name in workdirs.SCORED:
        if name in digests and digests[name] != others.get(name):
            raise UserError(
                f"{first_run} and {run} have different {name} lines: train both "
                "on one split of the collection"
            )


def _write(config, first: Path, members: list, workdir: Path) -> dict:
    """Write everything in the workdir; return the scores."""
    data = dataset.load_unchanged(first, members[0].config)
    workdirs.write_json(workdir / "config.json", config.to_dict())
    workdirs.write_json(workdir / "environment.json", workdirs.environment())
    shutil.copy(first / "dataset.json", workdir)
    state = members[0].state.replace(
        **{
            kind: {
                f"members_{i}": getattr(member.state, kind)
                for i, member in enumerate(members)
                if getattr(member.state, kind)
            }
            for kind in train_state.WEIGHTS
        }
    )
    with checkpoints.Checkpoints(workdir) as saved:
        saved.save(checkpoints.BEST, state, {})
    mesh = devices.make_reading_mesh(config.batch_size)
    state = devices.replicate(state, mesh)
    model = models.build_model(config, data.charset.num_classes)
    logits_step = inference.make_logits_step(model)
    calibrated = evaluate.calibrate(logits_step, state, data, config)
    workdirs.write_json(workdir / "calibration.json", calibrated)
    scores = {"parameters": train_state.count_parameters(state)}
    by_split = evaluate.score_splits(
        logits_step,
        state,
        data,
        config,
        temperature=calibrated["temperature"],
        workdir=workdir,
    )
    scores |= {name: split.as_json() for name, split in by_split.items()}
    workdirs.write_json(workdir / "scores.json", scores)
    return scores


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 2 for a mistake."""
    return errors.exit_code(lambda: _run(argv))


def _run(argv: list[str] | None):
    parser = errors.ArgumentParser(
        prog="python -m ocr_jax.ensemble", description=__doc__
    )
    parser.add_argument("runs", nargs="+", metavar="WORKDIR", help="two or more runs")
    parser.add_argument("--out", type=Path, required=True, help="the workdir to make")
    args = parser.parse_args(argv)
    join(args.runs, args.out)


if __name__ == "__main__":
    sys.exit(main())
