"""What a training has gained: the CER of held-out lines before and after it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ocr_jax import workdirs
from ocr_jax.app.training import Trainings
from ocr_jax.data import lines_file
from ocr_jax.images import cleaning
from ocr_jax.recognizer import Recognizer
from ocr_jax.scoring import metrics


class Gain(NamedTuple):
    """The CER before and after a training, and of its change a 95 % interval."""

    before: float
    after: float
    low: float
    high: float
    lines: int

    def __str__(self) -> str:
        """Say it in a sentence."""
        change = self.after - self.before
        return (
            f"CER on {self.lines} held-out lines: {self.before:.1%} before, "
            f"{self.after:.1%} after; change {100 * change:+.1f} points, "
            f"95 % interval {100 * self.low:+.1f} to {100 * self.high:+.1f}"
        )


def of(trainings: Trainings, name: str) -> Gain:
    """Return what a training has gained, which is kept beside it. Raises UserError."""
    kept = trainings.folder / f"{name}.gain.json"
    if kept.exists():
        return Gain(**workdirs.read_json(kept))
    with lines_file.LinesFile(trainings.folder / f"{name}.h5") as file:
        split = file.split("validation")
    networks = trainings.network(name), trainings.workdir(name)
    first, second = (_count(network, split) for network in networks)
    change = metrics.paired_differences(second, first, split.writers)["cer"]
    gain = Gain(
        before=float(metrics.summary(first)["cer"]),
        after=float(metrics.summary(second)["cer"]),
        low=float(change.interval[0]),
        high=float(change.interval[1]),
        lines=len(split),
    )
    workdirs.write_json(kept, gain._asdict())
    return gain


def _count(network: str | Path, split: lines_file.Split) -> metrics.Counts:
    """Count the edits of the lines of a split as a network reads them."""
    images = [
        cleaning.CleanLine(np.asarray(split.image(i)), 0.0, 1.0)
        for i in range(len(split))
    ]
    readings = Recognizer.load(network).read_lines(images)
    return metrics.count(split.transcripts, [reading.text for reading in readings])
