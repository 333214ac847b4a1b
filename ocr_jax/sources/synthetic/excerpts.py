"""Takes lines from a given text: its words, in order, as long as its lines.

So lines that are made have the characters and the language of a collection, accents,
spellings and all. Each split has a part of the text for itself.
"""

import functools
from collections.abc import Set
from pathlib import Path

import h5py
import numpy as np

from ocr_jax import charset
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError

# Of the text's words, for train, validation and test.
SHARES = (0.9, 0.05, 0.05)
# In each split's part: fewer would be the same line again and again.
LEAST_WORDS = 20


@functools.cache
def read(path: str) -> tuple[str, ...]:
    """The lines of a UTF-8 text, or the training transcripts of a lines file.

    Raises UserError for a file that is neither, or is too short.
    """
    if h5py.is_hdf5(path):
        with lines_file.LinesFile(Path(path)) as file:
            lines = file.split("train").transcripts
    else:
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            raise UserError(f"--text={path} can't be read: {reason}") from None
    lines = tuple(line for line in map(charset.normalize, lines) if line)
    count, needed = sum(len(line.split()) for line in lines), LEAST_WORDS / min(SHARES)
    if count < needed:
        raise UserError(
            f"--text={path} has {count} words: expected {needed:.0f} or more"
        )
    return lines


@functools.cache
def _words(path: str, split: str, known: frozenset[str]) -> tuple[str, ...]:
    """The words of a split's part of the text that are spelt with these characters."""
    words = " ".join(read(path)).split()
    ends = np.round(np.cumsum((0, *SHARES)) * len(words)).astype(int)
    part = lines_file.SPLITS.index(split)
    return tuple(w for w in words[ends[part] : ends[part + 1]] if known.issuperset(w))


def line(
    path: str,
    split: str,
    max_characters: int,
    known: Set[str],
    rng: np.random.Generator,
) -> str:
    """Words that follow each other in the text, of `known` characters alone.

    As many as fit the length of some line of the text, and max_characters; at least
    one, cut if need be. Raises UserError where no word can be spelt.
    """
    words = _words(path, split, frozenset(known))
    if not words:
        raise UserError(f"--text={path} has no word that the font can write")
    lines = read(path)
    length = min(max_characters, len(lines[rng.integers(len(lines))]))
    start = int(rng.integers(len(words)))
    text = words[start][:max_characters]
    for word in words[start + 1 :]:
        if len(text) + 1 + len(word) > length:
            break
        text += " " + word
    return text
