"""The lines of a training, and what to know about their characters beforehand."""

import collections
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import ml_collections

from ocr_jax import charset, display_order, workdirs
from ocr_jax.data import dataset, lines_file
from ocr_jax.errors import UserError

# A network hardly learns a character that it sees less often.
FEW = 5
SHOWN_IDS = 5


def load(
    config, workdir: Path, known: charset.Charset = dataset.NO_CHARACTERS
) -> dataset.Dataset:
    """Load the lines to train on in a workdir; a run goes on as it was begun.

    known: the characters of the network that it goes on from.
    """
    path = workdir / "dataset.json"
    if path.exists() and not config.text_direction:
        direction = workdirs.read_json(path).get("direction")
        config = ml_collections.ConfigDict(config)
        config.text_direction = direction or "display"
    data = dataset.load(
        config, ("train", "validation"), optional=("test",), known=known
    )
    splits = data.splits | {"train": data.splits["train"].as_learnt()}
    return dataclasses.replace(data, splits=splits)


def refuse_other_direction(workdir: Path, config):
    """Raise UserError if the config names another direction than a run's lines have."""
    known = charset.Charset.described(workdirs.read_json(workdir / "dataset.json"))
    direction = known.direction or "display"
    # Left-to-right lines are the same in every direction.
    matters = display_order.has_right_to_left(known.characters)
    if matters and config.text_direction not in ("", direction):
        raise UserError(
            f"config.text_direction is {config.text_direction!r}, but {workdir} was "
            f"trained with {direction!r}: leave out --config.text_direction"
        )


def remarks(
    data: dataset.Dataset, known: charset.Charset = dataset.NO_CHARACTERS
) -> Iterator[str]:
    """Yield what to know before the training, a line each.

    known: the characters of the network that it goes on from.
    """
    splits = {name: split.lines for name, split in data.splits.items()}
    counts = {
        name: collections.Counter("".join(split.transcripts))
        for name, split in splits.items()
    }
    train = counts["train"]
    both = set(known.characters) & set(data.charset.characters)
    if kept := sorted(both - train.keys()):
        yield f"in no training line, so not trained: '{charset.shown(kept)}'"
    can_be_read = train.keys() | both
    for name in counts:
        if missing := _only(counts[name], lambda c: c not in can_be_read):
            yield (
                f"only {name} has, so that the network can't learn to read: "
                f"{charset.counted(missing)}"
            )
    if few := _only(train, lambda character: train[character] < FEW):
        yield f"fewer than {FEW} times in train: {charset.counted(few)}"
    if direction := data.charset.direction:
        yield (
            "right-to-left lines: the network learns the order on the page, and reads "
            f"texts in logical order ({direction}: lines that mix directions run "
            f"{'right to left' if direction == display_order.RTL else 'left to right'})"
        )
        for name, split in splits.items():
            if ids := list(_ambiguous(split, direction)):
                more = " …" * (len(ids) > SHOWN_IDS)
                yield (
                    f"{len(ids):,} {name} lines may be read in another order, which "
                    f"looks the same: {', '.join(ids[:SHOWN_IDS])}{more}"
                )


def _only(counts: collections.Counter, wanted) -> collections.Counter:
    """Return the counts of the wanted characters."""
    return collections.Counter({c: n for c, n in counts.items() if wanted(c)})


def _ambiguous(split: lines_file.Split, direction: str) -> Iterator[str]:
    """Yield the ids of lines whose display order has another logical order as well."""
    for line_id, text in zip(split.line_ids, split.transcripts, strict=True):
        displayed = display_order.display(text, direction)[0]
        if display_order.logical(displayed, direction)[0] != text:
            yield line_id
