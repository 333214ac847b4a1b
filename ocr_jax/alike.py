"""Characters that look alike: kinds of quotes and of dashes, letters with marks."""

import collections
import unicodedata
from collections.abc import Collection

# Transcribers choose one of a group more often by convention than by what they see.
CONVENTIONS = ("'’‘‚‛ʼ′´`‹›׳", '"“”„‟″«»〝〞״', "-‐‑‒–—―−¬⸗־")
FIRST_OF = {other: group[0] for group in CONVENTIONS for other in group}
# One mark, however it is written. Long dashes, and quotes that open or close, are more.
SPELLINGS = ("'’‘ʼ′´`", "-‐‑")


def plain(character: str) -> str:
    """Return the character that stands for all that look like this one.

    It is the first of its group of CONVENTIONS, or the letter or digit without marks: e
    for é and ẽ, s for ſ, 2 for ². A mark alone, such as ¨, stands for itself.
    """
    if character in FIRST_OF:
        return FIRST_OF[character]
    parts = unicodedata.normalize("NFKD", character)
    unmarked = [part for part in parts if not unicodedata.combining(part)]
    is_letter = len(unmarked) == 1 and not unmarked[0].isspace()
    return unmarked[0] if is_letter else character


def like(character: str, others: Collection[str]) -> str | None:
    """Return one of `others` that looks like a character: the `plain` one if it can be.

    None if none of them looks like it.
    """
    wanted = plain(character)
    if wanted in others:
        return wanted
    return min((other for other in others if plain(other) == wanted), default=None)


def written_instead(counts: collections.Counter) -> dict[str, str]:
    """Return what lines write for the apostrophes and hyphens that they never have.

    counts: of their characters. It is the most frequent of the same spelling, if any.
    """
    instead = {}
    for group in SPELLINGS:
        used = max(group, key=lambda character: counts[character])
        if counts[used]:
            unused = (character for character in group if not counts[character])
            instead |= dict.fromkeys(unused, used)
    return instead
