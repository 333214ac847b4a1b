"""A lines file as training sees it: splits with label ids under one charset."""

import dataclasses
from pathlib import Path

import numpy as np

from ocr_jax import ctc, display_order, workdirs
from ocr_jax.charset import Charset, shown
from ocr_jax.data import lines_file, plan, stretching
from ocr_jax.errors import UserError

NO_CHARACTERS = Charset(())
# What to do where the lines that a score is asked of have changed, or are missing.
NAME_IT = ": restore it, or name it with --lines_file to score on others"
NAME_ONE = "name a file with --lines_file=FILE.h5"


@dataclasses.dataclass(frozen=True)
class LabelledSplit:
    """A split's lines in use (`indices`), and the label ids of all its lines.

    buckets: the shapes that its lines are padded to, wide enough for all of them.
    dense_from: characters to the height from which on lines are stretched; 0: none is.
    """

    lines: lines_file.Split
    labels: list[np.ndarray]
    indices: np.ndarray
    buckets: tuple[plan.Bucket, ...]
    dense_from: float = 0.0
    # Mesh → the lines on its devices; filled by resident.py.
    on_devices: dict = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def widths(self) -> np.ndarray:
        """The widths (n,) in pixels of the lines in use."""
        return self.lines.widths[self.indices]

    @property
    def spelled(self) -> np.ndarray:
        """Whether the label ids (n,) of all lines spell the whole transcript."""
        return self.label_lengths == [len(text) for text in self.lines.transcripts]

    @property
    def label_lengths(self) -> np.ndarray:
        """The label lengths (n,) of all lines."""
        return np.array([len(label) for label in self.labels], np.int32)

    def padded_labels(self) -> np.ndarray:
        """Return the label ids (n, L) int32 of all lines, as long as any bucket's."""
        longest = max(bucket.label_width for bucket in self.buckets)
        padded = np.zeros((len(self.labels), longest), np.int32)
        for row, label in zip(padded, self.labels, strict=True):
            row[: len(label)] = label
        return padded

    def plan(self, config, epoch: int) -> list[plan.PlanRow]:
        """Return the epoch plan over the lines in use, as indices into all lines."""
        rows = plan.plan_epoch(
            self.widths,
            config.batch_size,
            self.buckets,
            config.seed,
            epoch,
            in_a_row=config.steps_per_dispatch,
        )
        return [row._replace(indices=self.indices[row.indices]) for row in rows]

    def impossible(self, model) -> np.ndarray:
        """Return the indices of lines whose label needs more frames than they have."""
        labels = self.padded_labels(), self.label_lengths
        needed = np.asarray(ctc.required_frames(*labels))
        return np.flatnonzero(needed > model.frames(self.lines.widths))

    def dense_factors(self, counts: np.ndarray) -> np.ndarray:
        """Return by how much lines (n,) of so many characters are stretched."""
        lines = self.lines
        return stretching.factors(counts, lines.widths, lines.height, self.dense_from)

    def as_learnt(self) -> "LabelledSplit":
        """Return the same split, dense lines stretched as their transcripts ask for."""
        return self.stretched(self.dense_factors(self.label_lengths))

    def stretched(self, factors: np.ndarray) -> "LabelledSplit":
        """Return the same split with all lines at `factors` (n,) times their widths."""
        if np.all(factors == 1):
            return self
        lines = self.lines.stretched(factors)
        buckets = plan.holding(self.buckets, lines.widths, self.label_lengths)
        return dataclasses.replace(self, lines=lines, buckets=buckets)

    def without(self, excluded: np.ndarray) -> "LabelledSplit":
        """Return the same split with the lines at these indices out of use."""
        return dataclasses.replace(self, indices=np.setdiff1d(self.indices, excluded))


@dataclasses.dataclass(frozen=True)
class Dataset:
    """The splits of a lines file that a run uses, with their height and charset."""

    height: int
    charset: Charset
    splits: dict[str, LabelledSplit]

    def describe(self) -> dict:
        """Return what identifies the data, as JSON; a run resumes only on the same."""
        direction = self.charset.direction
        [dense_from] = {split.dense_from for split in self.splits.values()}
        return (
            {
                "height": self.height,
                "charset": list(self.charset.characters),
                "digests": {name: s.lines.digest for name, s in self.splits.items()},
            }
            | ({"direction": direction} if direction else {})
            | ({"dense": dense_from} if dense_from else {})
        )


