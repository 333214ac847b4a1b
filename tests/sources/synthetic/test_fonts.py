"""Synthetic handwriting: the same seed, the same lines; unseen text and fonts kept so.

Covers fonts, prose and handwriting of ocr_jax.sources.synthetic.
"""

import concurrent.futures
import functools
import re
import shutil

import fontpkg
import numpy as np
import pytest
from fontTools import subset, ttLib
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_jax import charset
from ocr_jax.errors import UserError
from ocr_jax.sources.synthetic import fonts, handwriting, prose, typefaces
from ocr_jax.sources.synthetic.hand_styles import HAND_STYLES, HandStyle
from tests import fixtures


def as_bytes(line):
    return line.image.tobytes(), line.transcript, line.line_id, line.writer


@functools.cache
def few_lines():
    return [
        fixtures.read_font_line(task)
        for task in fixtures.font_tasks(*fixtures.FEW_LINES)
    ]


def texts(split, count, **changes):
    rng = np.random.default_rng(changes.pop("seed", 0))
    return [prose.line(split, 45, rng) for _ in range(count)]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes():
    again = [
        fixtures.read_font_line(task)
        for task in fixtures.font_tasks(*fixtures.FEW_LINES)
    ]
    assert [*map(as_bytes, again)] == [*map(as_bytes, few_lines())]


@pytest.mark.slow
def test_another_seed_gives_other_texts_and_other_drawings():
    others = [
        fixtures.read_font_line(task)
        for task in fixtures.font_tasks(*fixtures.FEW_LINES, "--seed=1")
    ]
    for line, other in zip(few_lines(), others, strict=True):
        assert line.transcript != other.transcript
        assert line.image.tobytes() != other.image.tobytes()


def test_the_order_and_the_number_of_workers_do_not_matter():
    backwards = fixtures.font_tasks(*fixtures.FEW_LINES)[::-1]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        lines = list(pool.map(fixtures.read_font_line, backwards))
    assert [*map(as_bytes, lines[::-1])] == [*map(as_bytes, few_lines())]


def test_more_lines_extend_the_file_and_keep_the_first_ones():
    longer = fixtures.font_tasks(
        "--lines=40", "--validation_lines=11", "--test_lines=11"
    )
    assert set(fixtures.font_tasks(*fixtures.FEW_LINES)) < set(longer)


@settings(max_examples=30, deadline=None)
@given(
    index=st.integers(0, 10**6),
    height=st.integers(20, 96),
    font=st.sampled_from(fonts.FONTS),
    seed=st.integers(0, 2**40),
    style=st.sampled_from(tuple(HAND_STYLES)),
)
def test_any_line_is_bright_ink_on_blank_paper(index, height, font, seed, style):
    line = fixtures.read_font_line(
        fonts.Task("train", index, seed, font, 45, style), height
    )
    image = line.image
    assert image.dtype == np.uint8 and image.shape[0] == height
    # The marker's capitals, and the noise of their paper, leave the least blank: 0.45.
    assert np.mean(image == 0) > 0.4 and np.mean(image < 48) > 0.5
    assert image.max() >= (190 if style == "neat" else 100)
    assert image.shape[1] > height * len(line.transcript) / 12
    assert 10 <= len(line.transcript) <= 45
    assert charset.normalize(line.transcript) == line.transcript


@pytest.mark.parametrize("style", HAND_STYLES.values(), ids=HAND_STYLES)
@pytest.mark.parametrize("font", fonts.FONTS)
def test_no_bend_takes_ink_over_the_edge(font, style, monkeypatch):
    # The room around the writing must be blank still when the ink is cut out of it.
    pages = []
    cut_out = handwriting._cut_out

    def spy(page, *args):
        pages.append(page)
        return cut_out(page, *args)

    monkeypatch.setattr(handwriting, "_cut_out", spy)
    for text in ("(Qu-jy) Tlf Wg/Qf", "If", "Yg fjord ping, quick Vox & (Jimmy) Y"):
        for seed in range(8):
            handwriting.draw(text, font, 24, np.random.default_rng(seed), style)
    for page in pages:
        edges = page[0], page[-1], page[:, 0], page[:, -1]
        assert max(edge.max() for edge in edges) < handwriting.FLOOR


def test_ink_reaches_over_most_of_the_height():
    for line in few_lines():
        rows = np.flatnonzero((line.image > 60).any(1))
        assert (rows[-1] - rows[0] + 1) / len(line.image) > 0.5


def test_every_font_has_every_character_that_a_text_can_hold():
    for font in fonts.FONTS:
        assert typefaces.characters(font) >= prose.CHARACTERS
    used = set("".join(texts("train", 3000)))
    assert used == prose.CHARACTERS


def test_a_character_that_the_font_lacks_is_refused_and_not_drawn_as_a_box():
    with pytest.raises(ValueError, match="can't draw"):
        handwriting.draw("snow ☃", "Caveat", 32, np.random.default_rng(0))


@pytest.mark.slow
def test_no_text_is_in_two_splits_whatever_its_seed_capitals_or_punctuation():
    def spellings(split, seed):
        lines = texts(split, 1500, seed=seed)
        return {re.sub("[^a-z0-9]", "", text.lower()) for text in lines}

    train, validation, test = (
        spellings(split, 0) | spellings(split, 1)
        for split in ("train", "validation", "test")
    )
    assert train and validation and test
    assert not train & validation and not train & test and not validation & test


def test_texts_have_words_capitals_digits_and_punctuation():
    lines = texts("train", 500)
    for pattern in ("[a-z]{4}", r"\b[A-Z][a-z]", r"\b[A-Z]{3}", r"\d", r"[.,;:!?'\"]"):
        assert any(re.search(pattern, text) for text in lines), pattern
    assert len(set(lines)) > 490


