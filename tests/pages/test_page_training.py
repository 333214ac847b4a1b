"""Finders of lines are trained like recognisers: resumed, scored, exported, used."""

import contextlib
import io
import json
import re
import shutil

import jax
import numpy as np
import optax
import pytest

from ocr_jax import export, main, steps, train, train_state, workdirs
from ocr_jax.data import pages_file
from ocr_jax.errors import UserError
from ocr_jax.pages import finder, maps, page_training, tiles
from tests import fixtures, trainings

SIDE = 64


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    fixtures.save_pages(folder / "in/train", 2, text="")
    fixtures.save_pages(folder / "in/val", 1, text="", first=2)
    out = folder / "pages.h5"
    options = f"--source={folder}/in", f"--out={out}"
    assert fixtures.run_prepare("whole_pages", *options) == 0
    return out


@pytest.fixture(scope="module", autouse=True)
def small_tiles():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "SIDE", SIDE)
        yield


@pytest.fixture
def config(pages):
    return make_config(pages)


def make_config(pages):
    config = fixtures.make_tiny_config(pages)
    config.encoder = "page"
    config.conv_channels = (8, 8)
    config.num_epochs = 12  # enough to find lines
    config.learning_rate = 0.02
    config.early_stop_patience = 0
    config.ema_decay = 0.9
    config.log_every_steps = 1
    return config


@pytest.fixture(scope="module")
def whole(pages, tmp_path_factory):
    """(workdir, scores, what was said) of a training to its end."""
    workdir = tmp_path_factory.mktemp("runs") / "run"
    with contextlib.redirect_stdout(io.StringIO()) as said:
        scores = train.train_and_evaluate(make_config(pages), workdir)
    return workdir, scores, said.getvalue()


