"""Training end to end on tiny lines: it learns, resumes exactly, says what is wrong."""

import itertools
import shutil
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ocr_jax import claims, models, optimizers, steps, train, train_state, workdirs
from ocr_jax.data import dataset, lines_file, lines_writer, pipeline
from ocr_jax.errors import UserError
from ocr_jax.runtime import devices
from tests import fixtures, trainings


def test_it_learns_to_read(finished):
    _, workdir, scores = finished
    rows = trainings.rows_of(workdir)
    losses = [row["train/loss"] for row in rows if "epoch" in row]
    assert losses[-1] < losses[0] / 4
    assert scores["validation"]["summary"]["cer"] < 0.1
    assert scores["test"]["summary"]["cer"] < 0.1


def test_a_workdir_holds_everything(finished):
    _, workdir, _ = finished
    for name in workdirs.CONTENTS:
        of_others = name in ("wandb", "changes.diff", *workdirs.LAUNCHER_FILES)
        optional = of_others or name.startswith(
            ("confusion", "init_from", "language_model", "profile")
        )
        assert optional or (workdir / name).exists(), name
    readings = (workdir / "readings.tsv").read_text().splitlines()
    assert len(readings) == 13
    assert readings[1].startswith("validation-0\t")


def test_a_finished_run_is_said_to_be_finished(finished, capsys):
    config, workdir, scores = finished
    assert train.train_and_evaluate(config, workdir) == scores
    assert "is finished" in capsys.readouterr().out


def test_a_run_needs_no_tensorflow_and_ends_as_with_it(
    tmp_path, tiny_config, monkeypatch
):
    tiny_config.num_epochs = 1
    states = []
    for loader, modules in (("tf_data", {}), ("resident", {"tensorflow": None})):
        tiny_config.loader = loader
        with monkeypatch.context() as patch:
            for name, module in modules.items():
                patch.setitem(sys.modules, name, module)
            train.train_and_evaluate(tiny_config, tmp_path / loader)
        states.append(trainings.latest_state(tmp_path / loader, tiny_config)[0])
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)


def test_early_stopping_ends_a_run_that_gets_no_better(
    finished, tmp_path, tiny_config, capsys
):
    tiny_config.learning_rate = 0.0
    # Else its running statistics would change the readings.
    tiny_config.init_from, tiny_config.freeze = str(finished[1]), "encoder"
    tiny_config.num_epochs = 9
    tiny_config.early_stop_patience = 2
    scores = train.train_and_evaluate(tiny_config, tmp_path / "run")
    assert max(row.get("epoch", 0) for row in trainings.rows_of(tmp_path / "run")) == 3
    assert train.train_and_evaluate(tiny_config, tmp_path / "run") == scores
    assert f"{tmp_path / 'run'} is finished: --overwrite" in capsys.readouterr().out
    tiny_config.num_epochs = 12
    with pytest.raises(UserError, match="run after 3 epochs: to train on"):
        train.train_and_evaluate(tiny_config, tmp_path / "run")
    assert workdirs.scores(tmp_path / "run") == scores


def test_a_network_that_learnt_nothing_is_told_the_updates_it_really_had(
    tmp_path, tiny_config, capsys, monkeypatch
):
    """Of 50 planned updates, 5 for warm-up, it stops after 25 batches of 5 epochs."""
    monkeypatch.setattr(train.line_training.report, "LEARNT_NOTHING", -1.0)
    tiny_config.learning_rate, tiny_config.accumulate_steps = 0.0, 3
    tiny_config.num_epochs, tiny_config.early_stop_patience = 30, 4
    tiny_config.warmup_steps = 1_000
    train.train_and_evaluate(tiny_config, tmp_path / "run")
    assert trainings.rows_of(tmp_path / "run")[-1]["step"] == 25
    assert " 8 updates, 5 of them warm-up" in capsys.readouterr().out


