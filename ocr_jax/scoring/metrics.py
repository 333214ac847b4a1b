"""Scores as sums: edits per line, added up, and divided only when shown.

Texts are compared as written and `folded`: in one case and without
punctuation, which is any character whose Unicode category begins with P. Words are
split at white space or, as `tokens`, punctuation is split off them, too.
"""

import dataclasses
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from ocr_jax import charset

# What the lab took off both ends before it compared: space, `|` and its padding.
LAB_STRIPPED = " |_"
# Draws of writers that an interval is taken from.
RESAMPLES = 1000


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts of n lines, each (n,); CER and WER are ratios of their sums."""

    char_edits: np.ndarray
    chars: np.ndarray
    word_edits: np.ndarray
    words: np.ndarray
    token_edits: np.ndarray
    tokens: np.ndarray
    folded_char_edits: np.ndarray
    folded_chars: np.ndarray
    folded_word_edits: np.ndarray
    folded_words: np.ndarray
    exact: np.ndarray
    character_accuracy: np.ndarray
    loss: np.ndarray | None = None  # CTC loss, 0 where the label is impossible
    feasible: np.ndarray | None = None
    top3: np.ndarray | None = None  # of characters: among the three likeliest


class Difference(NamedTuple):
    """A score of one system minus the score of another, on the same lines."""

    value: float
    interval: tuple[float, float]  # 95 %
    not_better: float  # share of the resamples in which the first one's is not better


def folded(text: str) -> str:
    """Return the text case-folded, without punctuation, in NFC."""
    kept = (c for c in text.casefold() if not _is_punctuation(c))
    return charset.normalize("".join(kept))


def tokens(text: str) -> list[str]:
    """Split a text into words and punctuation marks."""
    return "".join(f" {c} " if _is_punctuation(c) else c for c in text).split()


class Score(NamedTuple):
    """A ratio of two sums of counts; with `compared` it is an error rate."""

    name: str
    title: str
    numerator: str  # a field of Counts
    denominator: str | None  # a field of Counts; None divides by the lines
    compared: Callable[[str], Sequence] | None = None  # what edits are counted in
    format: str = "{:.2%}"
    of_characters: str = ""  # its title where each line is a single character
    rises: bool = False  # better the higher it is


# Every score there is, in the order shown.
SCORES = (
    Score("cer", "character error rate (CER)", "char_edits", "chars", str),
    Score("wer", "word error rate (WER)", "word_edits", "words", str.split),
    Score("wer_tokens", "WER, punctuation split off", "token_edits", "tokens", tokens),
    Score(
        name="cer_folded",
        title="CER, no case or punctuation",
        numerator="folded_char_edits",
        denominator="folded_chars",
        compared=folded,
    ),
    Score(
        name="wer_folded",
        title="WER, no case or punctuation",
        numerator="folded_word_edits",
        denominator="folded_words",
        compared=lambda text: folded(text).split(),
    ),
    Score(
        name="character_accuracy",
        title="character accuracy, mean of lines",
        numerator="character_accuracy",
        denominator=None,
        rises=True,
    ),
    Score(
        name="exact",
        title="lines without an error",
        numerator="exact",
        denominator=None,
        of_characters="accuracy",
        rises=True,
    ),
    Score(
        name="top3",
        title="among the three likeliest",
        numerator="top3",
        denominator=None,
        of_characters="among the three likeliest",
        rises=True,
    ),
    Score("loss", "CTC loss per line", "loss", "feasible", format="{:.3f}"),
)
# Those that compare two systems: lower is better.
ERROR_RATES = tuple(score for score in SCORES if score.compared)


def count(
    transcripts: Sequence[str],
    readings: Sequence[str],
    losses: np.ndarray | None = None,
    feasible: np.ndarray | None = None,
    candidates: Sequence[str] | None = None,
) -> Counts:
    """Count the edits between transcripts and readings, line by line.

    losses (n,) and feasible (n,) come together, from `ctc`. candidates: the three
    likeliest characters, where each line is a single one.
    """
    pairs = list(zip(transcripts, readings, strict=True))
    counted = {}
    for rate in ERROR_RATES:
        compared = [tuple(map(rate.compared, pair)) for pair in pairs]
        edits = [Levenshtein.distance(*pair) for pair in compared]
        counted[rate.numerator] = np.array(edits)
        sizes = [len(transcript) for transcript, _ in compared]
        counted[rate.denominator] = np.array(sizes)
    return Counts(
        **counted,
        exact=np.array([transcript == reading for transcript, reading in pairs]),
        character_accuracy=np.array([character_accuracy(*pair) for pair in pairs]),
        loss=None if losses is None else np.where(feasible, losses, 0.0),
        feasible=feasible,
        top3=candidates
        and np.array(
            [one in c for one, c in zip(transcripts, candidates, strict=True)]
        ),
    )


def character_accuracy(transcript: str, reading: str) -> float:
    """Return the lab's score of one line: 1 - distance / length, possibly negative."""
    transcript, reading = (text.strip(LAB_STRIPPED) for text in (transcript, reading))
    if not transcript:
        return float(transcript == reading)
    return 1.0 - Levenshtein.distance(transcript, reading) / len(transcript)