def test_a_tile_shows_a_page_and_where_its_lines_are(pages):
    page = pages_file.read(pages, ("train",))["train"].pages[0]
    image, drawn = tiles.draw(page, np.random.default_rng(0))
    assert image.shape == (tiles.SIDE, tiles.SIDE) and image.dtype == np.uint8
    assert drawn.shape == (tiles.SIDE // 4, tiles.SIDE // 4, maps.KINDS)
    again, _ = tiles.draw(page, np.random.default_rng(0))
    np.testing.assert_array_equal(image, again)
    other, _ = tiles.draw(page, np.random.default_rng(1))
    assert (image != other).any()


def test_the_loss_is_least_for_what_is_true():
    lines = [maps.Line(np.array([[10.0, 40.0], [50.0, 40.0]]), 16.0, 4.0)]
    true = maps.draw(lines, (SIDE, SIDE))[None]
    right = np.concatenate([20 * true[..., :2] - 10, true[..., 2:] / maps.HEIGHT], -1)
    wrong = np.concatenate([-right[..., :2], right[..., 2:]], -1)
    best, worst = (float(page_training.loss(x, true)[0]) for x in (right, wrong))
    assert 0 <= best < 0.01 < 10 < worst
    empty = page_training.loss(np.zeros_like(true), np.zeros_like(true))
    assert np.isfinite(empty).all()


def test_a_finder_is_trained_scored_exported_and_used(whole, tmp_path, capsys):
    workdir, scores, said = whole
    assert scores["validation"]["summary"]["f1"] > 0  # lines are found
    assert scores["validation"]["pages"] == 1 and scores["validation"]["lines"] == 2
    assert scores["validation"]["recognizer"] is None  # the pages have no texts
    assert "2 training pages with 4 lines" in said and "F1 of baselines" in said
    arguments = [f"--workdir={workdir}", "--mode=evaluate"]
    assert main.main(["main", *arguments]) == 0
    assert (
        f"F1 of baselines {scores['validation']['summary']['f1']:.3f}"
        in capsys.readouterr().out
    )
    options = f"--workdir={workdir}", f"--out={tmp_path}/out"
    assert export.main([*options, "--format=onnx"]) == 2
    assert "is for recognisers" in capsys.readouterr().err
    assert export.main([*options]) == 0
    own, exported = (finder.load(path).state for path in (workdir, tmp_path / "out"))
    for kind in train_state.WEIGHTS:
        trainings.assert_same_tree(getattr(own, kind), getattr(exported, kind))
    with pytest.raises(UserError, match=r"out was exported, .* --lines_file=FILE\.h5$"):
        page_training.evaluate_workdir(tmp_path / "out", "validation")


def test_pages_that_have_changed_are_scored_only_if_they_are_named(
    whole, config, tmp_path
):
    fixtures.save_pages(tmp_path / "in/val", 1, text="", first=5)
    others = tmp_path / "others.h5"
    options = f"--source={tmp_path}/in", f"--out={others}"
    assert fixtures.run_prepare("whole_pages", *options) == 0
    workdir = tmp_path / "run"
    shutil.copytree(whole[0], workdir)
    config.lines_file = str(others)
    workdirs.write_json(workdir / "config.json", config.to_dict())
    with pytest.raises(UserError, match=r"others\.h5 has changed .* --lines_file"):
        page_training.evaluate_workdir(workdir, "validation", recognizer="")
    page_training.evaluate_workdir(workdir, "validation", str(others), recognizer="")


def test_a_pages_file_that_is_missing_is_made_again(whole, config, pages, tmp_path):
    workdir = shutil.copytree(whole[0], tmp_path / "run")
    config.lines_file = str(tmp_path / "again.h5")
    workdirs.write_json(workdir / "config.json", config.to_dict())
    with pytest.raises(UserError, match=r"again\.h5 does not exist.* --lines_file="):
        page_training.evaluate_workdir(workdir, "validation")
    config.prepare_args = f"whole_pages --source={pages.parent}/in --workers=1"
    workdirs.write_json(workdir / "config.json", config.to_dict())
    scores = page_training.evaluate_workdir(workdir, "validation")
    assert scores["summary"] == whole[1]["validation"]["summary"]


def test_an_interrupted_training_ends_bit_identical(whole, config, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trainings.train_until(3, config, tmp_path / "parts", page_training.PageTraining)
    train.train_and_evaluate(config, tmp_path / "parts")
    ended = whole[0], tmp_path / "parts"
    rows = [trainings.rows_of(workdir) for workdir in ended]
    assert rows[0][-1] == rows[1][-1]
    one, two = (finder.load(workdir).state for workdir in ended)
    trainings.assert_same_tree(one.params, two.params)


def test_four_devices_train_like_one(config, tmp_path):
    from ocr_jax import models
    from ocr_jax.runtime import devices

    task = page_training.PageTraining(config, tmp_path)
    tx = optax.sgd(0.1)  # Adam makes whole steps of gradients that are only rounding
    states = []
    for count in (1, 4):
        mesh = jax.sharding.Mesh(np.array(jax.devices()[:count]), (devices.DATA,))
        model = models.build_model(config, maps.KINDS, devices.DATA)
        state = devices.replicate(
            train_state.create_state(model, tx, config, SIDE), mesh
        )
        objective = page_training.make_objective(model)
        step = steps.make_step(objective, page_training.images, tx, config, mesh)
        task.mesh = mesh
        [batch, *_] = task.batches(task.plan_epoch(0), 0, 0)
        states.append(jax.device_get(step(state, batch)[0]))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
        states[0].params,
        states[1].params,
    )


def test_mistakes_are_one_line(config, finished, tiny_lines, tmp_path):
    from ocr_jax.recognizer import Recognizer

    config.lines_file = str(tiny_lines)
    with pytest.raises(UserError, match="expected format"):
        train.train_and_evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    (tmp_path / "page").mkdir()
    values = json.loads(config.to_json())
    (tmp_path / "page/config.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match="finds the lines of pages"):
        Recognizer.load(tmp_path / "page")
    with pytest.raises(UserError, match="reads lines"):
        finder.load(finished[1])


def first_state(task):
    tx = optax.sgd(0.1)
    return task.first_state(tx, task.state_shapes(tx))


@pytest.mark.parametrize("channels", [(8,), (8, 4), (8, 8, 8)])
def test_a_network_of_another_shape_is_no_start(whole, config, tmp_path, channels):
    config.init_from, config.conv_channels = str(whole[0]), channels
    task = page_training.PageTraining(config, tmp_path)
    message = f"has conv_channels (8, 8), this run {channels}: start from a finder"
    with pytest.raises(UserError, match=re.escape(message)):
        first_state(task)


def test_a_training_starts_from_another_finder(whole, config, tmp_path):
    config.init_from = str(whole[0])
    task = page_training.PageTraining(config, tmp_path)
    started, best = first_state(task), finder.load(whole[0]).state
    trainings.assert_same_tree(started.params, best.params)


def test_rests_of_a_facing_page_are_no_lines():
    def cut_off(left, right):
        line = maps.Line(np.array([[left, 50.0], [right, 50.0]]), 20.0, 5.0)
        return finder.is_cut_off(line, 1000)

    assert cut_off(1.0, 90.0) and cut_off(900.0, 999.0)
    assert not cut_off(1.0, 800.0)  # a whole line of a tight scan
    assert not cut_off(30.0, 90.0)
