"""Synthetic lines of a given text: its words, in its order, none in two splits."""

import itertools

import numpy as np
import pytest

from ocr_jax.data import lines_file, lines_writer
from ocr_jax.errors import UserError
from ocr_jax.sources.synthetic import fonts
from tests import fixtures


@pytest.fixture
def letters(tmp_path):
    """A text of 600 words, each another, in lines of 2 to 7, none twice."""
    words = iter([f"é{'abcdefghij'[i // 100]}ça{i:03}" for i in range(600)])
    lines = []
    while line := list(itertools.islice(words, 2 + len(lines) % 6)):
        lines.append("  ".join(line))
    path = tmp_path / "letters.txt"
    path.write_text("\n\n".join(lines), encoding="utf-8")
    return path


def test_a_given_texts_words_are_written_in_its_order(letters):
    words = letters.read_text(encoding="utf-8").split()
    found = {split: set() for split in ("train", "validation", "test")}
    for task in fixtures.font_tasks(*fixtures.FEW_LINES, f"--text={letters}"):
        line = fixtures.read_font_line(task)
        capitals = task.font in fonts.CAPITALS_ONLY
        order = [word.upper() if capitals else word for word in words]
        start = order.index(line.transcript.split()[0])
        written = line.transcript.split()
        assert order[start : start + len(written)] == written
        assert len(line.transcript) <= 45
        found[task.split] |= {word.lower() for word in written}
    assert len(set.union(*found.values())) == sum(map(len, found.values()))


def test_the_training_transcripts_of_a_lines_file_are_a_text(letters, tmp_path):
    transcripts = letters.read_text(encoding="utf-8").splitlines()[::2]
    image = np.zeros((8, 8), np.uint8)
    split = [lines_file.Line(image, text, str(i)) for i, text in enumerate(transcripts)]
    path = tmp_path / "lines.h5"
    lines_writer.write_lines(path, {"train": split}, height=8, source="test")
    for one, other in zip(
        fixtures.font_tasks(*fixtures.FEW_LINES, f"--text={letters}"),
        fixtures.font_tasks(*fixtures.FEW_LINES, f"--text={path}"),
        strict=True,
    ):
        assert (
            fixtures.read_font_line(one).transcript
            == fixtures.read_font_line(other).transcript
        )


def test_a_word_that_a_font_lacks_is_left_out(tmp_path):
    path = tmp_path / "letters.txt"
    path.write_text("plain 漢字 \u200b " * 400, encoding="utf-8")
    assert set(
        fixtures.read_font_line(
            fixtures.font_tasks("--lines=1", f"--text={path}")[0]
        ).transcript
    ) <= set("plain ")


def test_a_word_whose_capitals_a_font_lacks_is_left_out(tmp_path):
    path = tmp_path / "letters.txt"
    path.write_text("plain µm weiß " * 400, encoding="utf-8")
    [font] = fonts.CAPITALS_ONLY
    for task in fixtures.font_tasks(*fixtures.FEW_LINES, f"--text={path}"):
        if task.font == font:
            assert set(fixtures.read_font_line(task).transcript) <= set("PLAIN ")


def test_a_text_may_be_decomposed_and_begin_with_a_mark(tmp_path):
    path = tmp_path / "letters.txt"
    path.write_text("\ufeff" + "e\u0301te\u0301 " * 400, encoding="utf-8")
    assert set(
        fixtures.read_font_line(
            fixtures.font_tasks("--lines=1", f"--text={path}")[0]
        ).transcript
    ) == set("ét ")


@pytest.mark.parametrize(
    "content, complaint",
    [(None, "No such file"), (b"\xff", "not UTF-8"), (b"few words", "2 words")],
)
def test_a_text_that_cannot_be_used_is_refused(tmp_path, content, complaint):
    path = tmp_path / "letters.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"letters.txt .*{complaint}"):
        fixtures.font_tasks(f"--text={path}")
