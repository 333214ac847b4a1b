"""Takes lines from a given text: its words, in order, as long as its lines.

Synthetic lines then have the language of a collection, with its accents and spellings.
Each split uses its own part of the text.
"""

import functools
import os
from collections.abc import Set
from pathlib import Path

import h5py
import numpy as np

from ocr_jax import charset, regular_files
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError

# Shares of the text's words for train, validation and test.
SHARES = (0.9, 0.05, 0.05)
# Fewest words per split; fewer would give the same line again and again.
LEAST_WORDS = 20


@functools.cache
def read(path: str) -> tuple[str, ...]:
    """Read the lines of a UTF-8 text, or the training transcripts of a lines file.

    Raises UserError if the file is neither, or is too short.
    """
    if os.path.isfile(path) and h5py.is_hdf5(path):
        with lines_file.LinesFile(Path(path)) as file:
            lines = file.split("train").transcripts
    else:
        lines = regular_files.read_text(path, f"--text={path}").splitlines()
    lines = tuple(line for line in map(charset.normalize, lines) if line)
    count, needed = sum(len(line.split()) for line in lines), LEAST_WORDS / min(SHARES)
    if count < needed:
        raise UserError(
            f"--text={path} has {count} words: expected {needed:.0f} or more"
        )
    return lines


def words(path: str, split: str, known: frozenset[str]) -> tuple[str, ...]:
    """Return the words of a split's part of the text that use only `known`.

    Raises UserError if there are none.
    """
    if not (found := _words(path, split, known)):
        raise UserError(f"--text={path} has no word that the font can write")
    return found


def count(path: str, split: str, known: frozenset[str]) -> int:
    """Count the words of a split's part of the text that use only `known`."""
    return len(_words(path, split, known))


@functools.cache
def _words(path: str, split: str, known: frozenset[str]) -> tuple[str, ...]:
    everything = " ".join(read(path)).split()
    ends = np.round(np.cumsum((0, *SHARES)) * len(everything)).astype(int)
    part = lines_file.SPLITS.index(split)
    here = everything[ends[part] : ends[part + 1]]
    return tuple(word for word in here if known.issuperset(word))


def line(
    path: str,
    split: str,
    max_characters: int,
    known: Set[str],
    rng: np.random.Generator,
) -> str:
    """Return consecutive words of the text that use only `known` characters.

    They fill the length of a random line of the text, and at most max_characters. There
    is at least one word, cut if necessary. Raises UserError if no word can be spelt.
    """
    whole = words(path, split, frozenset(known))
    lines = read(path)
    length = min(max_characters, len(lines[rng.integers(len(lines))]))
    start = int(rng.integers(len(whole)))
    text = whole[start][:max_characters]
    for place in range(start + 1, len(whole)):
        if len(text) + 1 + len(whole[place]) > length:
            break
        text += " " + whole[place]
    return text
