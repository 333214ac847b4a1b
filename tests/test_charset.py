"""Charsets: texts go to class ids and back; what is unknown is named."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax import charset
from ocr_jax.errors import UserError

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


@given(texts)
def test_a_charset_encodes_and_decodes_every_text_of_its_own(text):
    text = charset.normalize(text)
    known = charset.Charset.of([text, "base"])
    ids = known.encode(text)
    assert known.decode(ids) == text
    assert all(0 < i < known.num_classes for i in ids)


def test_composed_and_decomposed_accents_are_the_same_transcript():
    assert charset.normalize("e\u0301te\u0301") == "été"
    assert charset.normalize(" a\u00a0 \t b\n") == "a b"


def test_a_character_outside_the_charset_is_named():
    with pytest.raises(UserError, match="'%'"):
        charset.Charset(("a", "b")).encode("ab%")


@given(st.text(max_size=30))
def test_a_normal_transcript_stays_as_it_is(text):
    once = charset.normalize(text)
    assert charset.normalize(once) == once
    assert once == once.strip() and "  " not in once


@given(texts, texts)
def test_a_charset_survives_json_in_the_same_order(first, second):
    known = charset.Charset.of([first, second])
    assert known == charset.Charset.of([second, first])
    assert charset.Charset(tuple(json.loads(json.dumps(known.characters)))) == known


def test_class_0_is_the_blank_so_ids_start_at_1():
    known = charset.Charset(("b", "a"))
    assert known.encode("abb").tolist() == [2, 1, 1]
    assert known.num_classes == 3


@pytest.mark.parametrize(
    ("characters", "message"),
    [(("a", "bc"), "single"), (("a", "a"), "'a' more than once")],
)
def test_entries_that_are_no_single_characters_are_refused(characters, message):
    with pytest.raises(UserError, match=message):
        charset.Charset(characters)


def test_an_nfd_charset_spells_composed_transcripts():
    texts = ["élève", "q\u0303ue"]
    for typed in ("élèvuq\u0303 ", "".join(sorted(set("élèveq\u0303u")))):
        decomposed = unicodedata.normalize("NFD", typed)
        for characters in (decomposed, "".join(sorted(set(decomposed)))):
            known = charset.Charset.typed(characters, texts)
            assert not known.unknown(texts)
            assert known.decode(known.encode("élève")) == "élève"


def test_a_charset_that_spells_the_texts_is_taken_as_it_is():
    assert charset.Charset.typed("zab", ["ab"]).characters == ("z", "a", "b")
    # What the texts have and nobody typed stays unknown.
    assert charset.Charset.typed("ab", ["abc"]).unknown(["abc"]) == "c"
    with pytest.raises(UserError, match="'a' more than once"):
        charset.Charset.typed("aab", ["ab"])


def test_what_cannot_be_seen_is_left_out_and_counted():
    seen = "le\u0301 «n°1» – 𝕮 😀 ꝑ\u0363"
    hidden = "\u200e\u200b\u00ad\ufeff\x1b\x07\uf1ac\u200d"
    text, dropped = charset.written(f"{seen}{hidden}\u00a0x\n")
    assert text == charset.normalize(f"{seen} x")
    assert dropped == dict.fromkeys(hidden, 1)
    assert charset.counted(dropped).startswith("U+200E (1), U+200B (1), U+00AD (1)")
    assert charset.written("e\u200d\u0301")[0] == "é"


def test_characters_are_shown_as_people_can_read_them():
    assert charset.shown("aé b") == "aé b"
    assert charset.shown("a\x1b\u200e").split() == ["a", "U+001B", "U+200E"]
