"""Compare runs side by side: their configs and their scores.

    python experiments/report.py runs/ideas/*
    python experiments/report.py runs/ideas/* --out=report.html

Prints a Markdown table of the runs, in the order given. The first is what the others
are compared with. A folder of runs stands for all of them. A run that is not finished
has the error rate of its last epoch, and its state beside it. Runs that differ in the
seed alone also have their mean and spread. With --out it writes one HTML page: the
table, learning curves, readings side by side, for two runs a test of their difference,
for three and more what their parameters did. All readings are greedy.
"""

from pathlib import Path

from reporting import runs as runs_lib

from ocr_jax import errors, extras, workdirs
from ocr_jax.tracking import console

HEADER = ("run", "what differs", "{score} (95 %)", "epochs", "{unit}/s", "parameters")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 2 for a mistake."""
    return errors.exit_code(lambda: run(argv))


def run(argv: list[str] | None = None):
    """Report on the workdirs that argv names."""
    parser = errors.ArgumentParser(
        prog="python experiments/report.py", description=__doc__
    )
    parser.add_argument(
        "workdirs", nargs="+", type=Path, help="runs, or folders of them"
    )
    parser.add_argument(
        "--split",
        choices=workdirs.SCORED,
        default="validation",
        help="(default: validation)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="PAGE.html", help="page to write (default: a table)"
    )
    args = parser.parse_args(argv)
    if args.out is None:
        print(table(args.workdirs, args.split))
        return
    page = extras.load("reporting.page")  # plotly, which only the page takes
    page.write(args.out, runs_lib.read(args.workdirs, args.split), args.split)


def table(paths: list[Path], split: str) -> str:
    """Return the runs in `paths` as a Markdown table.

    Raises UserError if no run has scores of the split, or one those of other lines.
    """
    runs = runs_lib.read(paths, split)
    runs_lib.refuse_unknown_split(runs, split)
    runs_lib.refuse_other_lines(runs)
    titles = {"score": next(iter(runs[0].names.values())), "unit": runs[0].unit}
    rows = [[name.format(**titles) for name in HEADER], ("---",) * len(HEADER)]
    rows += [_row(run, runs[0], split) for run in runs]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    notes = runs_lib.notes(runs)
    return "\n".join([*lines, *([""] if notes else []), *notes])


def _row(run: runs_lib.Run, base: runs_lib.Run, split: str) -> tuple[str, ...]:
    keys = runs_lib.differing_keys([base, run])
    count = run.parameters
    return (
        run.name,
        ", ".join(f"{key}={run.config[key]!r}" for key in keys),
        _rate(run, split),
        str(len(run.epochs)),
        console.ABSENT if run.speed is None else f"{run.speed:.0f}",
        console.ABSENT if count is None else f"{count:,}",
    )


def _rate(run: runs_lib.Run, split: str) -> str:
    """The score with its interval; the last epoch's with the state of the run."""
    name = next(iter(run.names))
    rate = console.shown(run.rate(name, split), "{:.1%}")
    if not run.scores:
        return f"{rate} ({run.state})"
    low, high = run.scores["intervals"][name]
    return f"{rate} ({low:.1%} – {high:.1%})"


if __name__ == "__main__":
    raise SystemExit(main())
