"""Fine-tuning: what fits is taken over, character by character, and can be frozen."""

import shutil

import jax
import numpy as np
import pytest

from ocr_jax import (
    between,
    checkpoints,
    evaluate,
    export,
    train,
    train_state,
    trained,
    transfer,
    workdirs,
)
from ocr_jax.data import dataset, lines_writer
from ocr_jax.errors import UserError
from tests import fixtures, trainings


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
    config.charset = "abx"
    config.freeze = "encoder"
    capsys.readouterr()
    tuned = train.train_and_evaluate(config, tmp_path / "tuned")
    said = capsys.readouterr().out
    assert "new characters: 'x'" in said and "dropped characters: 'c'" in said
    losses = [s["validation"]["summary"]["loss"] for s in (tuned, scratch)]
    assert losses[0] < losses[1] / 2
    before, after = (
        trained.load_best(path).state for path in (pretrained, tmp_path / "tuned")
    )
    for kind in train_state.WEIGHTS:
        ours, theirs = (getattr(state, kind)["encoder"] for state in (after, before))
        same = jax.tree.leaves(jax.tree.map(np.array_equal, ours, theirs))
        assert len(same) > 0 and all(same)
    kept = jax.tree.map(np.array_equal, before.params["head"], after.params["head"])
    assert not any(jax.tree.leaves(kept))
    export.export(tmp_path / "tuned", tmp_path / "exported")
    exported = workdirs.load_config(tmp_path / "exported")
    assert not exported.freeze
    # As folders were that older versions wrote.
    exported.freeze = "encoder"
    workdirs.write_json(tmp_path / "exported" / "config.json", exported.to_dict())
    assert trained.load_best(tmp_path / "exported").charset.characters == tuple("abx")


def lines_of(folder, letters):
    """A lines file of these letters alone, as wide and long as the tiny lines."""
    path = folder / f"{letters}.h5"
    lines = {
        split: [
            line
            for line in fixtures.draw_lines(120, seed, split)
            if set(line.transcript) <= set(letters)
        ]
        for seed, split in ((5, "train"), (6, "validation"))
    }
    assert max(len(line.transcript) for line in lines["train"]) == 6
    lines_writer.write_lines(path, lines, height=fixtures.HEIGHT, source="drawn")
    return path


def tune(config, pretrained, workdir):
    """Go on from a network; return the best network of the new run."""
    config.init_from = str(pretrained)
    train.train_and_evaluate(config, workdir)
    return trained.load_best(workdir)


def test_letters_that_the_new_lines_lack_are_still_read(
    finished, tmp_path, tiny_lines, capsys
):
    _, pretrained, scores = finished
    config = fixtures.make_tiny_config(lines_of(tmp_path, "ab"))
    config.weight_decay, config.num_epochs = 0.1, 4
    tuned = tune(config, pretrained, tmp_path / "tuned")
    assert "in no training line, so not trained: 'c'" in capsys.readouterr().out
    assert tuned.charset.characters == ("a", "b", "c")
    before = trained.load_best(pretrained).state.params["head"]
    after = tuned.state.params["head"]
    for name in ("kernel", "bias"):
        changed = np.any(
            np.reshape(before[name] != after[name], (-1, tuned.charset.num_classes)),
            axis=0,
        )
        assert changed.tolist() == [True, True, True, False]
    on_all = evaluate.evaluate_workdir(
        tmp_path / "tuned", "test", lines_file=str(tiny_lines)
    )
    assert on_all.summary["cer"] <= scores["test"]["summary"]["cer"] + 0.1


def test_a_charset_that_is_given_decides(finished, tmp_path):
    _, pretrained, _ = finished
    config = fixtures.make_tiny_config(lines_of(tmp_path, "ab"))
    config.charset, config.num_epochs = "abd", 1
    tuned = tune(config, pretrained, tmp_path / "tuned")
    assert tuned.charset.characters == ("a", "b", "d")


def ruined(pretrained, lines_file):
    """A config whose rate ruins a network, so that a mean near the start is kept."""
    config = fixtures.make_tiny_config(lines_file)
    config.init_from, config.num_epochs = str(pretrained), 2
    config.learning_rate, config.ema_decay = 1.0, 0.0
    return config


def assert_same_best(one, other):
    """Fail unless two runs keep the same network, bit by bit."""
    trainings.assert_same_tree(*(trained.load_best(run).state for run in (one, other)))


