"""Breaks errors down by character, by writer and by length of line."""

import collections
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from ocr_jax.scoring import metrics

# How many parts of about as many lines each the lengths are divided into.
LENGTHS = 5


class Confusion(NamedTuple):
    """One kind of error: "" is written where there is nothing, or read."""

    written: str
    read: str
    count: int
    occurrences: int  # of `written` in the transcripts


class Part(NamedTuple):
    """Counts of some lines: those of a writer, or those of similar length."""

    name: str
    lines: int
    exact: int
    chars: int
    char_edits: int
    words: int
    word_edits: int


class Analysis(NamedTuple):
    """The errors in some lines, most frequent and worst first."""

    chars: int
    substitutions: int
    deletions: int
    insertions: int
    confusions: list[Confusion]
    writers: list[Part]  # none where none is known
    lengths: list[Part]  # by characters of the transcript, ascending

    def as_json(self) -> dict:
        """Return the analysis as dicts and lists."""
        parts = {
            name: [row._asdict() for row in getattr(self, name)]
            for name in ("confusions", "writers", "lengths")
        }
        return self._asdict() | parts


def analyse(
    transcripts: Sequence[str], readings: Sequence[str], writers: Sequence[str]
) -> Analysis:
    """Analyse the errors of n lines by one minimal alignment per line."""
    pairs = zip(transcripts, readings, strict=True)
    kinds = collections.Counter(edit for pair in pairs for edit in edits(*pair))
    occurrences = collections.Counter(character for t in transcripts for character in t)
    counts = metrics.count(transcripts, readings)
    names = sorted(set(writers)) if any(writers) else []
    by_writer = [
        _part(name, np.array([writer == name for writer in writers]), counts)
        for name in names
    ]
    return Analysis(
        chars=int(counts.chars.sum()),
        substitutions=sum(
            n for (written, read), n in kinds.items() if written and read
        ),
        deletions=sum(n for (_, read), n in kinds.items() if not read),
        insertions=sum(n for (written, _), n in kinds.items() if not written),
        confusions=[
            Confusion(*kind, count, occurrences[kind[0]])
            for kind, count in kinds.most_common()
        ],
        writers=sorted(
            by_writer, key=lambda part: -part.char_edits / max(part.chars, 1)
        ),
        lengths=[
            _part(name, inside, counts) for name, inside in _by_length(counts.chars)
        ],
    )


def edits(transcript: str, reading: str) -> Iterator[tuple[str, str]]:
    """Yield (written, read) for each edit of a minimal alignment; "" is missing."""
    for tag, source, target in Levenshtein.editops(transcript, reading):
        written = "" if tag == "insert" else transcript[source]
        yield written, "" if tag == "delete" else reading[target]


def _by_length(lengths: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """("12–20", which lines (n,) are so long) in up to LENGTHS like parts."""
    shares = np.arange(1, LENGTHS + 1) / LENGTHS
    ends = np.unique(np.quantile(lengths, shares, method="lower"))
    places = np.searchsorted(ends, lengths)
    for place, end in enumerate(ends):
        inside = places == place
        start = lengths[inside].min()
        yield f"{start}–{end}" if start < end else f"{end}", inside


def _part(name: str, inside: np.ndarray, counts: metrics.Counts) -> Part:
    """Sum the counts over the lines selected by `inside` (n,)."""
    sums = (int(getattr(counts, field)[inside].sum()) for field in Part._fields[2:])
    return Part(name, int(inside.sum()), *sums)
