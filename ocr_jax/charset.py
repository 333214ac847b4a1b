"""Charset: the characters a recogniser knows, and their class ids (0 is the blank)."""

import collections
import dataclasses
import functools
import re
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from ocr_jax import display_order
from ocr_jax.errors import UserError

BLANK = 0
# Letters, marks, numbers, punctuation, symbols and spaces, as Unicode calls them.
WRITTEN = frozenset("LMNPSZ")


def normalize(text: str) -> str:
    """Return the text in NFC, white space folded to single spaces, ends trimmed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def is_written(character: str) -> bool:
    """Whether a character can be seen on paper; control characters can't."""
    return unicodedata.category(character)[0] in WRITTEN or character.isspace()


def written(text: str) -> tuple[str, collections.Counter]:
    """Return the normalised text without what can't be written, and count the latter.

    Left out are control and formatting characters, such as soft hyphens and marks of
    direction, and characters without a meaning in Unicode (private or unassigned).
    """
    dropped = collections.Counter(filter(lambda c: not is_written(c), text))
    return normalize("".join(c for c in text if c not in dropped)), dropped


def shown(characters: Iterable[str]) -> str:
    """Spell characters for people: U+200B for those that can't be seen."""
    return "".join(
        c if c == " " or (c.isprintable() and is_written(c)) else f" U+{ord(c):04X} "
        for c in characters
    )


def counted(counts: collections.Counter, most: int = 20) -> str:
    """List characters for people with their counts, the most frequent first."""
    listed = [
        f"{shown([c]).strip() or 'space'} ({n:,})" for c, n in counts.most_common(most)
    ]
    return ", ".join(listed) + " …" * (len(counts) > most)


@dataclasses.dataclass(frozen=True)
class Charset:
    """An ordered set of characters; the id of `characters[i]` is i + 1.

    direction: of lines that mix directions, see display_order; ids are in display order
    then, and texts in logical order. "" leaves the order of every text as it is.
    """

    characters: tuple[str, ...]
    direction: str = ""

    def __post_init__(self):
        for character in self.characters:
            if len(character) != 1:
                raise UserError(
                    f"a charset entry must be a single character: {character!r} is "
                    f"{'longer' if character else 'empty'}"
                )
        if doubled := [
            c for c, n in collections.Counter(self.characters).items() if n > 1
        ]:
            raise UserError(
                f"the charset has {doubled[0]!r} more than once: expected each "
                "character once"
            )

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Charset":
        """Return the smallest charset that spells the texts, in code point order."""
        return cls(tuple(sorted(set().union(*map(set, texts)))))

    @classmethod
    def described(cls, description: dict) -> "Charset":
        """Return the charset of a dataset.json, of today or of long ago."""
        return cls(tuple(description["charset"]), description.get("direction", ""))

    @classmethod
    def typed(cls, characters: str, texts: Sequence[str]) -> "Charset":
        """Return the charset that someone typed to spell the texts.

        Some systems type an accented letter as two characters. If the charset as it is
        doesn't spell the texts, letters and accents are put together as in the texts.
        """
        if len(set(characters)) == len(characters):
            known = cls(tuple(characters))
            if not known.unknown(texts):
                return known
        letters = re.findall(
            r".[\u0300-\u036f]*", unicodedata.normalize("NFC", characters), re.S
        )
        if len(set(letters)) != len(letters):
            return cls(tuple(letters))  # which refuses them
        composed = dict.fromkeys("".join(letters))
        parts = set(unicodedata.normalize("NFD", characters))
        for character in cls.of(texts).characters:
            if parts.issuperset(unicodedata.normalize("NFD", character)):
                composed.setdefault(character)
        return cls(tuple(composed))

    def directed(self, direction: str) -> "Charset":
        """Return the charset for texts of a direction, with both of its brackets."""
        if not direction:
            return self
        both = dict.fromkeys(self.characters)
        both |= dict.fromkeys(map(display_order.looks_like, self.characters))
        return Charset(tuple(both), direction)

    def extended(self, other: "Charset") -> "Charset":
        """Return these characters, in their order, and those that only `other` has."""
        return Charset(tuple(dict.fromkeys(self.characters + other.characters)))

    @property
    def num_classes(self) -> int:
        """The number of characters plus the blank."""
        return len(self.characters) + 1

    def encode(self, text: str) -> np.ndarray:
        """Return the label ids (L,) int32. Raises UserError for unknown characters."""
        if missing := self.unknown([text]):
            raise UserError(
                f"{text!r} has characters outside the charset: '{shown(missing)}'"
            )
        displayed = display_order.display(text, self.direction)[0]
        return np.array([self._ids[character] for character in displayed], np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of collapsed label ids, which contain no blanks."""
        return self.read(ids)[0]

    def read(self, ids: Sequence[int]) -> tuple[str, list[int]]:
        """Return the text of label ids, and the place in `ids` of each character."""
        return display_order.logical(self.spell(ids), self.direction)

    def spell(self, ids: Sequence[int]) -> str:
        """Return the characters of label ids in the order of the ids."""
        return "".join(self.characters[i - 1] for i in ids)

    def unknown(self, texts: Iterable[str]) -> str:
        """Return the characters of the texts that the charset lacks, in order."""
        used = set().union(*map(set, texts))
        if self.direction:
            used |= set(map(display_order.looks_like, used))
        return "".join(sorted(used - self._ids.keys()))

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {character: i + 1 for i, character in enumerate(self.characters)}
