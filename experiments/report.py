"""A table of finished runs: what differs between them, and what came of it.

    python experiments/report.py runs/ideas/*

The first run is what the others are compared with. Prints Markdown, in the order given.
"""

import argparse
import statistics
from pathlib import Path

from ocr_jax import config as config_lib
from ocr_jax import errors, tracking, workdirs
from ocr_jax.errors import UserError

# What differs in every run, and says nothing.
NOT_SHOWN = ("name", "wandb.", "experiment_group")
HEADER = ("run", "what differs", "CER (95 %)", "epochs", "lines/s", "parameters")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 2 for a mistake."""
    return errors.exit_code(lambda: run(argv))


def run(argv: list[str] | None = None):
    """Print the table of the workdirs that argv names."""
    parser = errors.ArgumentParser(
        prog="python experiments/report.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("workdirs", nargs="+", type=Path)
    parser.add_argument("--split", default="validation")
    args = parser.parse_args(argv)
    print(table(args.workdirs, args.split))


def table(paths: list[Path], split: str) -> str:
    """The runs in `paths` as a Markdown table; UserError for one that is unfinished."""
    base = workdirs.load_config(paths[0])
    rows = [HEADER, ("---",) * len(HEADER)]
    rows += [_row(path, base, split) for path in paths]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(path: Path, base, split: str) -> tuple[str, ...]:
    scores = workdirs.scores(path)
    if scores is None:
        raise UserError(f"{path} is not finished: no scores.json in it")
    if split not in scores:
        raise UserError(f"{path} has no scores of {split!r}")
    changes = [
        change.partition(" → ")
        for change in config_lib.differences(base, workdirs.load_config(path))
        if not change.startswith(NOT_SHOWN)
    ]
    differs = ", ".join(f"{key.partition(':')[0]}={new}" for key, _, new in changes)
    rows = tracking.read_metrics(path / tracking.METRICS)
    epochs = [row for row in rows if "epoch" in row]
    speed = statistics.median(row["train/lines_per_second"] for row in epochs)
    cer = scores[split]["summary"]["cer"]
    low, high = scores[split]["intervals"]["cer"]
    return (
        path.name,
        differs,
        f"{cer:.1%} ({low:.1%} – {high:.1%})",
        str(len(epochs)),
        f"{speed:.0f}",
        f"{scores['parameters']:,}",
    )


if __name__ == "__main__":
    raise SystemExit(main())
