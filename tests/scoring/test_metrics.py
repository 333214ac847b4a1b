"""Scores: edit counts against a plain dynamic programme, ratios of sums, intervals."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax.scoring import metrics
from tests import fixtures

words = st.text("ab ", max_size=12)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_edits_equal_those_of_a_plain_dynamic_programme(pairs):
    counts = metrics.count(*map(list, zip(*pairs, strict=True)))
    for i, (transcript, reading) in enumerate(pairs):
        assert counts.char_edits[i] == fixtures.plain_distance(transcript, reading)
        expected = fixtures.plain_distance(transcript.split(), reading.split())
        assert counts.word_edits[i] == expected


def test_cer_divides_sums_so_that_long_lines_weigh_more():
    counts = metrics.count(["a", "b" * 99], ["x", "b" * 99])
    assert metrics.summary(counts)["cer"] == pytest.approx(0.01)
    assert metrics.summary(counts)["character_accuracy"] == pytest.approx(0.5)
    assert metrics.summary(counts)["exact"] == 0.5


def test_case_and_punctuation_count_in_one_profile_only():
    # As written: L for l, one comma more, the full stop missing, of 17 characters.
    counts = metrics.count(["L’an, mil neuf 9."], ["l’an,, mil neuf 9"])
    found = metrics.summary(counts)
    assert found["cer"] == pytest.approx(3 / 17)
    # L’an, and 9. of four words; L , and . of 8 tokens: L ’ an , mil neuf 9 .
    assert (found["wer"], found["wer_tokens"]) == (2 / 4, 3 / 8)
    assert (found["cer_folded"], found["wer_folded"]) == (0.0, 0.0)
    counts = metrics.count(["L’an, mil neuf 9."], ["lon mil neuf 9"])
    # Of "lan mil neuf 9" one character of 14, one word of 4.
    found = metrics.summary(counts)
    assert (found["cer_folded"], found["wer_folded"]) == (1 / 14, 1 / 4)


@pytest.mark.parametrize(
    ("text", "folded", "tokens"),
    [
        ("", "", []),
        ("Été – (“FIN”)", "été fin", ["Été", "–", "(", "“", "FIN", "”", ")"]),
        ("n° 1+1=2 Straße", "n° 1+1=2 strasse", ["n°", "1+1=2", "Straße"]),
        ("t_a-t'il...", "tatil", ["t", "_", "a", "-", "t", "'", "il", *"..."]),
        ("J\u030cǰ", "ǰǰ", ["J\u030cǰ"]),  # casefold takes ǰ apart
    ],
)
def test_punctuation_is_what_unicode_says(text, folded, tokens):
    assert metrics.folded(text) == folded
    assert metrics.tokens(text) == tokens


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_tokens_lose_nothing_and_folding_loses_all_punctuation(text):
    assert "".join(metrics.tokens(text)) == "".join(text.split())
    folded = metrics.folded(text)
    assert not any(unicodedata.category(c).startswith("P") for c in folded)
    assert folded == " ".join(folded.split())


def test_character_accuracy_is_the_labs_and_can_be_negative():
    assert metrics.character_accuracy("ab", "ab___") == 1.0
    assert metrics.character_accuracy("ab", "xyzw") == -1.0
    assert metrics.character_accuracy("", "") == 1.0


def test_loss_is_a_mean_over_the_possible_lines_only():
    counts = metrics.count(
        ["a", "b"], ["a", "b"], np.array([3.0, np.nan]), np.array([True, False])
    )
    assert metrics.summary(counts)["loss"] == 3.0


def test_intervals_hold_the_score_and_widen_when_lines_of_a_writer_agree():
    transcripts = ["abcd"] * 40
    readings = ["abcd", "abcx"] * 20
    counts = metrics.count(transcripts, readings)
    by_line = metrics.intervals(counts, [""] * 40)["cer"]
    writers = ["even" if i % 2 == 0 else "odd" for i in range(40)]
    by_writer = metrics.intervals(counts, writers)["cer"]
    assert by_line[0] < metrics.summary(counts)["cer"] < by_line[1]
    assert by_writer[0] == 0.0 and by_writer[1] == 0.25
    assert by_line[1] - by_line[0] < by_writer[1] - by_writer[0]


def test_lines_of_unknown_writers_are_drawn_one_by_one():
    counts = metrics.count(["abcd", "bcd", "cd"], ["abc", "bcd", "c"])
    named = metrics.intervals(counts, ["a", "b", "w"])
    assert metrics.intervals(counts, ["", "", "w"]) == named


def test_intervals_are_the_same_every_time():
    counts = metrics.count(["abcd", "bcd", "cd"], ["abc", "bcd", "c"])
    assert metrics.intervals(counts, ["v", "w", ""]) == metrics.intervals(
        counts, ["v", "w", ""]
    )


def test_a_paired_difference_is_of_the_same_resamples():
    writers = [f"w{i % 7}" for i in range(42)]
    transcripts = ["abcdefghij"] * 42
    hard = ["x" * (1 + i % 7) + "abcdefghij"[1 + i % 7 :] for i in range(42)]
    first, second = (
        metrics.count(transcripts, hard),
        metrics.count(transcripts, [t + "y" for t in hard]),
    )
    low, high = metrics.intervals(first, writers)["cer"]
    assert high - low > 0.1
    # One edit in ten characters, whoever is drawn.
    cer = metrics.paired_differences(first, second, writers)["cer"]
    assert cer == (pytest.approx(-0.1), pytest.approx((-0.1, -0.1)), 0.0)
    swapped = metrics.paired_differences(second, first, writers)["cer"]
    assert swapped == (pytest.approx(0.1), pytest.approx((0.1, 0.1)), 1.0)


def test_a_run_is_no_better_than_itself():
    counts = metrics.count(["abcd", "bcd", "cd"], ["abc", "bcd", "c"])
    found = metrics.paired_differences(counts, counts, ["v", "w", ""])
    names = [rate.name for rate in metrics.ERROR_RATES]
    assert found == dict.fromkeys(names, (0.0, (0.0, 0.0), 1.0))


def test_a_gain_on_one_writer_of_four_is_not_sure(monkeypatch):
    monkeypatch.setattr(metrics, "RESAMPLES", 20_000)
    transcripts, writers = ["abcd"] * 8, list("kkllmmnn")
    first = metrics.count(transcripts, ["abcd"] * 8)
    second = metrics.count(transcripts, ["abcx"] * 2 + ["abcd"] * 6)
    cer = metrics.paired_differences(first, second, writers)["cer"]
    assert cer.value == pytest.approx(-1 / 16)
    assert cer.interval[1] == 0.0
    # The resamples in which the writer is not drawn.
    assert cer.not_better == pytest.approx(0.75**4, abs=0.01)
