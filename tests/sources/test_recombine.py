"""Recombining: lines cut between words, where a network's alignment finds the gaps.

Covers ocr_jax.sources.recombine and ocr_jax.sources.word_gaps.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax import prepare, train, trained
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.sources import recombine, word_gaps
from tests import fixtures

GAP = 12  # pixels a space is wide: a letter takes 8, and half as many around a line


def draw_words(text: str) -> np.ndarray:
    """An image of words, blank between them."""
    drawn = [fixtures.draw_line(word)[:, 3:-3] for word in text.split(" ")]
    parts = [np.zeros((fixtures.HEIGHT, 3), np.uint8)]
    for word in drawn:
        parts += [word, np.zeros((fixtures.HEIGHT, GAP), np.uint8)]
    return np.concatenate([*parts[:-1], parts[0]], axis=1)


def lines(count: int, seed: int) -> list[lines_file.Line]:
    """Lines of 1 to 4 words by three writers."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(count):
        words = [
            "".join(rng.choice(list(fixtures.LETTERS), rng.integers(1, 4)))
            for _ in range(rng.integers(1, 5))
        ]
        text = " ".join(words)
        name, writer = f"{seed}-{index}", f"w{index % 3}"
        made.append(lines_file.Line(draw_words(text), text, name, writer))
    return made


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """(lines file, workdir of a network that reads it)."""
    path = tmp_path_factory.mktemp("data") / "words.h5"
    splits = {"train": lines(40, 0), "validation": lines(9, 1)}
    lines_writer.write_lines(path, splits, height=fixtures.HEIGHT, source="test")
    config = fixtures.make_tiny_config(path)
    config.num_epochs = 10
    workdir = tmp_path_factory.mktemp("runs") / "words"
    train.train_and_evaluate(config, workdir)
    return path, workdir


def split_of(path, name="train"):
    with lines_file.LinesFile(path) as file:
        return file.split(name)


def run(source, workdir, out, *options):
    command = ["recombine", f"--source={source}", f"--workdir={workdir}"]
    return prepare.main([*command, f"--out={out}", "--workers=2", *options])


def test_a_gap_lies_between_the_letters_around_its_space(collection):
    path, workdir = collection
    split = split_of(path)
    for text, found in zip(
        split.transcripts, word_gaps.find(trained.open_run(workdir), split), strict=True
    ):
        assert [gap.index for gap in found] == [
            i for i, letter in enumerate(text) if letter == " "
        ]
        for gap in found:
            spaces = text[: gap.index].count(" ")
            start = 3 + 8 * (gap.index - spaces) + GAP * spaces - 2 * (spaces + 1)
            middle = start + GAP / 2
            assert gap.left < middle < gap.right
            assert gap.right - gap.left < GAP + 2 * 8


def test_new_lines_are_made_of_each_writers_pieces_each_once(collection, tmp_path):
    path, workdir = collection
    out = tmp_path / "new.h5"
    assert run(path, workdir, out, "--times=2") == 0
    old, new = split_of(path), split_of(out)
    assert len(set(new.line_ids)) == len(new)
    for writer in set(old.writers):

        def words(split, writer=writer):
            named = zip(split.transcripts, split.writers, strict=True)
            return sorted(w for text, by in named if by == writer for w in text.split())

        assert words(new) == sorted(2 * words(old))
    assert set(new.transcripts) - set(old.transcripts)
    assert new.widths.sum() == 2 * old.widths.sum()
    assert new.widths.max() < 2 * old.widths.max()


def test_the_ink_of_a_new_line_says_its_transcript(collection, tmp_path):
    path, workdir = collection
    out = tmp_path / "new.h5"
    assert run(path, workdir, out) == 0
    new = split_of(out)
    for index in range(len(new)):
        expected = draw_words(new.transcripts[index])
        inked = [image[:, image.any(axis=0)] for image in (new.image(index), expected)]
        np.testing.assert_array_equal(*inked)


def test_lines_depend_on_the_seed_alone_and_are_scaled(collection, tmp_path):
    path, workdir = collection
    options = [["--workers=1"], [], ["--seed=1"], ["--height=8"]]
    outs = [tmp_path / f"{i}.h5" for i in range(len(options))]
    for out, option in zip(outs, options, strict=True):
        assert run(path, workdir, out, *option) == 0
    first, again, other, low = map(split_of, outs)
    assert first.digest == again.digest != other.digest
    assert low.transcripts == first.transcripts
    assert low.image(0).shape == (8, round(first.widths[0] / 2))


