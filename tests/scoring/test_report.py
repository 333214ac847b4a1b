"""Scores say what they are of; what is kept beside them tells the same."""

import io
import json
import shutil
from contextlib import redirect_stdout

import pytest

from ocr_jax import config as config_lib
from ocr_jax import evaluate, reading_tables, trained, workdirs
from ocr_jax.data import lines_file
from ocr_jax.recognizer import Recognizer
from ocr_jax.scoring import calibration, error_analysis, report
from tests import fixtures


@pytest.fixture(scope="module")
def shown(finished):
    """(scores, what was printed) of the command line's evaluation."""
    with redirect_stdout(io.StringIO()) as said:
        scores = evaluate.evaluate_workdir(finished[1], "validation")
    return scores, said.getvalue()


def test_a_score_says_its_split_transcripts_decoder_and_seed(finished, shown):
    config, _, scores = finished
    with lines_file.LinesFile(config.lines_file) as file:
        digests = {name: file.split(name).digest for name in ("validation", "test")}
    for split, digest in digests.items():
        about = {"transcripts": "as written", "decoder": "greedy", "seed": config.seed}
        assert (about | {"digest": digest}).items() <= scores[split].items()
    assert shown[1].splitlines()[1] == (
        f"validation scores: lines {digests['validation'][:8]}, transcripts as "
        "written, greedy decoder, seed 0"
    )


def test_the_command_line_shows_what_training_kept(finished, shown):
    _, workdir, scores = finished
    assert shown[0].as_json() == scores["validation"]
    found = workdirs.read_json(workdir / "errors_validation.json")
    lines = reading_tables.scored_lines(workdir, "validation")
    _, writers, transcripts, readings = zip(*lines, strict=True)
    again = error_analysis.analyse(transcripts, readings, writers).as_json()
    for one in (found, again):
        one["confusions"].sort(key=json.dumps)
    assert found["confusions"] == again["confusions"]
    assert found["lengths"] == json.loads(json.dumps(again["lengths"]))
    assert f"errors in {found['chars']} characters" in shown[1]
    assert all(writer in shown[1] for writer in ("w0", "w1", "w2"))
    assert "calibration error of characters: " in shown[1]
    assert (workdir / "reliability_test.png").stat().st_size > 1000


def test_the_temperature_is_the_one_that_fits_validation(finished):
    _, workdir, scores = finished
    kept = workdirs.read_json(workdir / "calibration.json")
    assert kept["digest"] == scores["validation"]["digest"]
    assert kept["temperature"] in calibration.TEMPERATURES
    for split in ("validation", "test"):
        found = scores[split]["calibration"]
        assert found["temperature"] == kept["temperature"]
        lines = reading_tables.scored_lines(workdir, split)
        characters = sum(len(line.reading) for line in lines)
        for one in found["characters"].values():
            assert sum(one["bins"]["count"]) == characters
        assert sum(found["lines"]["after"]["bins"]["count"]) == len(lines)


def test_readings_have_the_calibrated_confidence_and_stay_the_same(finished, tmp_path):
    _, workdir, _ = finished
    other = tmp_path / "run"
    shutil.copytree(workdir, other)
    pages = [fixtures.draw_scan(text) for text in ("acbca", "cab")]
    readings = {}
    for temperature in (4.0, 1.0, None):
        if temperature is None:  # as runs of earlier versions
            (other / "calibration.json").unlink()
        else:
            kept = {"temperature": temperature}
            workdirs.write_json(other / "calibration.json", kept)
        readings[temperature] = Recognizer.load(other).read(pages)
    assert readings[None] == readings[1.0]
    for hot, plain in zip(readings[4.0], readings[1.0], strict=True):
        assert hot.text == plain.text and hot.confidence < plain.confidence
        for one, two in zip(hot.characters, plain.characters, strict=True):
            assert one.x == two.x and one.confidence < two.confidence
    with pytest.raises(workdirs.UserError, match=r"calibration.json can't be read"):
        (other / "calibration.json").write_text("{")
        trained.load_best(other)


def test_a_title_names_iams_split_and_kind_of_transcripts():
    about = {"split_name": "aachen", "split_digest": "12345678abc", "digest": "f" * 64}
    about |= {"transcripts": "xml", "decoder": "beam", "seed": 3}
    assert report.title("test", about) == (
        "test scores: aachen 12345678, lines ffffffff, transcripts xml, beam decoder, "
        "seed 3"
    )


@pytest.mark.parametrize("start", ["", "pretrained:hands"])
def test_who_started_from_a_network_is_not_told_to_start_from_one(start):
    config = config_lib.default_config()
    config.init_from = start
    said = report.why_nothing_was_learnt(config, lines=4, updates=1, warmup=0)
    assert ("--config.init_from" in said) == (not start)
