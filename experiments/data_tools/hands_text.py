"""Text for the synthetic lines of configs/hands.py: words of five languages.

    python experiments/data_tools/hands_text.py data/hands.h5 --out=data/hands.txt

Words are drawn by frequency (wordfreq: `pip install wordfreq`, in an environment of its
own), the rare ones more often than people write them, with capitals, numbers and marks
of punctuation. Among them are transcripts of the real lines.
"""

import argparse
import random
from pathlib import Path

import richer_text

from ocr_jax import errors
from ocr_jax.data import lines_file

# Language → its lines, and its letters beside a to z.
LINES = {"fr": 7000, "en": 9000, "de": 5000, "es": 4000, "it": 3000}
LETTERS = {
    "fr": "àâæçéèêëîïôœùûüÿ'",
    "en": "'",
    "de": "äöüß",
    "es": "áéíóúñü",
    "it": "àèéìòù'",
}
LATIN = "abcdefghijklmnopqrstuvwxyz"
# Frequencies to this power: rare words teach letters, frequent ones the language.
FLATTENED = 0.8
NUMBERS = 0.04  # the share of words
WORDS_A_LINE = 8  # drawn at most
SHORTEST, LONGEST = 20, 46  # characters of a line
REAL_BLOCKS = 700  # of transcripts
SIGNS = "&+*=§°€£$%/"


def main():
    """Run the command line; the text depends on the lines file and the seed alone."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="the lines file of real lines")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    richer_text.write(args.out, make, args)


def make(args: argparse.Namespace) -> list[str]:
    """Return the lines of the text."""
    rng = random.Random(args.seed)
    with lines_file.LinesFile(args.file) as file:
        transcripts = list(file.split("train").transcripts)
    drawn = [line for language in LINES for line in _lines(language, rng)]
    blocks = (
        richer_text.blocks_of(drawn) + richer_text.blocks_of(transcripts)[:REAL_BLOCKS]
    )
    rng.shuffle(blocks)
    return [line for block in blocks for line in block if line.strip()]


def _lines(language: str, rng: random.Random) -> list[str]:
    """Return lines of words of a language."""
    count, line, lines = LINES[language], "", []
    for word in _words(language, count * WORDS_A_LINE, rng):
        if rng.random() < NUMBERS:
            word = _number(rng)
        else:
            word = _decorated(word, language, rng)
        if len(line) + len(word) > rng.randrange(SHORTEST, LONGEST):
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return lines[:count]


def _words(language: str, count: int, rng: random.Random) -> list[str]:
    frequencies = richer_text.frequencies(language, set(LATIN + LETTERS[language]))
    weights = [weight**FLATTENED for weight in frequencies.values()]
    return rng.choices([*frequencies], weights, k=count)


def _number(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.4:
        return str(rng.randrange(1, 100))
    if kind < 0.7:
        return str(rng.randrange(1500, 2025))
    if kind < 0.8:
        day, month = rng.randrange(1, 32), rng.randrange(1, 13)
        return f"{day}/{month}/{rng.randrange(1900, 2025)}"
    if kind < 0.9:
        return f"{rng.randrange(1, 1000)},{rng.randrange(0, 100):02d}"
    return f"{rng.randrange(1, 1000)}.{rng.randrange(0, 1000):03d}"


def _decorated(word: str, language: str, rng: random.Random) -> str:
    """Return the word with a capital, punctuation, or neither."""
    kind = rng.random()
    if (language == "de" and kind < 0.3) or kind < 0.12:
        word = word.capitalize()
    elif kind < 0.15:
        word = word.upper()
    kind = rng.random()
    if kind < 0.07:
        return word + rng.choice(",,,..;:!?")
    if kind < 0.09:
        return f'"{word}"'
    if kind < 0.105:
        return f"({word})"
    if kind < 0.115:
        return word + "-"
    if kind < 0.12:
        return rng.choice("¿¡«[*#§") + word if language == "es" else rng.choice(SIGNS)
    return word


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
