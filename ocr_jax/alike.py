"""Characters that look alike: kinds of quotes and of dashes, letters with marks."""

import collections
import unicodedata
from collections.abc import Collection

# Transcribers choose one of a group by convention, hardly ever by what is on the paper.
CONVENTIONS = ("'’‘ʼ′´`", '"“”„‟″«»', "-‐‑–—−¬⸗")
FIRST_OF = {other: group[0] for group in CONVENTIONS for other in group}


def plain(character: str) -> str:
    """Return the character that stands for all that look like this one.

    It is the first of its group of CONVENTIONS, or the letter or digit without marks: e
    for é and ẽ, s for ſ, 2 for ².
    """
    if character in FIRST_OF:
        return FIRST_OF[character]
    parts = unicodedata.normalize("NFKD", character)
    unmarked = [part for part in parts if not unicodedata.combining(part)]
    return unmarked[0] if len(unmarked) == 1 else character


def like(character: str, others: Collection[str]) -> str | None:
    """Return the one of `others` that looks most like a character; None without one."""
    wanted = plain(character)
    if wanted in others:
        return wanted
    return min((other for other in others if plain(other) == wanted), default=None)


def written_instead(counts: collections.Counter) -> dict[str, str]:
    """Return what lines write in the place of quotes and dashes that they never have.

    counts: of their characters. It is the most frequent of the same group, if any.
    """
    instead = {}
    for group in CONVENTIONS:
        used = max(group, key=lambda character: counts[character])
        if counts[used]:
            unused = (character for character in group if not counts[character])
            instead |= dict.fromkeys(unused, used)
    return instead
