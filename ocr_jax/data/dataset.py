"""A lines file as training sees it: splits with label ids under one charset."""

import dataclasses
from pathlib import Path

import numpy as np

from ocr_jax import ctc, workdirs
from ocr_jax.charset import Charset
from ocr_jax.data import lines_file, plan
from ocr_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class LabelledSplit:
    """A split's lines in use (`indices`), and the label ids of all its lines."""

    lines: lines_file.Split
    labels: list[np.ndarray]
    indices: np.ndarray
    # Mesh → the same lines on its devices, once resident.py has put them there.
    on_devices: dict = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def widths(self) -> np.ndarray:
        """Widths (n,) in pixels of the lines that take part."""
        return self.lines.widths[self.indices]

    @property
    def label_lengths(self) -> np.ndarray:
        """Label lengths (n,) of all lines."""
        return np.array([len(label) for label in self.labels], np.int32)

    def padded_labels(self) -> np.ndarray:
        """Label ids (n, L) int32 of all lines, zero padded; L is at least 1."""
        padded = np.zeros((len(self.labels), max(1, *self.label_lengths)), np.int32)
        for row, label in zip(padded, self.labels, strict=True):
            row[: len(label)] = label
        return padded

    def plan(self, config, epoch: int) -> list[plan.PlanRow]:
        """The epoch plan over the lines that take part, as indices into all lines."""
        buckets = plan.bucket_widths(self.widths, config.num_buckets)
        rows = plan.plan_epoch(
            self.widths,
            config.batch_size,
            buckets,
            config.seed,
            epoch,
            in_a_row=config.steps_per_dispatch,
        )
        return [row._replace(indices=self.indices[row.indices]) for row in rows]

    def impossible(self, model) -> np.ndarray:
        """Indices of lines whose label needs more frames than the model gives them."""
        labels = self.padded_labels(), self.label_lengths
        needed = np.asarray(ctc.required_frames(*labels))
        return np.flatnonzero(needed > model.frames(self.lines.widths))

    def without(self, left_out: np.ndarray) -> "LabelledSplit":
        """The same split with some lines, given by index, taking no part."""
        return dataclasses.replace(self, indices=np.setdiff1d(self.indices, left_out))


@dataclasses.dataclass(frozen=True)
class Dataset:
    """The splits of a lines file that a run uses, and what they have in common."""

    height: int
    charset: Charset
    splits: dict[str, LabelledSplit]

    def describe(self) -> dict:
        """What identifies the data, as JSON: a run resumes only on the same."""
        return {
            "height": self.height,
            "charset": list(self.charset.characters),
            "digests": {name: s.lines.digest for name, s in self.splits.items()},
        }


def load(config, names: tuple[str, ...], *, optional: tuple[str, ...] = ()) -> Dataset:
    """Open config.lines_file and label its splits.

    `optional` splits are loaded if the file has them. Raises UserError if the file, its
    height or its characters do not match the config.
    """
    with lines_file.LinesFile(config.lines_file) as file:
        if config.height not in (0, file.height):
            raise UserError(
                f"{config.lines_file} holds lines {file.height} px high, config.height "
                f"is {config.height}: prepare it with --height={config.height}"
            )
        charset = Charset(tuple(config.charset)) if config.charset else file.charset
        splits = {}
        for name in [*names, *(set(optional) & set(file.splits))]:
            split = file.split(name)
            if unknown := charset.unknown(split.transcripts):
                raise UserError(
                    f"{config.lines_file}: {name} has characters outside the charset: "
                    f"{unknown!r}. To train, add them to config.charset, or leave it "
                    "empty; a trained network can't read them"
                )
            labels = [charset.encode(transcript) for transcript in split.transcripts]
            splits[name] = LabelledSplit(split, labels, np.arange(len(split)))
        return Dataset(file.height, charset, splits)


def load_unchanged(workdir: Path, config) -> Dataset:
    """Load the lines that the run in a workdir was trained on; config: its network's.

    Raises UserError if the lines file has changed since.
    """
    trained_on = workdirs.read_json(workdir / "dataset.json")["digests"]
    data = load(config, tuple(trained_on))
    for name, digest in trained_on.items():
        if data.splits[name].lines.digest != digest:
            raise UserError(
                f"{config.lines_file} is not what {workdir} was trained on: its {name} "
                "lines have changed since"
            )
    return data


def leave_out_impossible(data: Dataset, model) -> LabelledSplit:
    """Return the training lines whose labels fit their frames; report the others.

    Raises UserError if no line is left.
    """
    for name, split in data.splits.items():
        if len(left_out := split.impossible(model)):
            ids = [split.lines.line_ids[index] for index in left_out]
            print(
                f"{len(ids)} of {len(split)} {name} lines have more characters than "
                f"frames and give no loss: {', '.join(ids[:5])}{' …' * (len(ids) > 5)}"
            )
    lines = data.splits["train"]
    lines = lines.without(lines.impossible(model))
    if len(lines) == 0:
        raise UserError(
            "every training line has more characters than frames: lower "
            "config.frame_stride or config.window_stride"
        )
    return lines
