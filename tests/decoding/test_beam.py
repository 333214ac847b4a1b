"""Beam search against every path there is, and against plain Python where it drops."""

import collections

import jax
import numpy as np
import pytest

from ocr_jax.decoding import beam, fusion, language_model
from tests import ctc_reference

FRAMES, CLASSES, LINES = 5, 4, 24
# The prefixes of up to 5 of 3 characters: nothing is ever dropped.
EVERYTHING = sum(3**length for length in range(FRAMES + 1))
NEVER = -np.inf


def bonus(guide, label, ends=True):
    """alpha log p_lm + beta length of a line, or of its beginning."""
    state, total = guide.model.start, 0.0
    for symbol in (*label, *[language_model.BOUNDARY] * ends):
        log_prob, state = language_model.look_up(guide.model, state, np.array(symbol))
        total += log_prob
    return guide.alpha * total + guide.beta * len(label)


def best_label(guide, log_probs):
    """The label of the highest score, from all the paths through log_probs (T, C)."""
    scores = ctc_reference.label_scores(log_probs)
    return max(scores, key=lambda label: scores[label] + bonus(guide, label))


def plain_beam_search(guide, log_probs, width):
    """The algorithm with a dict: prefix → log p of its paths with and without a blank
    at their end. Of many characters, the likeliest are tried."""
    beams = {(): (0.0, NEVER)}
    for frame in log_probs:
        found = collections.defaultdict(lambda: (NEVER, NEVER))
        for prefix, (blank, label) in beams.items():
            total = np.logaddexp(blank, label)
            steps = [(prefix, total + frame[0], NEVER)]
            likeliest = 1 + np.argsort(-frame[1:])[: beam.MOST_TRIED]
            for symbol in likeliest[
                frame[likeliest] >= np.log(beam.LEAST_PROBABILITY)
            ].tolist():
                repeats = prefix[-1:] == (symbol,)
                before = blank if repeats else total
                steps.append(((*prefix, symbol), NEVER, before + frame[symbol]))
                if repeats:
                    steps.append((prefix, NEVER, label + frame[symbol]))
            for other, *scores in steps:
                found[other] = tuple(np.logaddexp(found[other], scores))
        ranked = sorted(
            found, key=lambda p: -np.logaddexp(*found[p]) - bonus(guide, p, ends=False)
        )
        beams = {prefix: found[prefix] for prefix in ranked[:width]}
    return max(beams, key=lambda p: np.logaddexp(*beams[p]) + bonus(guide, p))


search = jax.jit(beam.beam_search, static_argnames="width")


def read(guide, logits, lengths, width=EVERYTHING):
    labels, sizes = jax.device_get(search(guide, logits, lengths, width=width))
    assert not labels[np.arange(labels.shape[1]) >= sizes[:, None]].any()
    return [tuple(row[:size].tolist()) for row, size in zip(labels, sizes, strict=True)]


def by_line(reference, logits, lengths):
    """What a function of log_probs (T, C) says of each line of a batch."""
    log_probs = np.asarray(jax.nn.log_softmax(logits), np.float64)
    pairs = zip(log_probs, lengths, strict=True)
    return [reference(line[:frames]) for line, frames in pairs]


@pytest.fixture(scope="module")
def model():
    lines = [[1, 2, 2], [3, 2, 1, 1], [1, 3], [], [2, 2, 3, 1]]
    return language_model.build(language_model.count(lines, 3, CLASSES))


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (0.8, 0.0), (1.5, 2.0)])
def test_wide_enough_it_finds_the_best_of_all_labels(model, alpha, beta):
    logits = np.random.default_rng(0).normal(size=(LINES, FRAMES, CLASSES)) * 1.5
    logits[0, :, 1] += 3  # one character again and again
    logits[1, 1:4, 0] += 3
    lengths = np.arange(LINES) % (FRAMES + 1)
    guide = beam.Guide(model, alpha, beta)
    expected = by_line(lambda line: best_label(guide, line), logits, lengths)
    assert read(guide, logits, lengths) == expected


def test_narrow_it_drops_what_the_plain_algorithm_drops(model):
    logits = np.random.default_rng(2).normal(size=(LINES, FRAMES, CLASSES))
    lengths, guide = np.full(LINES, FRAMES), beam.Guide(model, 0.7, 0.5)

    def plain(line):
        return plain_beam_search(guide, line, width=3)

    expected = by_line(plain, logits, lengths)
    assert read(guide, logits, lengths, width=3) == expected
    assert expected != by_line(lambda line: best_label(guide, line), logits, lengths)


def test_of_many_characters_it_tries_the_likeliest_alone():
    logits = 2.5 * np.random.default_rng(4).normal(size=(16, 8, 30))
    lines = np.random.default_rng(5).integers(1, 30, (40, 6)).tolist()
    model = language_model.build(language_model.count(lines, 2, 30))
    lengths, guide = np.full(16, 8), beam.Guide(model, 0.5, 0.5)
    expected = by_line(
        lambda line: plain_beam_search(guide, line, width=8), logits, lengths
    )
    assert read(guide, logits, lengths, width=8) == expected


def test_a_blank_that_is_passed_over_still_keeps_repeats_apart(model):
    logits = np.random.default_rng(1).normal(size=(LINES, FRAMES, CLASSES))
    logits[:, 0, 1] += 6
    logits[:, 2, 0] += 12
    logits[::2, 4, 1] += 6
    lengths, guide = np.full(LINES, FRAMES), beam.Guide(model, 0.3, 1.0)
    found = read(guide, logits, lengths)
    assert found == by_line(lambda line: best_label(guide, line), logits, lengths)
    assert (1, 1) in found


def test_a_character_is_as_sure_as_what_the_reading_scores_with_it(model):
    """Against the scores of all readings that differ in one frame's class."""
    logits = np.random.default_rng(3).normal(size=(LINES, FRAMES, CLASSES))
    lengths, guide = np.full(LINES, FRAMES), beam.Guide(model, 0.7, 0.5)
    path, fused = jax.device_get(jax.jit(fusion.beam_path)(guide, logits, lengths))
    log_probs = np.asarray(jax.nn.log_softmax(logits))
    for line in range(LINES):
        label = ctc_reference.collapse(path[line])
        for frame in range(FRAMES):
            begun = len(ctc_reference.collapse(path[line, : frame + 1]))
            is_blank = path[line, frame] == 0
            before, after = label[: begun - (not is_blank)], label[begun:]
            expected = [
                log_probs[line, frame, symbol]
                + bonus(guide, (*before, *[symbol] * (symbol > 0), *after))
                for symbol in range(CLASSES)
            ]
            differences = fused[line, frame] - fused[line, frame, 0]
            np.testing.assert_allclose(
                differences, np.array(expected) - expected[0], atol=1e-4
            )


def test_different_paths_of_a_prefix_are_added_up(model):
    probabilities = np.broadcast_to([0.4, 0.35, 0.2, 0.05], (LINES, FRAMES, CLASSES))
    found = read(beam.Guide(model, 0.0, 0.0), np.log(probabilities), np.full(LINES, 2))
    assert found == [(1,)] * LINES  # greedily, they are empty


def test_two_prefixes_hardly_ever_have_one_hash():
    hashes = np.zeros(1, np.uint32)
    for _ in range(3):
        hashes = beam._hash(hashes[:, None], np.arange(1, 60)).ravel()
    expected = len(hashes) ** 2 / 2 / 2**32
    assert len(hashes) - len(np.unique(hashes)) < 4 * expected