def test_a_loss_that_is_not_finite_stops_with_step_and_lines(
    tmp_path, tiny_config, monkeypatch
):
    """The third update is not a number, the fourth step's loss then."""
    rates = jnp.array([1e-3, 1e-3, np.nan])
    monkeypatch.setattr(
        train.optimizers, "make_schedule", lambda *_: lambda s: rates[s]
    )
    with pytest.raises(UserError, match="loss is nan at step 4") as error:
        train.train_and_evaluate(tiny_config, tmp_path / "run")
    split = dataset.load(tiny_config, ("train",)).splits["train"]
    for index in split.plan(tiny_config, epoch=0)[3].indices:
        assert f"train-{index}" in str(error.value)


def test_impossible_lines_are_named_and_take_no_part(tmp_path, tiny_config, capsys):
    lines = fixtures.draw_lines(8, 0, "good")
    narrow = lines_file.Line(np.zeros((16, 8), np.uint8), "aaaa", "narrow", "w0")
    path = tmp_path / "lines.h5"
    splits = {"train": [*lines, narrow], "validation": [*lines[:3], narrow]}
    lines_writer.write_lines(path, splits, height=16, source="test")
    tiny_config.lines_file = str(path)
    tiny_config.num_epochs = 1
    scores = train.train_and_evaluate(tiny_config, tmp_path / "run")
    said = capsys.readouterr().out
    assert "1 of 9 train lines" in said and "narrow" in said
    assert scores["validation"]["impossible_lines"] == 1
    assert np.isfinite(scores["validation"]["summary"]["loss"])
    # It is still read and scored: its errors count.
    assert scores["validation"]["lines"] == 4


def test_a_workdir_of_another_config_is_refused_with_the_difference(
    finished, tiny_config
):
    _, workdir, _ = finished
    with pytest.raises(UserError, match="lstm_dim: 16 → 17"):
        tiny_config.num_epochs = 30
        tiny_config.lstm_dim = 17
        train.train_and_evaluate(tiny_config, workdir)


def test_a_mistake_in_the_lines_file_can_be_put_right(tmp_path, tiny_config):
    right, tiny_config.lines_file = tiny_config.lines_file, str(tmp_path / "gone.h5")
    with pytest.raises(UserError, match=r"gone\.h5 does not exist"):
        train.train_and_evaluate(tiny_config, tmp_path / "run")
    tiny_config.lines_file, tiny_config.num_epochs = right, 1
    train.train_and_evaluate(tiny_config, tmp_path / "run")
    assert workdirs.load_config(tmp_path / "run").lines_file == right


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ({"lines_file": "gone.h5"}, r"gone\.h5 does not exist"),
        ({"accumulate_steps": 60_000}, "fewer than one update"),
        ({"init_from": "no/run"}, "not a workdir"),
        ({"init_from": "pretrained:hands"}, "init_from"),
    ],
)
def test_a_command_that_is_wrong_overwrites_nothing(
    finished, tmp_path, tiny_config, mistake, message
):
    workdir = shutil.copytree(finished[1], tmp_path / "run")
    before = trainings.files_of(workdir)
    tiny_config.update(mistake)
    with pytest.raises(UserError, match=message):
        train.train_and_evaluate(tiny_config, workdir, overwrite=True)
    assert trainings.files_of(workdir) == before


def test_a_run_whose_lines_are_gone_is_not_prolonged(finished, tmp_path, tiny_config):
    workdir = shutil.copytree(finished[1], tmp_path / "run")
    kept = workdirs.load_config(workdir)
    kept.lines_file = tiny_config.lines_file = str(tmp_path / "gone.h5")
    workdirs.write_json(workdir / "config.json", kept.to_dict())
    before = trainings.files_of(workdir)
    tiny_config.num_epochs = 9
    with pytest.raises(UserError, match=r"gone\.h5 does not exist"):
        train.train_and_evaluate(tiny_config, workdir)
    assert trainings.files_of(workdir) == before


