"""Ensembles: several networks in a workdir like any other's, or a clear refusal."""

import json
import pathlib
import shutil

import jax
import numpy as np
import pytest

from ocr_jax import (
    checkpoints,
    decoders,
    ensemble,
    evaluate,
    train,
    trained,
    tune_decoder,
    workdirs,
)
from ocr_jax.errors import UserError
from ocr_jax.recognizer import Recognizer
from tests import fixtures


@pytest.fixture(scope="module")
def runs(finished, tmp_path_factory):
    """Two runs of one kind, the second a little off, and the ensemble they make."""
    first = finished[1]
    second, both = (tmp_path_factory.mktemp("runs") / name for name in ("2nd", "both"))
    shutil.copytree(first, second, ignore=shutil.ignore_patterns("checkpoints"))
    state = trained.load_best(first).state
    rng = np.random.default_rng(0)
    noisy = jax.tree.map(lambda x: x + rng.normal(0, 0.05, x.shape), state.params)
    noisy = jax.tree.map(np.float32, noisy)
    with checkpoints.Checkpoints(second) as saved:
        saved.save(checkpoints.BEST, state.replace(params=noisy), {})
    # Members whose encoders were frozen are averaged like others.
    config = json.loads((second / "config.json").read_text())
    config |= {"freeze": "encoder", "init_from": str(first)}
    (second / "config.json").write_text(json.dumps(config))
    assert ensemble.main([str(second), str(first), f"--out={both}"]) == 0
    return first, second, both


def log_probs(workdir):
    best = trained.load_best(workdir)
    line = fixtures.draw_line("abcab")[None] / 255.0
    variables = {"params": best.state.params, "batch_stats": best.state.batch_stats}
    read = jax.jit(best.model.apply)
    logits, _ = read(variables, line, np.array([line.shape[2]]))
    return np.asarray(jax.nn.log_softmax(logits))


def test_it_answers_with_the_mean_of_the_best_networks(runs):
    first, second, both = map(log_probs, runs)
    assert np.abs(first - second).max() > 0.1
    mean = (first + second) / 2
    np.testing.assert_allclose(both, np.asarray(jax.nn.log_softmax(mean)), atol=1e-4)


def test_its_workdir_is_like_any_others(runs, capsys):
    first, _, both = runs
    scores = json.loads((both / "scores.json").read_text())
    assert scores["validation"]["summary"]["cer"] < 0.2
    for split in ("validation", "test"):
        again = evaluate.evaluate_workdir(both, split)
        assert json.loads(json.dumps(again.as_json())) == scores[split]
    of_first = json.loads((first / "scores.json").read_text())
    assert scores["parameters"] == 2 * of_first["parameters"]
    assert scores["validation"]["digest"] == of_first["validation"]["digest"]
    [reading] = Recognizer.load(both).read([255 - fixtures.draw_line("abcab")])
    assert reading.text
    tune_decoder.tune(both)
    assert (both / decoders.FILE).exists()
    assert [path.name for path in both.parent.iterdir()] == ["both"]


def test_it_is_not_trained_further_from_random_weights(runs):
    both = runs[2]
    config = workdirs.load_config(both)
    scores = train.train_and_evaluate(config, both)
    config.num_epochs += 1
    with pytest.raises(UserError, match=r"both has no latest checkpoint .*an ensemble"):
        train.train_and_evaluate(config, both)
    assert workdirs.scores(both) == scores


def refuse(runs, out, message, capsys):
    existed = out.exists()
    capsys.readouterr()
    assert ensemble.main([*map(str, runs), f"--out={out}"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert out.exists() == existed
    assert not list(out.parent.glob(".*partial"))


def test_mistakes_are_one_line_and_leave_nothing(runs, tmp_path, capsys):
    first, second, both = runs
    out = tmp_path / "out"
    a_file = tmp_path / "file"
    a_file.touch()
    refuse([first], out, "needs two or more workdirs, each named once", capsys)
    refuse([first, second, first], out, "needs two or more workdirs, each", capsys)
    refuse([first, tmp_path], out, "is not a workdir of a training", capsys)
    refuse([first, second], both, "exists already: name a new folder", capsys)
    again = tmp_path / "again"
    shutil.copytree(both, again)
    refuse([both, again], out, f"{both} is an ensemble: name its member runs", capsys)
    refuse([both, first], out, "architectures (ensemble_size: 2 → 1)", capsys)
    refuse([first, second], a_file / "out", "file", capsys)
    mine = pathlib.Path("pretrained:mine")
    refuse([first, second], mine, "pretrained: names a network that exists", capsys)


@pytest.mark.parametrize(
    ("which", "file", "change", "message"),
    [
        (
            1,
            "config",
            {"frame_stride": 2},
            "different architectures (frame_stride: 4 → 2)",
        ),
        (
            1,
            "dataset",
            {"digests": {"validation": "0"}},
            "different validation lines",
        ),
        (1, "dataset", {"digests": {"test": "0"}}, "different test lines"),
        (0, "dataset", {"digests": {"train": "0"}}, "its train split differs"),
    ],
)
def test_networks_that_do_not_go_together_are_refused(
    runs, tmp_path, capsys, which, file, change, message
):
    members = list(runs[:2])
    members[which] = tmp_path / "changed"
    shutil.copytree(runs[which], members[which])
    path = members[which] / f"{file}.json"
    content = json.loads(path.read_text())
    for key, value in change.items():
        is_nested = isinstance(value, dict)
        content[key] = content[key] | value if is_nested else value
    path.write_text(json.dumps(content))
    refuse(members, tmp_path / "out", message, capsys)


def test_what_fails_half_way_leaves_nothing(runs, tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evaluate, "score_splits", full)
    refuse(runs[:2], tmp_path / "out", "No space left on device", capsys)


def test_an_ensemble_can_also_be_trained_at_once(tiny_config, tmp_path):
    tiny_config.ensemble_size, tiny_config.shortcut_weight = 2, 0.1
    tiny_config.conv_channels, tiny_config.frame_stride = (8,), 2  # quick to compile
    tiny_config.num_epochs = 1
    scores = train.train_and_evaluate(tiny_config, tmp_path / "at_once")
    assert np.isfinite(scores["validation"]["summary"]["loss"])
