"""How well networks between the start and the end of a training read: a table.

    python experiments/studies/between.py runs/few_lines/hands_214_1 0 0.35 0.5 0.7 1

The run went on from another network and is finished. A number is the share of the way
from that network to the last epoch's: 0 is the start, above 1 is beyond the end. What
did not start from that network, as a new character's part of the output layer, stays.
"""

from pathlib import Path

from ocr_jax import (
    between,
    checkpoints,
    errors,
    line_training,
    optimizers,
    train_state,
    workdirs,
)
from ocr_jax.errors import UserError
from ocr_jax.runtime import devices


def main():
    """Print the validation CER and loss at each share of the way."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("shares", nargs="+", type=float)
    args = parser.parse_args()
    config = workdirs.load_config(args.run)
    if not config.init_from:
        raise UserError(f"{args.run} started from nothing: expected a config.init_from")
    if config.encoder == "page":
        raise UserError(f"{args.run} finds lines: expected a run that reads them")
    devices.use_cores(config.batch_size)
    task = line_training.LineTraining(config, args.run)
    tx = task.optimizer(optimizers.make_schedule(task.config, 1))
    shapes = devices.replicated_shapes(task.state_shapes(tx), task.mesh)
    with checkpoints.Checkpoints(args.run, read_only=True) as saved:
        latest = saved.restore(checkpoints.LATEST, shapes)
        kept = saved.restore(checkpoints.START, train_state.for_inference(shapes))
    if latest is None or kept is None:
        lacks = "latest" if latest is None else "start"
        raise UserError(
            f"{args.run} has no checkpoint {lacks}: train it with --overwrite"
        )
    start, end = kept[0], train_state.for_inference(latest[0])
    print("| share of the way | CER | loss |\n|---|---|---|")
    for share in args.shares:
        scores = task.validate(between.mean(start, end, share), None).scores
        print(f"| {share:.0%} | {scores['cer']:.2%} | {scores['loss']:.2f} |")


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
