"""What a few lines of a collection are worth: a table, a picture of few_lines.yaml.

    python experiments/studies/few_lines.py runs/few_lines/* --before=0.199 --out=F.png

For each number of training lines, the validation CER, greedy, with its 95 % interval:
means of its runs, whose seeds or lines differ, and the CERs of the best and the worst.
Runs that went on from a network are drawn apart from those from nothing.
--before is that network's own CER before any training.
"""

import collections
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from ocr_jax import errors, workdirs
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError

STARTS = {"pretrained:hands": "#0072B2", "nothing": "#D55E00"}


def main():
    """Print a table of all runs, and draw them."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--before", type=float, help="a CER, from 0 to 1")
    parser.add_argument("--out", required=True, type=Path, help="the PNG to write")
    args = parser.parse_args()
    if not 0 <= (args.before or 0) <= 1:
        raise UserError(f"--before={args.before}: expected a CER from 0 to 1")
    groups = collections.defaultdict(list)
    for run in args.runs:
        start, lines, *scores = measured(run)
        groups[start, lines].append(scores)
    curves = collections.defaultdict(list)
    print("| start | lines | runs | CER | best – worst |\n|---|---|---|---|---|")
    for (start, lines), runs in sorted(groups.items()):
        cer, low, high = np.mean(runs, axis=0)
        curves[start].append((lines, cer, low, high))
        cers = [cer for cer, _, _ in runs]
        print(
            f"| {start} | {lines} | {len(runs)} | {cer:.1%} ({low:.1%} – {high:.1%}) "
            f"| {min(cers):.1%} – {max(cers):.1%} |"
        )
    draw(curves, args.before, args.out)


def measured(run: Path) -> tuple[str, int, float, float, float]:
    """Return (start, lines in its file, CER, its interval) of a finished run."""
    config, scores = workdirs.load_config(run), workdirs.scores(run)
    if scores is None:
        raise UserError(f"{run} has no final scores yet")
    with lines_file.LinesFile(config.lines_file) as file:
        lines = len(file.split("train"))
    validation = scores["validation"]
    cer, interval = validation["summary"]["cer"], validation["intervals"]["cer"]
    return config.init_from or "nothing", lines, cer, *interval


def draw(curves: dict[str, list], before: float | None, path: Path):
    """Draw error rates over numbers of lines, with their intervals."""
    figure, axes = plt.subplots(figsize=(5.6, 3.4), dpi=150)
    for start, rows in curves.items():
        lines, cer, low, high = zip(*rows, strict=True)
        color = STARTS.get(start, "#009E73")
        axes.plot(lines, cer, "o-", color=color, label=f"from {start}")
        axes.fill_between(lines, low, high, color=color, alpha=0.15, linewidth=0)
    if before is not None:
        axes.axhline(
            before, color="#555555", linestyle=":", label="before any training"
        )
    axes.set_xscale("log")
    ticks = sorted({row[0] for rows in curves.values() for row in rows})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.minorticks_off()
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.set_xlabel("training lines")
    axes.set_ylabel("CER of unseen hands")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    try:
        figure.savefig(path, bbox_inches="tight")
    except (OSError, ValueError) as error:  # no folder; a format that nobody knows
        raise UserError(f"--out={path}: {errors.reason(error, path)}") from None


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
