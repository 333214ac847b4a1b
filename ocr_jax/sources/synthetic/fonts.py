"""Synthetic handwriting: invented prose in the handwriting fonts of fontpkg.

--text takes the words from a text or another lines file, to pre-train a network for a
collection in that language (config.init_from). --style=varied and --fonts of the period
imitate its writing, too. Every line follows from (seed, split, index) alone, so the
same seed gives the same lines in any order and with any number of workers. Each font
counts as a writer.
"""

import argparse
import dataclasses
import difflib
import functools
import string
import struct
from pathlib import Path

import numpy as np

from ocr_jax import extras, sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError, one_line
from ocr_jax.sources.synthetic import excerpts, handwriting, prose, typefaces
from ocr_jax.sources.synthetic.hand_styles import HAND_STYLES

ttLib = extras.Lazy("fontTools.ttLib")

FONTS = (
    "Caveat",
    "Dancing Script",
    "Delius",
    "Great Vibes",
    "Indie Flower",
    "Kalam",
    "Permanent Marker",
    "Satisfy",
    "Shadows Into Light",
    "Yellowtail",
    "Zeyada",
)
# Their small letters look like capitals, so their transcripts are in capitals, too.
CAPITALS_ONLY = ("Permanent Marker",)
FONT_FILES = (".otf", ".ttf", ".woff")
# In fewer characters than this, too few parts of a sentence fit.
LEAST_MAX_CHARACTERS = 20


@dataclasses.dataclass(frozen=True)
class Task:
    """One line to write."""

    split: str
    index: int
    seed: int
    font: str
    max_characters: int
    style: str = "neat"  # of HAND_STYLES
    text: str = ""  # file to take words from, "" for invented prose

    @property
    def name(self) -> str:
        """The id of the line."""
        return f"fonts-{self.split}-{self.index:06}"


def add_flags(parser: argparse.ArgumentParser):
    """Add the options of this source."""
    add = parser.add_argument
    add("--lines", type=int, default=6000, help="training lines (default: 6000)")
    add("--validation_lines", type=int, default=500, help="(default: 500)")
    add("--test_lines", type=int, default=500, help="(default: 500)")
    add_drawing_flags(parser)
    add(
        "--max_characters",
        type=int,
        default=45,
        help="longest line, in characters (default: 45)",
    )
    add(
        "--style",
        choices=HAND_STYLES,
        default="neat",
        help="varied: slant, width and ink spread as between the writers of an old "
        "collection (default: neat)",
    )
    add(
        "--hold_out_fonts",
        default="",
        metavar="FONT,FONT",
        help="fonts that only validation and test use, like unseen writers; any of "
        f"{', '.join(FONTS)} and --fonts (default: none)",
    )


def add_drawing_flags(parser: argparse.ArgumentParser):
    """Add the options of all that draws text in fonts."""
    add = parser.add_argument
    add("--seed", type=int, default=0, help="(default: 0)")
    add(
        "--text",
        default="",
        metavar="FILE",
        help="use the words of a UTF-8 text or of a lines file's training transcripts "
        "(default: invented English prose)",
    )
    add(
        "--fonts",
        default="",
        metavar="DIR",
        help="also use the fonts of this folder: *.ttf, *.otf, *.woff (default: none)",
    )


def tasks(args: argparse.Namespace) -> list[Task]:
    """Return one task per line; each split uses its fonts in turn.

    Raises UserError for an invalid count, seed, length, text or font.
    """
    extras.require("fontTools", "fontpkg", "wonderwords")
    sources.require_at_least(
        args,
        lines=1,
        validation_lines=0,
        test_lines=0,
        seed=0,
        max_characters=LEAST_MAX_CHARACTERS,
    )
    if args.text:
        excerpts.read(args.text)
    all_fonts = FONTS + (own_fonts(args) if args.fonts else ())
    held_out = _held_out(args.hold_out_fonts, all_fonts)
    trained = tuple(font for font in all_fonts if font not in held_out)
    if not trained:
        raise UserError("--hold_out_fonts names every font: leave one to train on")
    counts = (args.lines, args.validation_lines, args.test_lines)
    fonts = (trained, held_out or all_fonts, held_out or all_fonts)
    result = []
    for split, count, names in zip(lines_file.SPLITS, counts, fonts, strict=True):
        able = fitting(names, args.text, split) if args.text and count else names
        result += [
            Task(
                split,
                index,
                args.seed,
                able[index % len(able)],
                args.max_characters,
                args.style,
                args.text,
            )
            for index in range(count)
        ]
    return result


