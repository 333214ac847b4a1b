"""Charset: the characters a recogniser knows, and their class ids (0 is the blank)."""

import dataclasses
import functools
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from ocr_jax.errors import UserError

BLANK = 0


def normalize(text: str) -> str:
    """Return the text in NFC, white space folded to single spaces, ends trimmed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


@dataclasses.dataclass(frozen=True)
class Charset:
    """An ordered set of characters; the id of `characters[i]` is i + 1."""

    characters: tuple[str, ...]

    def __post_init__(self):
        if any(len(character) != 1 for character in self.characters):
            raise UserError("a charset entry must be a single character")
        if len(set(self.characters)) != len(self.characters):
            raise UserError("duplicate character in the charset")

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Charset":
        """Return the smallest charset that spells the texts, in code point order."""
        return cls(tuple(sorted(set().union(*map(set, texts)))))

    @property
    def num_classes(self) -> int:
        """The number of characters plus the blank."""
        return len(self.characters) + 1

    def encode(self, text: str) -> np.ndarray:
        """Return the label ids (L,) int32. Raises UserError for unknown characters."""
        if missing := self.unknown([text]):
            raise UserError(f"{text!r} has characters outside the charset: {missing!r}")
        return np.array([self._ids[character] for character in text], np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of collapsed label ids, which contain no blanks."""
        return "".join(self.characters[i - 1] for i in ids)

    def unknown(self, texts: Iterable[str]) -> str:
        """Return the characters of the texts that the charset lacks, in order."""
        return "".join(sorted(set().union(*map(set, texts)) - self._ids.keys()))

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {character: i + 1 for i, character in enumerate(self.characters)}
