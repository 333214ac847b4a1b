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
        ("¨", " ", None),  # the same, on a space
    ],
)
def test_what_looks_like_a_character(character, others, expected):
    assert alike.like(character, set(others)) == expected


def test_what_lines_write_for_the_apostrophes_and_hyphens_they_never_have():
    instead = alike.written_instead(collections.Counter("l’été, l’‘an’ ‑ é"))
    assert instead["'"] == "’"
    assert instead["-"] == "‑"
    assert "’" not in instead and "‘" not in instead and "e" not in instead
    assert alike.written_instead(collections.Counter("abc")) == {}


def test_a_dash_says_nothing_of_hyphens_nor_a_closing_quote_of_all_quotes():
    assert alike.written_instead(collections.Counter("oui » — non »")) == {}