def test_lines_are_no_longer_than_asked_for():
    lines = [
        fixtures.read_font_line(task)
        for task in fixtures.font_tasks("--lines=30", "--max_characters=20")[:30]
    ]
    assert max(len(line.transcript) for line in lines) <= 20


def test_every_font_writes_in_every_split():
    by_split = {split: set() for split in ("train", "validation", "test")}
    for task in fixtures.font_tasks(*fixtures.FEW_LINES):
        by_split[task.split].add(task.font)
    assert all(used == set(fonts.FONTS) for used in by_split.values())
    assert {line.writer for line in few_lines()} == set(fonts.FONTS)


def test_a_font_without_small_letters_is_transcribed_in_capitals():
    for line in few_lines():
        capitals = line.transcript == line.transcript.upper()
        assert capitals or line.writer not in fonts.CAPITALS_ONLY


def test_held_out_fonts_write_validation_and_test_alone():
    for task in fixtures.font_tasks(
        *fixtures.FEW_LINES, "--hold_out_fonts=great-vibes, Zeyada"
    ):
        held_out = task.font in ("Great Vibes", "Zeyada")
        assert held_out == (task.split != "train")


def test_letters_that_reach_further_are_smaller_in_the_middle_so_lines_are_narrower():
    def width(reach):
        style = HandStyle(reach=(reach, reach))
        generators = map(np.random.default_rng, range(10))
        lines = [handwriting.draw("il bat", "Kalam", 64, g, style) for g in generators]
        return np.mean([line.shape[1] for line in lines])

    assert width(2.2) < 0.75 * width(1.0) < 0.75 * width(0.9)


def test_fonts_of_a_folder_write_too(own_fonts):
    lines = [
        fixtures.read_font_line(task)
        for task in fixtures.font_tasks(*fixtures.FEW_LINES, f"--fonts={own_fonts}")
    ]
    assert {line.writer for line in lines} == {*fonts.FONTS, "My hand"}
    held_out = fixtures.font_tasks(
        *fixtures.FEW_LINES, f"--fonts={own_fonts}", "--hold_out_fonts=my-hand"
    )
    for task in held_out:
        assert (task.font == str(own_fonts / "My hand.ttf")) == (task.split != "train")


@pytest.fixture
def own_fonts(tmp_path):
    """A folder with one font, and a note."""
    shutil.copy(fontpkg.path("Caveat"), tmp_path / "My hand.ttf")
    (tmp_path / "note.txt").write_text("mine")
    return tmp_path


def test_a_folder_of_fonts_that_cannot_write_is_refused(own_fonts):
    with pytest.raises(UserError, match="nowhere has no font: expected a folder with"):
        fixtures.font_tasks(f"--fonts={own_fonts / 'nowhere'}")
    few = subset.Subsetter()
    few.populate(text="no mre")
    with ttLib.TTFont(own_fonts / "My hand.ttf") as font:
        few.subset(font)
        font.save(own_fonts / "few.otf")
    with pytest.raises(UserError, match=r"few\.otf can't write ABC.*: take it out"):
        fixtures.font_tasks(f"--fonts={own_fonts}", "--text=" + __file__)
    (own_fonts / "few.otf").unlink()
    with ttLib.TTFont(own_fonts / "My hand.ttf") as font:
        del font["cmap"]
        font.save(own_fonts / "unmapped.ttf")
    with pytest.raises(UserError, match=r"unmapped\.ttf can't write "):
        fixtures.font_tasks(f"--fonts={own_fonts}")
    (own_fonts / "unmapped.ttf").unlink()
    whole = (own_fonts / "My hand.ttf").read_bytes()
    for size in (0, 9, 999, len(whole) // 2):
        torn = own_fonts / f"{size}.woff"
        torn.write_bytes(whole[:size])
        with pytest.raises(UserError, match=r"woff can't be read as a font: \S"):
            fixtures.font_tasks(f"--fonts={own_fonts}")
        torn.unlink()


def test_line_ids_are_unique_and_name_their_split():
    ids = [line.line_id for line in few_lines()]
    assert len(set(ids)) == len(ids)
    assert ids[12] == "fonts-train-000012"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--hold_out_fonts=Zeyda", "no font 'Zeyda': did you mean 'Zeyada'"),
        ("--hold_out_fonts=Caveat,xyz", "no font 'xyz'.*The fonts are Caveat, "),
        ("--hold_out_fonts=" + ",".join(fonts.FONTS), "leave one to train on"),
        ("--lines=0", "--lines=0: expected 1 or more"),
        ("--test_lines=-1", "--test_lines=-1: expected 0 or more"),
        ("--seed=-1", "--seed=-1: expected 0 or more"),
        ("--max_characters=5", "expected 20 or more"),
    ],
)
def test_a_wrong_option_is_explained(option, message):
    with pytest.raises(UserError, match=message):
        fixtures.font_tasks(option)


def test_a_text_that_only_some_fonts_can_write_is_left_to_them(tmp_path):
    russian = tmp_path / "russian.txt"
    russian.write_text("слово за словом по порядку " * 100)
    tasks = fixtures.font_tasks(f"--text={russian}", "--lines=12")
    assert {task.font for task in tasks} == {"Caveat", "Great Vibes"}
    greek = tmp_path / "greek.txt"
    greek.write_text("λόγος επί λόγου " * 200)
    with pytest.raises(UserError, match="no train word that a font can write: name"):
        fixtures.font_tasks(f"--text={greek}")
