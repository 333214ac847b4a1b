"""Runs that were saved under old names of config keys: they open, read and resume."""

import json
import shutil

import numpy as np
import pytest

from ocr_jax import config as config_lib
from ocr_jax import ensemble, evaluate, train, workdirs
from ocr_jax.config_keys import RENAMED
from ocr_jax.recognizer import Recognizer
from tests import fixtures, trainings


def use_old_names(workdir):
    """Rewrite a workdir's config.json as it was before keys were renamed."""
    path = workdir / "config.json"
    config = json.loads(path.read_text())
    del config["processes"]
    config["distributed"] = {"coordinator": "", "num_processes": 0, "process_id": 0}
    for old, new in RENAMED.items():
        if new == "processes":
            continue
        group, _, name = new.rpartition(".")
        values = config[group] if group else config
        values[old.rpartition(".")[2]] = values.pop(name)
    path.write_text(json.dumps(config))


def make_config(path):
    config = fixtures.make_tiny_config(path)
    config.update(
        {
            "num_epochs": 2,
            "ema_decay": 0.5,
            "shortcut_weight": 0.1,
            "prepare_args": "fonts --style=varied",
        }
    )
    config.augment.update({"probability": 0.5, "ruled_lines": 0.3})
    return config


@pytest.fixture(scope="module")
def old_run(tiny_lines, tmp_path_factory):
    """(config, workdir, scores) of a finished run under old names."""
    config = make_config(tiny_lines)
    workdir = tmp_path_factory.mktemp("runs") / "old"
    scores = train.train_and_evaluate(config, workdir)
    use_old_names(workdir)
    assert '"average": 0.5' in (workdir / "config.json").read_text()
    return config, workdir, scores


def test_a_finished_run_opens_with_its_values_under_the_new_names(old_run):
    config, workdir, _ = old_run
    assert workdirs.load_config(workdir) == config


def test_a_finished_run_is_evaluated_reads_and_is_not_trained_again(old_run):
    config, workdir, scores = old_run
    again = evaluate.evaluate_workdir(workdir, "validation")
    assert again.summary == scores["validation"]["summary"]
    image = 255 - fixtures.draw_line("abcab")
    assert Recognizer.load(workdir).read([image])
    workdirs.refuse_other_config(workdir, config)
    assert json.dumps(train.train_and_evaluate(config, workdir)) == json.dumps(scores)


def test_a_finished_run_joins_an_ensemble(old_run, tmp_path):
    _, workdir, _ = old_run
    shutil.copytree(workdir, tmp_path / "other")
    ensemble.join([workdir, tmp_path / "other"], tmp_path / "both")
    assert workdirs.load_config(tmp_path / "both").ensemble_size == 2


def test_an_interrupted_run_resumes_bit_identical(old_run, tmp_path, tiny_lines):
    config, whole, _ = old_run
    with pytest.raises(KeyboardInterrupt, match="checkpoint written"):
        trainings.train_until(7, config, tmp_path / "broken")
    use_old_names(tmp_path / "broken")
    train.train_and_evaluate(config, tmp_path / "broken")
    expected, resumed = (
        trainings.latest_state(workdir, config)[0]
        for workdir in (whole, tmp_path / "broken")
    )
    for one, other in zip(expected, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_value_under_an_old_name_is_told_under_the_new_one(old_run):
    config, workdir, _ = old_run
    changed = config.copy_and_resolve_references()
    changed.ema_decay = 0.9
    with pytest.raises(config_lib.UserError, match=r"\(ema_decay: 0.5 → 0.9\)"):
        workdirs.refuse_other_config(workdir, changed)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"nothing": 1}', "doesn't fit this version"),
        ('{"augment": 1}', "doesn't fit this version"),
        ("[]", "can't be read: expected names and values in braces"),
        ('"x"', "can't be read: expected names and values in braces"),
    ],
)
def test_a_config_that_does_not_fit_is_named(tmp_path, text, problem):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(config_lib.UserError, match=rf"config\.json {problem}"):
        workdirs.load_config(tmp_path)
