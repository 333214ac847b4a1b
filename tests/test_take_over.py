"""What a new network takes over of another: what fits, character by character."""

import collections

import jax
import numpy as np

from ocr_jax import train_state, trained, transfer
from ocr_jax.charset import Charset
from tests import trainings


def take_over(other, config, charset, texts="abc"):
    """(state of a new network that takes the other's weights over, what it takes)."""
    fresh = trainings.fresh_state(config, charset)
    counts = collections.Counter(texts)
    replace, taken = transfer.take_over(other, fresh, charset, counts)
    weights = replace({kind: getattr(fresh, kind) for kind in train_state.WEIGHTS})
    return fresh.replace(**weights), taken


def test_the_same_charset_takes_over_everything(finished):
    config, workdir, _ = finished
    charset = Charset(("a", "b", "c"))
    best = trained.load_best(workdir)
    state, taken = take_over(best, config, charset)
    assert taken.share == 1
    assert taken[1:] == ([], [], "", "", {})
    for kind in ("params", "batch_stats"):
        ours, theirs = (jax.tree.leaves(getattr(s, kind)) for s in (state, best.state))
        assert len(ours) == len(theirs) > 0
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_output_layer_is_carried_over_by_character(finished):
    config, workdir, _ = finished
    charset = Charset(("B", "c", "é", "a"))
    fresh = trainings.fresh_state(config, charset)
    best = trained.load_best(workdir)
    state, taken = take_over(best, config, charset)
    assert taken.new_characters == "Bé" and taken.dropped_characters == "b"
    assert taken.fresh == []
    old = best.state.params["head"]
    for name in ("kernel", "bias"):
        ours, theirs = state.params["head"][name], old[name]
        for our_class, their_class in ((0, 0), (2, 3), (4, 1)):
            np.testing.assert_array_equal(
                ours[..., our_class], theirs[..., their_class]
            )
        for our_class in (1, 3):
            untouched = fresh.params["head"][name][..., our_class]
            np.testing.assert_array_equal(ours[..., our_class], untouched)


def test_a_new_character_shares_the_probability_of_the_one_that_looks_like_it(finished):
    config, workdir, _ = finished
    best = trained.load_best(workdir)
    before = best.state.params["head"]
    state, taken = take_over(
        best, config, Charset(("a", "b", "c", "á", "à", "ä")), texts="aáááàb"
    )
    assert taken.new_characters == "àáä"
    assert taken.alike == {"à": "a", "á": "a"}  # no training line has ä
    assert "new characters: 'àáä' (à starts as a, á starts as a)" in str(taken)
    head = state.params["head"]
    for index, share in ((1, 1.5 / 6.5), (4, 3.5 / 6.5), (5, 1.5 / 6.5)):
        kernel, bias = (head[name][..., index] for name in ("kernel", "bias"))
        np.testing.assert_array_equal(kernel, before["kernel"][..., 1])
        np.testing.assert_allclose(bias, before["bias"][1] + np.log(share), rtol=1e-5)
    for name in ("kernel", "bias"):  # the others are as they were
        ours, theirs = head[name][..., [0, 2, 3]], before[name][..., [0, 2, 3]]
        np.testing.assert_array_equal(ours, theirs)


def test_a_convention_of_the_new_lines_is_read_before_any_training(finished):
    """They write ’ for the ' that the network knows."""
    config, workdir, _ = finished
    best = trained.load_best(workdir)._replace(charset=Charset(("'", "b", "c")))
    state, _ = take_over(best, config, Charset(("'", "b", "c", "’")), texts="’b" * 50)
    head, before = (s.params["head"]["bias"] for s in (state, best.state))
    np.testing.assert_allclose(head[4], before[1], atol=0.02)
    assert head[1] < before[1] - 4


def test_a_letter_that_the_new_lines_lack_is_as_likely_as_before(finished):
    """They happen to have á and no a."""
    config, workdir, _ = finished
    best = trained.load_best(workdir)
    state, _ = take_over(best, config, Charset(("a", "b", "c", "á")), texts="áb" * 50)
    head, before = (s.params["head"]["bias"] for s in (state, best.state))
    assert head[1] == before[1]
    np.testing.assert_allclose(head[4], before[1], atol=0.02)


def test_a_new_character_may_stand_before_the_known_ones(finished):
    """As config.charset can have it: each class has a source, in another order."""
    config, workdir, _ = finished
    best = trained.load_best(workdir)
    state, taken = take_over(
        best, config, Charset(("á", "c", "b", "a")), texts="áabc" * 9
    )
    assert taken.share == 1
    ours, theirs = (s.params["head"]["kernel"] for s in (state, best.state))
    np.testing.assert_array_equal(ours, theirs[..., [0, 1, 3, 2, 1]])


def test_what_does_not_fit_is_named_and_starts_fresh(finished):
    config, workdir, _ = finished
    config = config.copy_and_resolve_references()
    config.lstm_dim, config.lstm_layers = 20, 1
    charset = Charset(("a", "b", "c"))
    fresh = trainings.fresh_state(config, charset)
    state, taken = take_over(trained.load_best(workdir), config, charset)
    assert 0 < taken.share < 1
    assert taken.fresh and all(
        n.startswith(("recurrent/", "head/")) for n in taken.fresh
    )
    assert "started fresh: head (1 arrays), recurrent (" in str(taken)
    np.testing.assert_array_equal(
        state.params["head"]["kernel"], fresh.params["head"]["kernel"]
    )