def test_a_training_without_an_update_is_refused(tmp_path, tiny_config):
    tiny_config.accumulate_steps = 60_000
    with pytest.raises(
        UserError, match=r"accumulate_steps is 60000: .* fewer than one"
    ):
        train.train_and_evaluate(tiny_config, tmp_path / "run")


def test_overwrite_starts_anew(tmp_path, tiny_config):
    fixtures.make_run(tmp_path / "run")
    tiny_config.num_epochs = 1
    train.train_and_evaluate(tiny_config, tmp_path / "run", overwrite=True)
    assert workdirs.load_config(tmp_path / "run").num_epochs == 1
    assert max(row.get("epoch", 0) for row in trainings.rows_of(tmp_path / "run")) == 1


def test_a_folder_of_something_else_is_left_alone(tmp_path, tiny_config):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.tex"):
        train.train_and_evaluate(tiny_config, tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_two_trainings_never_share_a_workdir(tmp_path, tiny_config):
    with (
        claims.claim(tmp_path / "run", tiny_config),
        pytest.raises(UserError, match="another training"),
        claims.claim(tmp_path / "run", tiny_config),
    ):
        pass


def test_a_run_resumes_only_on_the_same_lines(tmp_path, tiny_config):
    tiny_config.num_epochs = 1
    workdirs.check_dataset(tmp_path, {"height": 16, "charset": ["a"]})
    with pytest.raises(UserError, match="other data"):
        workdirs.check_dataset(tmp_path, {"height": 16, "charset": ["b"]})


def test_training_works_outside_the_main_thread(tmp_path, tiny_config):
    """As a notebook or a server may want it: signals are left alone there."""
    tiny_config.num_epochs = 1
    outcome = []
    thread = threading.Thread(
        target=lambda: outcome.append(
            train.train_and_evaluate(tiny_config, tmp_path / "r")
        )
    )
    thread.start()
    thread.join()
    assert outcome


def test_four_devices_train_like_one(tiny_config, monkeypatch):
    """Twenty updates, whole on one device or spread over four: the same weights.

    On the one, varied and updated in two programs, as on a CPU; on the four, in one.
    """
    # Adam would divide a difference of rounding by its own size.
    tiny_config.optimizer, tiny_config.learning_rate = "sgd", 0.01
    tiny_config.dropout, tiny_config.shortcut_weight = 0.2, 0.1
    data = dataset.load(tiny_config, ("train",))
    model = models.build_model(tiny_config, data.charset.num_classes, devices.DATA)
    tx = optimizers.make_optimizer(
        tiny_config, optimizers.make_schedule(tiny_config, 20)
    )
    split = data.splits["train"]
    # The last batch of an epoch is short: some devices get nothing but filler.
    epochs = [split.plan(tiny_config, epoch) for epoch in range(20)]
    rows = list(itertools.chain(*epochs))[:20]
    results = []
    for count, backend in ((1, "cpu"), (4, "gpu")):
        monkeypatch.setattr(jax, "default_backend", lambda name=backend: name)
        mesh = jax.sharding.Mesh(np.array(jax.devices()[:count]), (devices.DATA,))
        step = steps.make_train_step(model, tx, tiny_config, mesh)
        state = train_state.create_state(model, tx, tiny_config, data.height)
        state = devices.replicate(state, mesh)
        for batch in pipeline.batches(split, rows, tiny_config, mesh):
            state, metrics = step(state, batch)
        results.append((jax.device_get(state.params), float(metrics["loss"])))
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-5)
    for one, four in zip(
        *(jax.tree.leaves(params) for params, _ in results), strict=True
    ):
        np.testing.assert_allclose(one, four, atol=1e-5)


def test_a_batch_that_does_not_divide_among_devices_is_refused(tmp_path, tiny_config):
    tiny_config.batch_size = 6
    with pytest.raises(UserError, match="multiple"):
        train.train_and_evaluate(tiny_config, tmp_path / "run")
