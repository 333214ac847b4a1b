"""Exported networks: read with like the run they are of, small, or refused."""

import hashlib
import json

import cv2
import numpy as np
import pytest

from ocr_jax import (
    ensemble,
    errors,
    evaluate,
    export,
    predict,
    pretrained,
    train,
    trained,
    tune_decoder,
    weights,
    workdirs,
)
from ocr_jax.errors import UserError
from ocr_jax.pages import finder
from ocr_jax.recognizer import Recognizer
from tests import fixtures

TEXTS = ("abcab", "cabca", "acbca")


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    """(workdir, what float32 was exported to)."""
    out = tmp_path_factory.mktemp("exported") / "network"
    assert export.main([f"--workdir={finished[1]}", f"--out={out}"]) == 0
    return finished[1], out


def images():
    return [255 - fixtures.draw_line(text) for text in TEXTS]


def test_it_reads_as_the_run_does(exported):
    own, theirs = (Recognizer.load(folder).read(images()) for folder in exported)
    assert own == theirs
    assert [reading.text for reading in own] == list(TEXTS)


def test_half_the_bytes_read_the_same_text(exported, tmp_path):
    export.export(exported[0], tmp_path / "half", dtype="float16")
    readings = Recognizer.load(tmp_path / "half").read(images())
    assert [reading.text for reading in readings] == list(TEXTS)
    whole, half = (
        (folder / workdirs.WEIGHTS).stat().st_size
        for folder in (exported[1], tmp_path / "half")
    )
    assert half < 0.7 * whole


def test_an_export_can_be_exported(exported, tmp_path):
    export.export(exported[1], tmp_path / "again")
    content = [
        (f / workdirs.WEIGHTS).read_bytes() for f in (exported[1], tmp_path / "again")
    ]
    assert content[0] == content[1]


def test_it_names_no_path_of_the_machine(exported):
    config = (exported[1] / "config.json").read_text()
    assert str(workdirs.load_config(exported[0]).lines_file) not in config


def test_a_training_starts_from_it(exported, tiny_config, tmp_path):
    tiny_config.init_from, tiny_config.num_epochs = str(exported[1]), 1
    tiny_config.learning_rate = 0.0
    scores = train.train_and_evaluate(tiny_config, tmp_path / "run")
    of_run = json.loads((exported[0] / "scores.json").read_text())
    assert scores["validation"]["summary"]["cer"] == pytest.approx(
        of_run["validation"]["summary"]["cer"], abs=0.02
    )


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_torn_weights_are_refused(exported, tmp_path, share):
    torn = copy(exported[1], tmp_path)
    content = (torn / workdirs.WEIGHTS).read_bytes()
    (torn / workdirs.WEIGHTS).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match="can't be read"):
        trained.load_best(torn)


def test_weights_of_another_network_are_refused(exported, tmp_path):
    other = copy(exported[1], tmp_path)
    config = json.loads((other / "config.json").read_text())
    config["conv_channels"][0] += 1
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="is of another network"):
        trained.load_best(other)


def test_a_number_too_large_for_half_precision_is_refused(exported, tmp_path):
    best = trained.load_best(exported[0])
    huge = best.state.replace(params={"head": {"bias": np.full(3, 1e6, np.float32)}})
    with pytest.raises(UserError, match="head/bias can't be written in float16"):
        weights.write(tmp_path / "huge", huge, "float16")
    assert not list(tmp_path.iterdir())


def test_mistakes_are_one_line(exported, tmp_path, capsys):
    for arguments, message in (
        ([f"--workdir={exported[0]}", f"--out={exported[1]}"], "exists already"),
        ([f"--workdir={tmp_path}", f"--out={tmp_path / 'new'}"], "not a workdir"),
        ([f"--workdir={exported[0]}", "--out=wandb:a/b/c"], "wandb: names a network"),
        (["--workdir=pretrained:none", f"--out={tmp_path / 'new'}"], "expected one of"),
    ):
        capsys.readouterr()
        assert export.main(arguments) == 2
        said = capsys.readouterr().err
        assert message in said and len(said.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_what_takes_its_lines_file_says_that_it_does_not_know_it(
    exported, tmp_path, monkeypatch, capsys
):
    run, out = map(str, exported)
    monkeypatch.chdir(tmp_path)  # where no data/lines.h5 is
    for command, arguments, advice in (
        (tune_decoder.main, [f"--workdir={out}"], "run tune_decoder on the run"),
        (ensemble.main, [out, run, "--out=both"], "name another of the runs first"),
        (evaluate_main, [f"--workdir={out}"], "name a file with --lines_file=FILE.h5"),
    ):
        assert command(arguments) == 2
        said = capsys.readouterr().err
        assert f"{out} was exported, and does not say" in said and advice in said
        assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def evaluate_main(arguments):
    """The exit code of `main --mode=evaluate`, whose flags are read once a process."""
    workdir = arguments[0].partition("=")[2]
    return errors.exit_code(lambda: evaluate.evaluate_workdir(workdir, "validation"))


def test_a_network_that_ships_is_checked_by_its_digest(exported, tmp_path, monkeypatch):
    shipped = copy(exported[1], tmp_path, "tiny")
    digest = hashlib.sha256((shipped / workdirs.WEIGHTS).read_bytes()).hexdigest()
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    digests = {workdirs.WEIGHTS: digest}
    monkeypatch.setattr(pretrained, "DIGESTS", {"tiny": digests})
    assert Recognizer.load("pretrained:tiny").read(images())[0].text == TEXTS[0]
    pretrained.folder.cache_clear()
    monkeypatch.setattr(pretrained, "DIGESTS", {"tiny": digests | {"more": digest}})
    with pytest.raises(UserError, match="missing or damaged"):
        Recognizer.load("pretrained:tiny")


@pytest.mark.parametrize(("name", "megabytes"), [("hands", 5), ("hands-large", 20)])
def test_recognisers_that_ship_read_latin_letters_and_digits(name, megabytes):
    best = trained.load_best(f"{pretrained.PREFIX}{name}")
    wanted = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789àéèêçäöüñ"
    assert set(wanted) <= set(best.charset.characters)
    size = (pretrained.folder(name) / workdirs.WEIGHTS).stat().st_size
    assert size <= megabytes * 1e6


def test_the_finder_that_ships_finds_lines():
    page = np.full((600, 800), 225, np.uint8)
    for y in (150, 220, 290):
        for x in range(100, 700, 14):
            cv2.line(page, (x, y), (x + 5, y - 24), 60, 3)
            cv2.line(page, (x + 5, y - 24), (x + 9, y), 60, 3)
    found = finder.load(pretrained.FINDER).find(page)
    assert [round(line.baseline[:, 1].mean(), -1) for line in found] == [150, 220, 290]
    size = (pretrained.folder("page_lines") / workdirs.WEIGHTS).stat().st_size
    assert size <= 3e6


def test_predict_reads_with_what_ships_and_says_so(tmp_path, capsys):
    path = tmp_path / "line.png"
    cv2.imwrite(str(path), fixtures.draw_scan())
    assert predict.main([str(path)]) == 0
    assert "pretrained:hands reads" in capsys.readouterr().err


def copy(folder, tmp_path, name="copy"):
    target = tmp_path / name
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target
