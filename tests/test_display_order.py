"""Right-to-left text: labels in the order on the page, texts as people type them."""

import unicodedata

import bidi
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ocr_jax import charset, display_order

MIXED = st.text(st.sampled_from("אבגשاب٣abc123 ,.-+%()[]!"), max_size=24)
MIXED = MIXED.map(charset.normalize)
DIRECTIONS = st.sampled_from(("rtl", "ltr"))


@given(MIXED, DIRECTIONS)
def test_the_order_is_that_of_python_bidi(text, direction):
    assume(display_order.has_right_to_left([text]))
    letters = {unicodedata.bidirectional(character) for character in text}
    base = "R" if "L" not in letters or direction == "rtl" else "L"
    _, order = display_order.display(text, direction)
    assert "".join(text[i] for i in order) == bidi.get_display(text, base_dir=base)


@given(MIXED, DIRECTIONS)
def test_places_say_where_each_character_stands(text, direction):
    displayed, order = display_order.display(text, direction)
    assert sorted(order) == [*range(len(text))]
    back, places = display_order.logical(displayed, direction)
    assert sorted(places) == [*range(len(text))]
    if back == text:
        assert [text[order[place]] for place in places] == list(text)


@pytest.mark.parametrize(
    ("text", "displayed"),
    [
        ("אבג", "גבא"),
        ("אב 1915 גד", "דג 1915 בא"),
        ("אב 12-15, גד", "דג ,12-15 בא"),
        ("אב (גד) הו", "וה (דג) בא"),
        ("אב Paris גד", "דג Paris בא"),
        ("Paris אב", "בא Paris"),
        ("سنة ١٩١٥ هـ", "ـه ١٩١٥ ةنس"),
        ("plain text, 1915 (a)", "plain text, 1915 (a)"),
        ("12 345", "12 345"),
        # The point below stays behind its letter.
        ("אבָג", "גבָא"),
    ],
)
def test_lines_of_a_right_to_left_collection(text, displayed):
    assert display_order.display(text, "rtl")[0] == displayed
    assert display_order.logical(displayed, "rtl")[0] == text


def test_a_quotation_in_a_left_to_right_collection():
    text, displayed = "the words אב גד mean", "the words דג בא mean"
    assert display_order.display(text, "ltr")[0] == displayed
    assert display_order.logical(displayed, "ltr")[0] == text


def test_the_letters_say_which_way_a_collection_runs():
    assert display_order.majority(["אבגד ab", "plain text is not counted"]) == "rtl"
    assert display_order.majority(["the word אב is here"]) == "ltr"


def test_a_charset_of_a_direction_spells_in_the_order_on_the_page():
    known = charset.Charset.of(["אבג (12)", " "]).directed("rtl")
    ids = known.encode("אב (12)")
    assert known.spell(ids) == "(12) בא"
    text, places = known.read(ids)
    assert text == known.decode(ids) == "אב (12)"
    assert [known.spell(ids)[place] for place in places] == list("אב )12(")


def test_a_bracket_that_only_its_mirror_image_shows_is_known():
    known = charset.Charset.of(["א) ב"]).directed("rtl")
    assert known.decode(known.encode("א) ב")) == "א) ב"


def test_a_charset_of_a_file_of_long_ago_leaves_texts_as_they_are():
    old = charset.Charset.described({"charset": ["א", "ב"]})
    assert old.decode(old.encode("אב")) == "אב" == old.spell(old.encode("אב"))