def test_unknown_characters_leave_a_line_whole(collection):
    path, workdir = collection
    split = split_of(path)
    text = split.transcripts[0]
    assert " " in text
    unknown = dataclasses.replace(
        split, transcripts=(text.replace(text[0], "é"), *split.transcripts[1:])
    )
    found = word_gaps.find(trained.open_run(workdir), unknown)
    assert found[0] == []
    assert found[1:] == word_gaps.find(trained.open_run(workdir), split)[1:]


def test_a_cut_goes_through_the_middle_of_the_blank_columns():
    image = np.zeros((fixtures.HEIGHT, 60), np.uint8)
    image[:, :20] = image[:, 40:] = 255
    [(index, column)] = recombine.find_cuts(image, [word_gaps.Gap(3, 12.0, 44.0)])
    assert index == 3
    assert 26 <= column <= 33


@pytest.mark.parametrize("right", [20.0, 17.0, 12.0, 11.0])
def test_no_cut_through_ink_or_in_a_narrow_gap(right):
    image = np.full((fixtures.HEIGHT, 60), 255, np.uint8)
    image[:, 14:16] = 0
    assert recombine.find_cuts(image, [word_gaps.Gap(3, 11.0, right)]) == []


def test_the_ends_of_a_gap_are_no_blanker_than_they_are():
    image = np.zeros((fixtures.HEIGHT, 60), np.uint8)
    image[0], image[1] = 255, 64  # 1.25 pixels of ink in every column
    assert recombine.find_cuts(image, [word_gaps.Gap(3, 11.0, 25.0)]) == []


@given(st.data())
def test_pieces_keep_every_column_and_character(data):
    """Whatever the cuts: nothing is lost, nothing doubled, no piece is empty."""
    count = data.draw(st.integers(1, 6))
    texts, cuts, widths = [], [], []
    for _ in range(count):
        words = data.draw(st.lists(st.text("ab", min_size=1), min_size=1, max_size=5))
        texts.append(" ".join(words))
        spaces = [i for i, letter in enumerate(texts[-1]) if letter == " "]
        columns = st.lists(
            st.integers(1, 99),
            min_size=len(spaces),
            max_size=len(spaces),
            unique=True,
        )
        cuts.append(list(zip(spaces, sorted(data.draw(columns)), strict=True)))
        widths.append(100)
    split = lines_file.Split(
        name="train",
        height=fixtures.HEIGHT,
        pixels=None,
        offsets=None,
        widths=np.array(widths),
        transcripts=tuple(texts),
        line_ids=tuple(map(str, range(count))),
        writers=tuple(data.draw(st.sampled_from("xy")) for _ in range(count)),
        digest="",
        about={},
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    new = list(recombine.recombine(split, cuts, rng))
    pieces = sorted(piece for line in new for piece in line)
    assert all(piece.width > 0 and piece.text for piece in pieces)
    for index in range(count):
        own = [piece for piece in pieces if piece.line == index]
        assert " ".join(piece.text for piece in own) == texts[index]
        edges = [own[0].left, *(piece.right for piece in own)]
        assert edges[0] == 0
        assert edges[-1] == 100
        assert [piece.left for piece in own[1:]] == edges[1:-1]
    for line in new:
        assert len({split.writers[piece.line] for piece in line}) == 1


def test_mistakes_are_one_line_and_leave_no_file(
    collection, tiny_lines, tmp_path, capsys
):
    path, workdir = collection
    low = tmp_path / "low.h5"
    assert run(path, workdir, low, "--height=8") == 0
    capsys.readouterr()
    for source, network, options, message in (
        ("nowhere.h5", workdir, [], "nowhere.h5 does not exist: make it with"),
        (path, "nowhere", [], "nowhere"),
        (path, workdir, ["--times=0"], "--times=0: expected 1 or more"),
        (path, workdir, [f"--out={path}", "--overwrite"], "is --source itself"),
        (low, workdir, [], f"{workdir} reads lines 16 px high, but these are 8"),
        (tiny_lines, workdir, [], "no training line can be cut"),
    ):
        out = tmp_path / "none.h5"
        assert run(source, network, out, *options) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert not out.exists()
