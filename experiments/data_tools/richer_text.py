"""Text for synthetic lines: a collection's transcripts among words of its language.

    python experiments/data_tools/richer_text.py data/poilus.h5 --out=text.txt \
      --copies=8 --words=60000 --prose=law.txt --prose_lines=8000
    python -m ocr_jax.prepare fonts --text=text.txt --out=data/synthetic.h5

A network that sees a few thousand transcripts only learns their words by heart. Others
are drawn by their frequencies, from wordfreq (`pip install wordfreq`, in an environment
of its own), and lines of prose from a text of the language.
"""

import argparse
import random
import re
from collections.abc import Callable
from pathlib import Path

from ocr_jax import errors, workdirs
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError, one_line, reason

BLOCK = 10  # lines that stay together: prepare fonts goes on from one to the next
CAPITALISED, PUNCTUATED = 0.1, 0.06  # shares of the drawn words
LINE = 32  # characters of words a line
LETTERS = {
    "fr": "àâæçéèêëîïôœùûüÿÀÂÇÉÈÊÎÔÛ’'",
    "en": "'",
    "de": "äöüßÄÖÜ",
    "es": "áéíóúñüÁÉÍÓÚÑ",
    "it": "àèéìòùÀÈÉÌÒÙ'",
}
# wordfreq writes ss for ß, which follows long vowels and diphthongs. A few words become
# wrong by this, at the seams of compounds.
SHARP_S = re.compile(
    r"(ie|ei|eu|gro|grö|stra|sto|stö|fu|fü|gru|grü|spa|sü|blo|au(?=sse[nr]))ss"
)
LATIN = "abcdefghijklmnopqrstuvwxyz"


def main():
    """Run the command line; the text depends on the arguments and the seed alone."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="the lines file of the collection")
    parser.add_argument("--copies", type=int, required=True, help="of its transcripts")
    parser.add_argument("--words", type=int, required=True, help="to draw")
    parser.add_argument("--language", choices=LETTERS, default="fr")
    parser.add_argument("--prose", type=Path, help="a UTF-8 text, a line a line")
    parser.add_argument("--prose_lines", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if min(args.copies, args.words) < 0:
        parser.error("--copies and --words: expected 0 or more")
    if bool(args.prose) != (args.prose_lines > 0):
        parser.error("--prose and --prose_lines, 1 or more, go together")
    write(args.out, make, args)


def write(out: Path, make: Callable, *arguments):
    """Write the text that `make` makes, or say why not: no wordfreq, a bad file."""
    if out.exists():
        raise UserError(f"--out={out} exists: name another file, or remove it")
    try:
        lines = make(*arguments)
        workdirs.write_text(out, "\n".join(lines) + "\n")
        print(f"{out}: {len(lines):,} lines")
    except ImportError as error:
        raise UserError(f"{one_line(error)}: pip install wordfreq") from None
    except (OSError, UnicodeError) as error:
        raise UserError(reason(error)) from None


def make(args: argparse.Namespace) -> list[str]:
    """The lines of the text, of the characters of the language and the collection."""
    rng = random.Random(args.seed)
    with lines_file.LinesFile(args.file) as file:
        transcripts = list(file.split("train").transcripts)
    known = set("".join(transcripts)) | set(LETTERS[args.language])
    known |= set(LATIN + LATIN.upper() + '0123456789.,;:-()"! ?')
    blocks = blocks_of(list(_lines(_words(args.language, args.words, known, rng), rng)))
    if args.prose:
        prose = args.prose.read_text(encoding="utf-8").splitlines()
        for _ in range(args.prose_lines // BLOCK):
            start = rng.randrange(max(1, len(prose) - BLOCK))
            blocks.append(prose[start : start + BLOCK])
    blocks += args.copies * blocks_of(transcripts)
    rng.shuffle(blocks)
    return ["".join(filter(known.__contains__, line)) for b in blocks for line in b]


def _words(language: str, count: int, known: set[str], rng: random.Random) -> list[str]:
    drawn = frequencies(language, known.difference("0123456789"))
    return rng.choices([*drawn], [*drawn.values()], k=count)


def frequencies(language: str, known: set[str]) -> dict[str, float]:
    """Return wordfreq's words of known characters, in alphabetical order."""
    import wordfreq

    listed = wordfreq.get_frequency_dict(language, "large")
    words = {word: listed[word] for word in sorted(listed) if known.issuperset(word)}
    if language != "de":
        return words
    return {SHARP_S.sub(r"\1ß", word): weight for word, weight in words.items()}


def _lines(words: list[str], rng: random.Random):
    """Lines of words, some with a capital or a mark of punctuation."""
    line = ""
    for word in words:
        word = word.capitalize() if rng.random() < CAPITALISED else word
        word += rng.choice(",.;:") if rng.random() < PUNCTUATED else ""
        if len(line) + len(word) > LINE:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


def blocks_of(lines: list[str]) -> list[list[str]]:
    """Cut lines into blocks that stay together."""
    return [lines[start : start + BLOCK] for start in range(0, len(lines), BLOCK)]


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
