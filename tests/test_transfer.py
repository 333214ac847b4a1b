"""Fine-tuning: what fits is taken over, character by character, and can be frozen."""

import jax
import numpy as np
import pytest

from ocr_jax import checkpoints, models, optimizers, steps, train, transfer
from ocr_jax.charset import Charset
from ocr_jax.data import lines_writer
from ocr_jax.errors import UserError
from tests import fixtures


def fresh_state(config, charset):
    model = models.build_model(config, charset.num_classes)
    tx = optimizers.make_optimizer(config, optimizers.make_schedule(config, 1))
    return steps.create_state(model, tx, config, fixtures.HEIGHT)


def test_the_same_charset_takes_over_everything(finished):
    config, workdir, _ = finished
    charset = Charset(("a", "b", "c"))
    best = checkpoints.load_best(workdir).state
    state, taken = transfer.init_from(workdir, fresh_state(config, charset), charset)
    assert (taken.fresh, taken.new_characters, taken.dropped_characters) == ([], "", "")
    for kind in ("params", "batch_stats"):
        ours, theirs = (jax.tree.leaves(getattr(s, kind)) for s in (state, best))
        assert len(ours) == len(theirs) > 0
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_output_layer_is_carried_over_by_character(finished):
    config, workdir, _ = finished
    charset = Charset(("B", "c", "é", "a"))
    fresh = fresh_state(config, charset)
    state, taken = transfer.init_from(workdir, fresh, charset)
    assert taken.new_characters == "Bé" and taken.dropped_characters == "b"
    assert taken.fresh == []
    old = checkpoints.load_best(workdir).state.params["head"]
    for name in ("kernel", "bias"):
        ours, theirs = state.params["head"][name], old[name]
        for our_class, their_class in ((0, 0), (2, 3), (4, 1)):
            np.testing.assert_array_equal(
                ours[..., our_class], theirs[..., their_class]
            )
        for our_class in (1, 3):
            untouched = fresh.params["head"][name][..., our_class]
            np.testing.assert_array_equal(ours[..., our_class], untouched)


def test_what_does_not_fit_is_named_and_starts_fresh(finished):
    config, workdir, _ = finished
    config = config.copy_and_resolve_references()
    config.lstm_dim, config.lstm_layers = 24, 2
    charset = Charset(("a", "b", "c"))
    fresh = fresh_state(config, charset)
    state, taken = transfer.init_from(workdir, fresh, charset)
    assert taken.arrays > 0
    assert taken.fresh and all(
        n.startswith(("recurrent/", "head/")) for n in taken.fresh
    )
    assert taken.fresh[0] in str(taken)
    np.testing.assert_array_equal(
        state.params["head"]["kernel"], fresh.params["head"]["kernel"]
    )


def other_lines(folder):
    """Lines of two old letters and a new one."""
    path = folder / "other.h5"
    lines = {
        split: [
            lines_writer.Line(
                line.image, line.transcript.replace("c", "x"), line.line_id
            )
            for line in fixtures.draw_lines(32, seed, split)
        ]
        for seed, split in ((5, "train"), (6, "validation"))
    }
    lines_writer.write_lines(path, lines, height=fixtures.HEIGHT, source="drawn")
    return path


def test_fine_tuning_starts_ahead_and_leaves_the_frozen_part(
    finished, tmp_path, capsys
):
    _, pretrained, _ = finished
    config = fixtures.make_tiny_config(other_lines(tmp_path))
    config.num_epochs = 1
    scratch = train.train_and_evaluate(config, tmp_path / "scratch")
    config.init_from = str(pretrained)
    config.freeze = "encoder"
    capsys.readouterr()
    tuned = train.train_and_evaluate(config, tmp_path / "tuned")
    said = capsys.readouterr().out
    assert "new characters: 'x'" in said and "dropped characters: 'c'" in said
    losses = [s["validation"]["summary"]["loss"] for s in (tuned, scratch)]
    assert losses[0] < losses[1] / 2
    before, after = (
        checkpoints.load_best(path).state for path in (pretrained, tmp_path / "tuned")
    )
    for kind in steps.WEIGHTS:
        ours, theirs = (getattr(state, kind)["encoder"] for state in (after, before))
        same = jax.tree.leaves(jax.tree.map(np.array_equal, ours, theirs))
        assert len(same) > 0 and all(same)
    changed = jax.tree.map(
        np.array_equal, before.params["recurrent"], after.params["recurrent"]
    )
    assert not any(jax.tree.leaves(changed))


def test_a_run_to_start_from_that_is_not_there_is_named(tiny_config, tmp_path):
    tiny_config.init_from = str(tmp_path / "gone")
    with pytest.raises(UserError, match="gone is not a workdir"):
        train.train_and_evaluate(tiny_config, tmp_path / "run")
