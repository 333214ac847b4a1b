"""The order in which characters stand on the page, for right-to-left scripts.

Transcripts are in logical order, as people type and read. A network reads from left to
right, so its labels are in display order: what stands at the left comes first. The
rules are those of Unicode's bidirectional algorithm (UAX #9), as python-bidi has them,
with the pairs of brackets (rule N0) that its Python code lacks. A character's marks
stay behind it, and a bracket becomes the one that it looks like.

A line's base direction is right to left if it has no left-to-right letter, and else
that of the collection. Lines without right-to-left characters stay as they are.
"""

import functools
import itertools
import operator
import unicodedata
from collections.abc import Iterable, Sequence

LTR, RTL = "ltr", "rtl"
RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))
# Lines of these kinds alone are reversed as a whole.
PLAIN = frozenset(("R", "AL", "NSM", "WS", "ON", "ES", "ET", "CS"))
KNOWN = PLAIN | {"L", "EN", "AN"}
# Texts tried before the search for one with a given display order is given up.
ROUNDS = 8


def has_right_to_left(texts: Iterable[str]) -> bool:
    """Whether any character of the texts is written from right to left."""
    characters = set().union(*map(set, texts))
    return any(unicodedata.bidirectional(c) in RIGHT_TO_LEFT for c in characters)


def majority(texts: Iterable[str]) -> str:
    """Return RTL or LTR, the direction of most letters of the texts that mix them."""
    mixed = (text for text in texts if has_right_to_left([text]))
    return RTL if _balance(mixed) >= 0 else LTR


def is_right_to_left(texts: Iterable[str]) -> bool:
    """Whether more letters of the texts are written from right to left than not."""
    return _balance(texts) > 0


def _balance(texts: Iterable[str]) -> int:
    """Return how many more letters are written from right to left than not."""
    kinds = map(unicodedata.bidirectional, itertools.chain.from_iterable(texts))
    return sum((kind in ("R", "AL")) - (kind == "L") for kind in kinds)


def display(text: str, direction: str) -> tuple[str, list[int]]:
    """Return the text in display order, and the place in `text` of each character.

    direction: the collection's, RTL or LTR; "" leaves every text as it is.
    """
    if not direction or text.isascii() or not has_right_to_left([text]):
        return text, [*range(len(text))]
    levels = _levels(text, direction)
    order = _reorder(text, levels)
    return "".join(_mirrored(text[i], levels[i]) for i in order), order


def logical(displayed: str, direction: str) -> tuple[str, list[int]]:
    """Return the text that is displayed like this, and the places of its characters.

    Two texts can look the same, as `1 a` and `a 1` do within Hebrew. One of them is
    returned then.
    """
    text, order = displayed, [*range(len(displayed))]
    if not direction or text.isascii() or not has_right_to_left([text]):
        return text, order
    found = []
    for start in (displayed, "".join(reversed(displayed))):
        levels = _levels(start, direction)
        if start is not displayed:
            levels.reverse()
        for _ in range(ROUNDS):
            order = _reorder(displayed, levels)
            text = "".join(_mirrored(displayed[i], levels[i]) for i in order)
            found.append((text, order))
            if display(text, direction)[0] == displayed:
                return text, order
            by_place = zip(order, _levels(text, direction), strict=True)
            after = [level for _, level in sorted(by_place)]
            if after == levels:
                break
            levels = after
    return found[0]


def looks_like(character: str) -> str:
    """Return what a bracket looks like among right-to-left letters; others stay."""
    return _mirrored(character, 1)


def _mirrored(character: str, level: int) -> str:
    if level % 2 == 0 or not unicodedata.mirrored(character):
        return character
    from bidi import mirror

    return mirror.MIRRORED.get(character, character)


def _levels(text: str, direction: str) -> list[int]:
    """Return the embedding level of each character; odd ones run from right to left."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    # Separators and invisible controls of direction, if any, are neutral.
    kinds = [kind if kind in KNOWN else "ON" for kind in kinds]
    if PLAIN.issuperset(kinds):
        return [1] * len(text)
    from bidi import algorithm

    base = 1 if "L" not in kinds or direction == RTL else 0
    storage = algorithm.get_empty_storage()
    storage |= {"base_level": base, "base_dir": "LR"[base]}
    storage["chars"] = [
        {"ch": character, "level": base, "type": kind, "orig": kind}
        for character, kind in zip(text, kinds, strict=True)
    ]
    algorithm.calc_level_runs(storage)
    algorithm.resolve_weak_types(storage)
    _resolve_brackets(storage["chars"], base)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    return [character["level"] for character in storage["chars"]]


def _resolve_brackets(characters: list[dict], base: int):
    """Give each pair of brackets the direction of what it holds (rule N0)."""
    inner = "LR"[base]
    for opening, closing in sorted(_pairs(characters)):
        kinds = set(map(_strong, characters[opening + 1 : closing])) - {None}
        if inner in kinds:
            kind = inner
        elif kinds:
            before = map(_strong, reversed(characters[:opening]))
            kind = next(filter(None, before), inner)
        else:
            continue
        for place in (opening, closing):
            characters[place]["type"] = kind
            for mark in itertools.takewhile(_is_mark, characters[place + 1 :]):
                mark["type"] = kind


def _strong(character: dict) -> str | None:
    kind = character["type"]
    return "R" if kind in ("EN", "AN", "R") else "L" if kind == "L" else None


def _is_mark(character: dict) -> bool:
    return character["orig"] == "NSM"


def _pairs(characters: list[dict]) -> Iterable[tuple[int, int]]:
    """Yield the places of the brackets that belong together (definition BD16)."""
    waiting = []
    for place, character in enumerate(characters):
        if character["type"] != "ON":
            continue
        if closing := _brackets().get(character["ch"]):
            waiting.append((closing, place))
            continue
        for depth in range(len(waiting) - 1, -1, -1):
            if waiting[depth][0] == character["ch"]:
                yield waiting[depth][1], place
                del waiting[depth:]
                break


@functools.cache
def _brackets() -> dict[str, str]:
    """Return the closing bracket of each opening one."""
    from bidi import mirror

    return {
        opening: closing
        for opening, closing in mirror.MIRRORED.items()
        if unicodedata.category(opening) == "Ps"
        and unicodedata.category(closing) == "Pe"
    }


def _reorder(text: str, levels: Sequence[int]) -> list[int]:
    """Return the places in the order of the other side: rule L2, its own inverse.

    A character and the marks on it keep their order.
    """
    units = []
    for place, character in enumerate(text):
        if units and unicodedata.bidirectional(character) == "NSM":
            units[-1].append(place)
        else:
            units.append([place])
    for level in range(max(levels, default=0), 0, -1):
        reordered = []
        heights = [levels[unit[0]] >= level for unit in units]
        pairs = zip(heights, units, strict=True)
        for high, group in itertools.groupby(pairs, operator.itemgetter(0)):
            run = [unit for _, unit in group]
            reordered += reversed(run) if high else run
        units = reordered
    return [place for unit in units for place in unit]