def summary(counts: Counts, scores: Sequence[Score] = SCORES) -> dict[str, float]:
    """Return every score that was counted, over all lines.

    counts, here and below: also another dataclass of columns that `scores` divide.
    """
    sums = _stack(counts).sum(axis=0)
    return {
        score.name: float(_ratio(score, counts)(sums))
        for score in _counted(counts, scores)
    }


def intervals(
    counts: Counts,
    writers: Sequence[str],
    scores: Sequence[Score] = SCORES,
) -> dict[str, tuple[float, float]]:
    """Return 95 % percentile bootstrap intervals of every score (Efron, 1979).

    Writers are drawn with replacement, because lines of one writer are not independent.
    Lines are drawn if no writer is known or there is only one.
    """
    resampled = _resample(_stack(counts), writers)
    return {
        score.name: _bounds(_ratio(score, counts)(resampled))
        for score in _counted(counts, scores)
    }


def paired_differences(
    first: Counts,
    second: Counts,
    writers: Sequence[str],
    *,
    scores: Sequence[Score] = ERROR_RATES,
) -> dict[str, Difference]:
    """Return the differences of two systems' scores, by paired bootstrap.

    Both are scored on every resample, so that a hard writer counts against both. See
    Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance
    evaluation" (ICASSP 2004), with writers drawn as in `intervals`. The counts are of
    the same lines in the same order.
    """
    both = np.concatenate([_stack(first), _stack(second)], axis=1)
    width = _stack(first).shape[1]
    resampled = _resample(both, writers)
    differences = {}
    summaries = summary(first, scores), summary(second, scores)
    for score in _counted(first, scores):
        of_first, of_second = _ratio(score, first), _ratio(score, second)
        drawn = of_first(resampled[:width]) - of_second(resampled[width:])
        differences[score.name] = Difference(
            value=summaries[0][score.name] - summaries[1][score.name],
            interval=_bounds(drawn),
            not_better=float(np.mean(drawn <= 0 if score.rises else drawn >= 0)),
        )
    return differences


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


def _resample(columns: np.ndarray, writers: Sequence[str]) -> np.ndarray:
    """Sum the columns (n, k) over resampled writers: (k, RESAMPLES)."""
    groups = _groups(writers)
    sums = np.zeros((groups.max() + 1, columns.shape[1]))
    np.add.at(sums, groups, columns)
    size = len(sums)
    draws = np.random.default_rng(0).multinomial(
        size, np.full(size, 1 / size), RESAMPLES
    )
    return (draws @ sums).T


def _bounds(values: np.ndarray) -> tuple[float, float]:
    """Return the middle 95 %."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def units(writers: Sequence[str]) -> str:
    """Return what is resampled: the writers of lines, if there are several."""
    return "writers" if len(set(writers)) > 1 else "lines"


def _groups(writers: Sequence[str]) -> np.ndarray:
    """Return the bootstrap unit of each line: its writer, or the line itself."""
    if units(writers) == "lines":
        return np.arange(len(writers))
    names = [writer or f"\0{index}" for index, writer in enumerate(writers)]
    return np.unique(names, return_inverse=True)[1]


def _columns(counts: Counts) -> dict[str | None, np.ndarray]:
    """Return the counts by name, and under None a 1 for each line."""
    columns = {f.name: getattr(counts, f.name) for f in dataclasses.fields(counts)}
    counted = {name: values for name, values in columns.items() if values is not None}
    return counted | {None: np.ones(len(next(iter(counted.values()))))}


def _stack(counts: Counts) -> np.ndarray:
    """Stack all columns as (n, k) float64."""
    return np.stack(list(_columns(counts).values()), axis=1).astype(np.float64)


def _counted(counts: Counts, scores: Sequence[Score]) -> list[Score]:
    """Return the scores whose counts are there."""
    columns = _columns(counts)
    return [score for score in scores if score.numerator in columns]


def _ratio(score: Score, counts: Counts) -> Callable[[np.ndarray], np.ndarray]:
    """Return the score as a function of summed columns (k, ...)."""
    columns = list(_columns(counts))
    numerator = columns.index(score.numerator)
    denominator = columns.index(score.denominator)
    return lambda sums: sums[numerator] / np.maximum(sums[denominator], 1)
