"""Which characters look alike."""

import collections

import pytest

from ocr_jax import alike


@pytest.mark.parametrize(
    ("character", "others", "expected"),
    [
        ("’", "a'", "'"),
        ("'", "a’", "’"),
        ("«", "'\"", '"'),
        ("—", "-a", "-"),
        ("ẽ", "aéèe", "e"),
        ("ẽ", "aéè", "è"),  # the first; e itself is not among them
        ("ſ", "s", "s"),
        ("²", "12", "2"),
        ("ü", "abc", None),
        ("ﬁ", "fi", None),  # two letters
        ("\u0303", "ñ", None),  # a mark alone
    ],
)
def test_what_looks_like_a_character(character, others, expected):
    assert alike.like(character, set(others)) == expected


def test_what_lines_write_for_the_quotes_and_dashes_they_never_have():
    counts = collections.Counter("l’été – “n” – ”a” – é")
    instead = alike.written_instead(counts)
    assert instead["'"] == "’"
    assert instead['"'] == "”"  # the more frequent
    assert instead["-"] == "–"
    assert "’" not in instead and "e" not in instead
    assert alike.written_instead(collections.Counter("abc")) == {}
