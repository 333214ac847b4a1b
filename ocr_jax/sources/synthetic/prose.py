"""Lines of invented English prose: words, names, capitals, digits, punctuation.

Splits share their words, as real texts do, but never a line. A hash of a line's letters
and digits decides its split, whatever the seed. So a line of one split can't occur in
another, not even with other capitals or punctuation. Lines can be made in any order by
any number of workers, without a list of lines already used.
"""

import functools
import hashlib
import re
from collections.abc import Sequence

import numpy as np

from ocr_jax import extras
from ocr_jax.data import lines_file

wonderwords = extras.Lazy("wonderwords")

MIN_CHARACTERS = 10
CHARACTERS = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,;:!?'\"()-+=/&"
)
# One word in this many is put in capitals, if it is short enough.
WORDS_PER_CAPITALS = 40
LONGEST_CAPITALS = 6
SENTENCES = (
    "the {adjective} {noun} will {verb} the {noun}.",
    "{name} and I {verb} a {adjective} {noun}, then {verb} it.",
    "did you {verb} the {noun}, {name}?",
    "we could not {verb} her {noun} or his {noun}.",
    "they often {verb} with the {noun} of {name}.",
    "it was a very {adjective} {noun} for {name}!",
    "my {noun} is {adjective}, but yours is {adjective}.",
    "why {verb} this {noun}? It's {adjective}.",
    "dear {name}, your {noun} came on {day}.",
    "from the {noun} to the {noun}, all is {adjective};",
    "in {year} the {noun} of {name} had {number} {nouns}.",
    "on {day}, {date}, we {verb} the {noun} again.",
    "{name} & {name}: {number} {nouns} at {number} each,",
    '"{verb} it!" said {name} to the {adjective} {noun}.',
    '"I {verb} no {noun}," he wrote on {date}.',
    "one {noun} (the {adjective} one) won't {verb};",
    "see page {number}: {noun}, {noun} and {noun}.",
    "{noun} no. {number}/{number} - {adjective}, {adjective}.",
    "the sum {sum}, as {name} had to {verb}.",
    "{date}: {number} {nouns}, {number} {nouns} ({sum}).",
    "at {time} our {noun} had to {verb} - so {adjective}!",
    "who would {verb} the {noun}'s {adjective} {noun}?",
    "yes, {name} can {verb}; no, {name} can't {verb}.",
    "quite {adjective}, just as the {noun} in {month} {year}.",
    "{noun}: {adjective}; {noun}: {adjective}; {noun}: {number}.",
    "all {nouns} {verb}, even {adjective} {nouns}.",
    "{verb} or {verb}, but never {verb} a {noun}!",
    "{name}'s {noun} & {noun} ({adjective}, {adjective})",
    "what {adjective} {nouns} {name} and {name} {verb}!",
    "please {verb} {number} of these by {time} on {day}.",
)
# Every letter starts a name, so that every capital is learnt.
NAMES = """
    Alice Arthur Beatrice Bruno Clara Charles Dora Daniel Emma Edward Flora Frank Grace
    George Hannah Henry Irene Isaac Julia James Kate Karl Lucy Louis Mary Martin Nora
    Nathan Olive Oscar Paula Peter Queenie Quentin Rose Robert Sarah Simon Tilda Thomas
    Ursula Ulrich Vera Victor Wilma Walter Xenia Xavier Yvonne Yorick Zoe Zachary London
    Paris Vienna Dublin Kent Jersey Hull Quebec Boston India Egypt Norway
"""
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
MONTHS = """
    January February March April May June July August September October November
    December
"""
LISTS = {"name": NAMES, "day": DAYS, "month": MONTHS}
# Ranges, end excluded: few, many, a year.
NUMBERS = ((2, 100), (100, 1000), (1780, 2030))


def line(split: str, max_characters: int, rng: np.random.Generator) -> str:
    """Return a normalised line of MIN_CHARACTERS to max_characters of this split."""
    while True:
        text = _cut(_words(max_characters, rng), max_characters, rng)
        if len(text) >= MIN_CHARACTERS and split_of(text) == split:
            return text


def split_of(text: str) -> str:
    """Return the split of a line: half go to train, a quarter each to the others."""
    spelling = re.sub(r"[^a-z0-9]", "", text.lower())
    quarter = hashlib.sha256(spelling.encode()).digest()[0] % 4
    return lines_file.SPLITS[max(0, quarter - 1)]


def _words(max_characters: int, rng: np.random.Generator) -> list[str]:
    """Return prose that is long enough for a line and may start mid-sentence."""
    words = sentence(rng)
    start = int(rng.integers(len(words))) if rng.random() < 0.5 else 0
    words = words[start:]
    while sum(map(len, words)) < max_characters:
        words += sentence(rng)
    return words


def _cut(words: list[str], max_characters: int, rng: np.random.Generator) -> str:
    """Return as many of the words as fit a random length, "" if too long."""
    length = int(rng.integers(MIN_CHARACTERS, max_characters + 1))
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    count = int(np.searchsorted(ends, MIN_CHARACTERS)) + 1
    text = " ".join(words[: max(count, int((ends <= length).sum()))])
    return text if len(text) <= max_characters else ""


def sentence(rng: np.random.Generator) -> list[str]:
    """Return the words of a sentence."""
    text = re.sub(
        r"\{(\w+)\}", lambda match: fill(match[1], rng), _pick(SENTENCES, rng)
    )
    text = re.sub(r"\ba (?=[aeiou])", "an ", text)
    first = re.search(r"[a-zA-Z0-9]", text).start()
    text = text[:first] + text[first].upper() + text[first + 1 :]
    return [_shout(word, rng) for word in text.split()]


def _shout(word: str, rng: np.random.Generator) -> str:
    """Put a short word in capitals, rarely; in long ones a script's loops tangle."""
    seldom = rng.random() < 1 / WORDS_PER_CAPITALS
    return word.upper() if seldom and len(word) <= LONGEST_CAPITALS else word


def fill(kind: str, rng: np.random.Generator) -> str:
    """Return what stands for {kind} in a sentence."""
    if kind in ("noun", "verb", "adjective", *LISTS):
        return _pick(_dictionary(kind), rng)
    if kind == "nouns":
        return _plural(_pick(_dictionary("noun"), rng))
    few, many, year = (int(rng.integers(*ends)) for ends in NUMBERS)
    return {
        "number": str(many if rng.random() < 0.3 else few),
        "year": str(year),
        "time": f"{1 + few % 12}:{many % 60:02}",
        "sum": f"{few} + {many} = {few + many}",
        "date": _date(1 + few % 28, 1 + many % 12, year, rng),
    }[kind]


def _plural(noun: str) -> str:
    if re.search("(s|x|z|ch|sh)$", noun):
        return noun + "es"
    return re.sub("(?<=[^aeiou])y$", "ie", noun) + "s"


def _date(day: int, month: int, year: int, rng: np.random.Generator) -> str:
    name = _dictionary("month")[month - 1]
    return _pick((f"{day}/{month}/{year}", f"{day} {name}", f"{name} {day}"), rng)


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


@functools.cache
def _dictionary(kind: str) -> tuple[str, ...]:
    """Return the words of a kind: ours, or the library's short and clean ones."""
    if kind in LISTS:
        return tuple(LISTS[kind].split())
    words = wonderwords.RandomWord().filter(
        include_categories=[kind], regex="[a-z]{3,11}"
    )
    return tuple(sorted(set(wonderwords.filter_profanity(words))))