def load(
    config,
    names: tuple[str, ...],
    *,
    optional: tuple[str, ...] = (),
    any_characters: bool = False,
    charset: Charset | None = None,
    known: Charset = NO_CHARACTERS,
    dense_from: float | None = None,
) -> Dataset:
    """Open config.lines_file and label its splits.

    `optional` splits are loaded if the file has them. any_characters: labels leave out
    what the charset lacks. charset: of a trained network; it takes the place of the
    config's. known: of a network that is trained on; where config.charset is empty, its
    characters stay beside the file's. dense_from: of a trained network; see
    LabelledSplit. Raises UserError if the file, its height or its characters do not
    match.
    """
    if dense_from is None:
        dense_from = stretching.dense_from(config)
    with lines_file.LinesFile(config.lines_file) as file:
        if config.height not in (0, file.height):
            raise UserError(
                f"{config.lines_file} has lines of {file.height} px height, but "
                f"config.height is {config.height}: prepare another file with "
                f"--height={config.height} and name it with --config.lines_file=FILE.h5"
            )
        buckets = _buckets(file, config.num_buckets, dense_from)
        names = [*names, *(set(optional) & set(file.splits))]
        found = {name: file.split(name) for name in names}
        charset = charset or _charset(config, known, file.charset, found)
        splits = {}
        for name, split in found.items():
            if not any(split.transcripts):
                raise UserError(
                    f"{config.lines_file}: {name} has no text, all of its transcripts "
                    "are empty: prepare it with transcripts"
                )
            unknown = charset.unknown(split.transcripts)
            if unknown and not any_characters:
                raise UserError(
                    f"{config.lines_file}: {name} has characters outside the charset: "
                    f"'{shown(unknown)}'. To train, add them to config.charset or "
                    "leave it empty. A network trained without them cannot read them"
                )
            left_out = str.maketrans("", "", unknown)
            labels = [charset.encode(t.translate(left_out)) for t in split.transcripts]
            used = np.arange(len(split))
            splits[name] = LabelledSplit(split, labels, used, buckets, dense_from)
        return Dataset(file.height, charset, splits)


def _buckets(
    file: lines_file.LinesFile, count: int, dense_from: float
) -> tuple[plan.Bucket, ...]:
    """Return the same shapes for all splits: programs for one serve the others."""
    widths, lengths = file.sizes()
    if not dense_from:
        return plan.make_buckets(widths, lengths, count)
    factors = stretching.factors(lengths, widths, file.height, dense_from)
    widths = np.append(widths, stretching.new_widths(widths, factors))
    # Lines are read at any width between the two.
    return plan.rising(plan.make_buckets(widths, np.tile(lengths, 2), count))


def _charset(
    config, known: Charset, of_file: Charset, splits: dict[str, lines_file.Split]
) -> Charset:
    """Return the charset that the config and the lines of a file ask for."""
    texts = [text for split in splits.values() for text in split.transcripts]
    charset = known.extended(of_file)
    if config.charset:
        charset = Charset.typed(config.charset, texts)
    has_directions = known.direction or display_order.has_right_to_left(texts)
    if config.text_direction == "display" or not has_directions:
        return charset
    return charset.directed(config.text_direction or display_order.majority(texts))


def load_unchanged(workdir: Path, config) -> Dataset:
    """Load the lines that the run in a workdir was trained on; config: its network's.

    Raises UserError if the lines file has changed since.
    """
    description = workdirs.read_json(workdir / "dataset.json")
    data = load(
        config,
        tuple(description["digests"]),
        any_characters=True,  # new ones mean that the file has changed
        charset=Charset.described(description),
        dense_from=description.get("dense", 0.0),
    )
    splits = {name: split.lines for name, split in data.splits.items()}
    refuse_changed(splits, config.lines_file, workdir)
    return data


def refuse_changed(splits: dict, path: str, workdir: Path, advice: str = ""):
    """Raise UserError if splits, of a lines or pages file, differ from a run's."""
    digests = workdirs.read_json(workdir / "dataset.json")["digests"]
    for name, split in splits.items():
        if split.digest != digests.get(name, split.digest):
            raise UserError(
                f"{path} has changed since {workdir} was trained on it: its {name} "
                f"split differs{advice}"
            )


def refuse_exported(workdir: Path, advice: str):
    """Raise UserError if a network was exported: its lines file is not known."""
    if (workdir / workdirs.WEIGHTS).exists():
        raise UserError(
            f"{workdir} was exported, and does not say on which lines file it was "
            f"trained: {advice}"
        )


def leave_out_impossible(data: Dataset, model) -> LabelledSplit:
    """Return the training lines whose labels fit their frames; report the others.

    Raises UserError if no line is left.
    """
    for name, split in data.splits.items():
        read = split if name == "train" else split.as_learnt()
        if len(left_out := read.impossible(model)):
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