def test_a_run_ends_the_same_when_its_first_network_is_gone(
    finished, tmp_path, monkeypatch
):
    monkeypatch.setattr(between, "SHARES", (1e-3,))
    copy = shutil.copytree(finished[1], tmp_path / "copy")
    config = ruined(copy, lines_of(tmp_path, "ab"))
    scores = train.train_and_evaluate(config, tmp_path / "whole")
    assert scores["share"] == 1e-3 and scores["epoch"] == 2
    with pytest.raises(KeyboardInterrupt):
        trainings.train_until(3, config, tmp_path / "halves")
    shutil.rmtree(copy)
    assert train.train_and_evaluate(config, tmp_path / "halves") == scores
    assert_same_best(tmp_path / "whole", tmp_path / "halves")


def test_a_run_that_begins_again_starts_from_what_its_first_network_is_by_then(
    finished, tmp_path, monkeypatch
):
    """It was killed before the first checkpoint of how far it had come."""
    monkeypatch.setattr(between, "SHARES", (1e-3,))
    first = shutil.copytree(finished[1], tmp_path / "first")
    config = ruined(first, lines_of(tmp_path, "ab"))
    with pytest.raises(KeyboardInterrupt):
        trainings.train_until(1, config, tmp_path / "again")
    shutil.rmtree(tmp_path / "again/checkpoints" / checkpoints.LATEST)
    other = finished[0].copy_and_resolve_references()
    other.seed, other.num_epochs = 3, 4
    train.train_and_evaluate(other, first, overwrite=True)
    train.train_and_evaluate(config, tmp_path / "again")
    train.train_and_evaluate(config, tmp_path / "anew")
    assert_same_best(tmp_path / "again", tmp_path / "anew")


def test_a_run_begun_with_the_characters_of_its_lines_keeps_to_them(finished, tmp_path):
    _, pretrained, _ = finished
    config = fixtures.make_tiny_config(lines_of(tmp_path, "ab"))
    config.init_from = str(pretrained)
    (tmp_path / "dataset.json").touch()  # and no init_from.json
    assert transfer.known_characters(config, tmp_path).characters == ()


def test_a_network_of_another_shape_is_refused_in_a_short_line(finished, tmp_path):
    _, pretrained, _ = finished
    config = fixtures.make_tiny_config(lines_of(tmp_path, "ab"))
    config.init_from, config.num_epochs = str(pretrained), 1
    config.conv_channels = (12, 20)
    with pytest.raises(UserError) as refused:
        train.train_and_evaluate(config, tmp_path / "run")
    assert "of another shape (conv_channels: [16, 24] → [12, 20])" in str(refused.value)
    assert not (tmp_path / "run").exists()
    config.init_from_share = 0.0
    data = dataset.load(config, ("train",))
    fresh = trainings.fresh_state(config, data.charset)
    [remark] = transfer.taken_over(config, fresh, data)[1]
    assert "started fresh: encoder" in remark


def test_layers_that_are_left_behind_are_named(finished, tmp_path):
    _, pretrained, _ = finished
    config = fixtures.make_tiny_config(lines_of(tmp_path, "ab"))
    config.init_from, config.init_from_share = str(pretrained), 0.0
    config.conv_channels = (16,)
    data = dataset.load(config, ("train",))
    fresh = trainings.fresh_state(config, data.charset)
    _, told = transfer.taken_over(config, fresh, data)[1]
    assert "of another shape (conv_channels: [16, 24] → [16]), and these" in told
    assert "left behind: encoder (" in told


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_no_random_weights_are_frozen(finished, tmp_path, share):
    _, pretrained, _ = finished
    config = fixtures.make_tiny_config(lines_of(tmp_path, "ab"))
    config.init_from, config.init_from_share = str(pretrained), share
    config.freeze, config.conv_channels = "encoder", (12, 24)
    with pytest.raises(UserError, match=r"would freeze random weights: .*16, 24") as no:
        train.train_and_evaluate(config, tmp_path / "run")
    assert "leave config.freeze empty" in str(no.value)
    assert not (tmp_path / "run").exists()


def test_a_run_to_start_from_that_is_not_there_is_named(tiny_config, tmp_path):
    tiny_config.init_from = str(tmp_path / "gone")
    with pytest.raises(UserError, match=r"gone is not a workdir of a training$"):
        train.train_and_evaluate(tiny_config, tmp_path / "run")
    tiny_config.init_from_args = "--config=configs/quickstart.py"
    makes_it = "main --config=configs/quickstart.py --workdir=.*gone$"
    with pytest.raises(UserError, match=makes_it):
        train.train_and_evaluate(tiny_config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_finder_of_lines_is_no_start(tiny_config, tmp_path):
    tiny_config.init_from = "pretrained:page_lines"
    with pytest.raises(UserError, match="finds the lines of pages and reads none"):
        train.train_and_evaluate(tiny_config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