def fitting(names: tuple[str, ...], text: str, split: str) -> tuple[str, ...]:
    """Return the fonts that write a text as well as others, or half as many words.

    Raises UserError if there are none.
    """
    counts = {font: excerpts.count(text, split, spelt(font)) for font in names}
    if not (most := max(counts.values())):
        raise UserError(
            f"--text={text} has no {split} word that a font can write: name a folder "
            "of fonts that can with --fonts"
        )
    return tuple(font for font, count in counts.items() if count >= most / 2)


def read(task: Task, height: int) -> list[tuple[str, lines_file.Line]]:
    """Write the task's line (height, W), a function of the task alone."""
    split_index = lines_file.SPLITS.index(task.split)
    rng = np.random.default_rng((task.seed, split_index, task.index))
    if task.text:
        known = spelt(task.font)
        text = excerpts.line(task.text, task.split, task.max_characters, known, rng)
    else:
        text = prose.line(task.split, task.max_characters, rng)
    if task.font in CAPITALS_ONLY:
        text = text.upper()
    line = lines_file.Line(
        image=handwriting.draw(text, task.font, height, rng, HAND_STYLES[task.style]),
        transcript=text,
        line_id=task.name,
        writer=_name(task.font),
    )
    return [(task.split, line)]


@functools.cache
def spelt(font: str) -> frozenset[str]:
    """Return the characters that a text in this font may contain; some have no ink.

    For a font of capitals only, `read` turns the text into capitals afterwards.
    """
    drawn = set(filter(str.isprintable, typefaces.characters(font)))
    if font in CAPITALS_ONLY:
        drawn = {letter for letter in drawn if letter.upper() in drawn}
    return frozenset(drawn)


def own_fonts(args: argparse.Namespace) -> tuple[str, ...]:
    """Return the font files of --fonts. Raises UserError if one lacks characters."""
    folder = Path(args.fonts)
    # A text is reduced to the words that a font can write; prose needs all characters.
    needed = frozenset(string.ascii_letters) if args.text else prose.CHARACTERS
    files = sorted(str(p) for p in folder.glob("*") if p.suffix.lower() in FONT_FILES)
    if not files:
        raise UserError(
            f"--fonts={folder} has no font: expected a folder with files that end in "
            f"{', '.join(FONT_FILES)}"
        )
    for file in files:
        try:
            lacks = needed - typefaces.characters(file)
            # A truncated file may still have its list of characters.
            if not lacks:
                rng = np.random.default_rng(0)
                handwriting.draw(string.ascii_letters, file, 32, rng)
        except (OSError, ttLib.TTLibError, AssertionError, struct.error) as error:
            reason = one_line(error, 80)
            raise UserError(f"{file} can't be read as a font: {reason}") from None
        if lacks:
            raise UserError(
                f"{file} can't write {''.join(sorted(lacks))}: take it out of --fonts"
            )
    return tuple(files)


def _name(font: str) -> str:
    """Return a font's name: its family, or its file name without suffix."""
    return Path(font).stem


def _held_out(names: str, fonts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the named fonts, in the order of `fonts`; case and spaces don't matter."""
    spellings = {_spelling(_name(font)): font for font in fonts}
    requested = [name for name in names.split(",") if name.strip()]
    for name in requested:
        if _spelling(name) not in spellings:
            near = difflib.get_close_matches(_spelling(name), spellings, 1)
            hint = f"did you mean {_name(spellings[near[0]])!r}? " if near else ""
            raise UserError(
                f"--hold_out_fonts: no font {name.strip()!r}: {hint}"
                f"The fonts are {', '.join(map(_name, fonts))}"
            )
    wanted = {_spelling(name) for name in requested}
    return tuple(font for font in fonts if _spelling(_name(font)) in wanted)


def _spelling(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
