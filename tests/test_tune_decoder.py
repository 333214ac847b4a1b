"""From a finished run to beam search: the model, its weights, and reading with them."""

import dataclasses
import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from ocr_jax import decoders, evaluate, predict, trained, tune_decoder
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.decoding import beam, fusion, greedy
from ocr_jax.errors import UserError
from tests import fixtures

SCALE = 4


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "more.txt"
    path.write_text("abc\n\ncab  bac\nabcx\n acb\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def untuned(finished, tmp_path_factory):
    """A copy of the finished run: its checkpoints are as they were."""
    return shutil.copytree(finished[1], tmp_path_factory.mktemp("copy") / "run")


@pytest.fixture(scope="module")
def tuned(untuned, text):
    workdir = shutil.copytree(untuned, untuned.with_name("tuned"))
    return workdir, tune_decoder.tune(workdir, [text])


def image(folder, text="acbca"):
    path = folder / "line.png"
    ink = np.kron(fixtures.draw_line(text), np.ones((SCALE, SCALE), np.uint8))
    Image.fromarray(225 - ink // 2).save(path)
    return str(path)


def test_before_tuning_beam_says_what_to_run(untuned, tmp_path, capsys):
    arguments = [f"--workdir={untuned}", "--decoder=beam", image(tmp_path)]
    assert predict.main(arguments) == 2
    said = capsys.readouterr().err
    assert f"python -m ocr_jax.tune_decoder --workdir={untuned}" in said
    assert len(said.splitlines()) == 1


def test_commands_that_are_printed_fit_a_folder_with_a_space():
    with pytest.raises(UserError, match=r"tune_decoder --workdir='my run'$"):
        decoders.load("beam", "my run", best=None)


def test_the_error_rates_it_says_are_those_of_evaluating(finished, tuned):
    workdir, weights = tuned[0], tuned[1].weights
    scores = evaluate.evaluate_workdir(workdir, "validation", "beam")
    assert scores.summary["cer"] == pytest.approx(weights.cer)
    assert scores.as_json()["decoder"] == "beam"
    greedy = finished[2]["validation"]["summary"]["cer"]
    assert greedy == pytest.approx(weights.cer_greedy)


@pytest.mark.parametrize(("crossed", "says"), [(0.2, True), (0.1, False)])
def test_who_loses_by_it_is_told(crossed, says):
    model = decoders.LearntModel(None, "training transcripts", 2, 9.0)
    weights = decoders.SearchWeights(0.5, 1.0, 4, 0.1, 0.3, 0.1, crossed)
    tuned = decoders.TunedDecoder(model, weights, 1.0, ())
    said = tune_decoder.describe("runs/mine", tuned)
    assert ("worse than greedy: use --decoder=greedy" in said) == says


def test_always_without_texts_is_refused(capsys):
    assert tune_decoder.main(["--workdir=runs/mine", "--always"]) == 2
    assert "--always is for --text" in capsys.readouterr().err


def test_predict_reads_with_it_and_says_where_characters_are(tuned, tmp_path, capsys):
    flags = f"--workdir={tuned[0]}", "--format=json"
    assert predict.main([*flags, image(tmp_path)]) == 0
    reading = json.loads(capsys.readouterr().out)
    assert reading["text"] == "acbca"
    for position, character in enumerate(reading["characters"]):
        assert abs(character["x"] - SCALE * (8 * position + 6)) < SCALE * 8
        assert 0 < character["confidence"] <= 1


def test_what_reads_takes_the_beam_by_default(tuned, untuned):
    for workdir, path in ((tuned[0], fusion.beam_path), (untuned, greedy.greedy_path)):
        best = trained.load_best(workdir)
        assert decoders.load(None, workdir, best).read.func is path


def test_the_same_run_and_texts_make_the_same_file(tuned, text):
    path = tuned[0] / decoders.FILE
    content = path.read_bytes()
    tune_decoder.tune(tuned[0], [text])
    assert path.read_bytes() == content


def test_pattern_search_walks_to_the_least_cost():
    def cost(alpha, beta):
        return (alpha - 1.3) ** 2 + 2 * (beta - 2.2) ** 2 + alpha * beta / 10

    alpha, beta = tune_decoder.pattern_search(cost)
    assert abs(alpha - 1.2) < 0.1 and abs(beta - 2.15) < 0.2


def test_pattern_search_goes_along_a_valley():
    def cost(alpha, beta):
        return abs(alpha - 1.1) + 100 * abs(beta - 2.5 * alpha + 0.25)

    assert tune_decoder.pattern_search(cost) == (1.1, 2.5)


def test_crossed_errors_are_with_weights_of_other_writers(monkeypatch):
    """Two writers whom opposite weights suit: neither may have its own."""
    suits = np.array([0.1, 0.9])

    def count_edits(_, search):
        guide = search.args[0] if hasattr(search, "args") else beam.Guide(None, 9, 0)
        return np.abs(suits - guide.alpha) * 100

    monkeypatch.setattr(tune_decoder, "count_edits", count_edits)
    lines = tune_decoder.Lines(None, None, [[1] * 50, [2] * 50], ["a", "b"])
    weights = tune_decoder.choose_weights(None, lines)
    assert weights.cer_crossed == pytest.approx(1.6)
    assert weights.cer == pytest.approx(0.8)


def test_lines_prepared_anew_are_refused(untuned, tmp_path):
    workdir = shutil.copytree(untuned, tmp_path / "run")
    about = json.loads((workdir / "dataset.json").read_text())
    about["digests"]["validation"] = "that of other lines"
    (workdir / "dataset.json").write_text(json.dumps(about))
    with pytest.raises(UserError, match="its validation split differs"):
        tune_decoder.tune(workdir)


def test_lines_prepared_anew_with_new_characters_have_changed(untuned, tmp_path):
    workdir = shutil.copytree(untuned, tmp_path / "run")
    config = json.loads((workdir / "config.json").read_text())
    config["lines_file"] = str(tmp_path / "anew.h5")
    (workdir / "config.json").write_text(json.dumps(config))
    with lines_writer.LinesWriter(
        tmp_path / "anew.h5", height=fixtures.HEIGHT, source="test"
    ) as writer:
        for split in lines_file.SPLITS:
            for line in fixtures.draw_lines(4, seed=0, prefix=split):
                transcript = f"{line.transcript}é"
                writer.add(split, dataclasses.replace(line, transcript=transcript))
    with pytest.raises(UserError, match=r"anew\.h5 has changed since"):
        tune_decoder.tune(workdir)


def test_lines_that_are_missing_are_to_be_restored(finished, untuned, tmp_path):
    workdir = shutil.copytree(untuned, tmp_path / "run")
    changed = finished[0].copy_and_resolve_references()
    changed.lines_file = str(tmp_path / "gone.h5")
    (workdir / "config.json").write_text(changed.to_json())
    with pytest.raises(UserError, match=r"gone\.h5 does not exist.* or restore it: "):
        tune_decoder.tune(workdir)


def test_a_run_on_a_disk_that_is_read_only_is_refused_before_any_tuning(
    untuned, small_disk, monkeypatch
):
    disk = small_disk(4)
    shutil.copytree(untuned, disk / "run")
    monkeypatch.setattr(tune_decoder, "read_lines", None)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    message = r"run can't be written to: Read-only file system\. Copy it"
    with pytest.raises(UserError, match=message):
        tune_decoder.tune(disk / "run")


def test_of_a_run_that_goes_on_it_says_to_tune_again(untuned, tmp_path, capsys):
    workdir = shutil.copytree(untuned, tmp_path / "run")
    (workdir / "scores.json").unlink()
    tune_decoder.tune(workdir)
    said = capsys.readouterr().err
    assert f"{workdir} is not finished" in said and len(said.splitlines()) == 1


def test_mistakes_are_one_line(untuned, tmp_path, capsys):
    for arguments, message in (
        ([f"--workdir={tmp_path}"], "not a workdir"),
        ([f"--workdir={untuned}", "--text", "missing.txt"], "missing.txt"),
        ([], "--workdir"),
    ):
        assert tune_decoder.main(arguments) == 2
        said = capsys.readouterr().err
        assert message in said and len(said.splitlines()) == 1
