"""Dense lines are read twice, and the surer reading counts, whoever reads."""

import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from ocr_jax import decoders, evaluate, rereading, train, tune_decoder, workdirs
from ocr_jax.data import dataset, lines_file, lines_writer
from ocr_jax.images.cleaning import CleanLine
from ocr_jax.recognizer import Recognizer
from ocr_jax.runtime import devices
from tests import fixtures

HEIGHT = fixtures.HEIGHT
# What a line's grey says of it: it is surer stretched, or as it is, or it is sparse.
WIDE, NARROW, SPARSE = 10, 20, 30
CHARACTERS = 6


def logits_step(_, batch):
    """Logits of 6 characters, or of one, as sure as the line's grey and width ask."""
    images, widths = np.asarray(batch["image"]), np.asarray(batch["width"])
    logits = np.zeros((len(images), 2 * CHARACTERS, 3), np.float32)
    logits[..., 0] = 9.0
    for row, (image, width) in enumerate(zip(images, widths, strict=True)):
        grey, is_wide = image.max(), width > 24
        count = 1 if grey == SPARSE else CHARACTERS
        sure = {WIDE: is_wide, NARROW: not is_wide}.get(grey, True)
        logits[row, 0 : 2 * count : 2, 1] = 14.0 if sure else 10.0
    return jnp.asarray(logits), jnp.full(len(images), 2 * CHARACTERS)


def write(path, images, texts):
    lines = [
        lines_file.Line(image, text, f"line{i}", f"w{i % 3}")
        for i, (image, text) in enumerate(zip(images, texts, strict=True))
    ]
    splits = {"train": lines, "validation": lines}
    lines_writer.write_lines(path, splits, height=HEIGHT, source="drawn by a test")
    return fixtures.make_tiny_config(path)


def test_a_dense_line_takes_the_width_at_which_it_is_surer(tmp_path):
    greys = [WIDE, NARROW, SPARSE, WIDE]
    images = [np.full((HEIGHT, 24), grey, np.uint8) for grey in greys]
    config = write(tmp_path / "lines.h5", images, ["a"] * 4)
    config.encoder = "upright_conv"
    split = dataset.load(config, ("validation",)).splits["validation"]
    mesh = devices.make_mesh(config.batch_size)
    surest = rereading.at_surest_widths(logits_step, None, split, config, mesh)
    # 1.7 times: 6 characters that were found stand for 6.4, of which 2.5 fit a height.
    assert surest.widths.tolist() == [41, 24, 24, 41]


def test_a_network_that_learnt_lines_as_they_are_reads_them_so(tmp_path):
    config = write(tmp_path / "lines.h5", [np.full((HEIGHT, 24), WIDE, np.uint8)], "a")
    split = dataset.load(config, ("validation",)).splits["validation"]
    assert rereading.at_surest_widths(None, None, split, config, None) is split


def squeezed(line):
    """The same line at half its width: four letters to its height."""
    return line.image[:, ::2]


def once(recognizer, lines):
    """The readings of lines at the widths that they have."""
    return recognizer._decoded(lines, recognizer._logits(lines)[0])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(workdir, lines) of a short training on dense lines."""
    folder = tmp_path_factory.mktemp("dense")
    drawn = fixtures.draw_lines(40, 0, "line")
    images = [np.ascontiguousarray(squeezed(line)) for line in drawn]
    config = write(folder / "lines.h5", images, [line.transcript for line in drawn])
    config.encoder = "upright_conv"
    train.train_and_evaluate(config, folder / "run")
    recognizer = Recognizer.load(folder / "run")
    lines = [CleanLine(image, 0.0, 1.0) for image in images]
    assert recognizer.read_lines(lines) != once(recognizer, lines), "some stretched"
    return folder / "run", images


@pytest.mark.slow
def test_recogniser_evaluation_and_training_read_the_same(run):
    workdir, images = run
    scores = evaluate.evaluate_workdir(workdir, "validation")
    kept = workdirs.read_json(workdir / "scores.json")
    assert scores.summary["cer"] == kept["validation"]["summary"]["cer"]
    rows = (workdir / "metrics.jsonl").read_text().splitlines()
    rates = [row.get("validation/cer") for row in map(json.loads, rows)]
    assert scores.summary["cer"] in rates
    recognizer = Recognizer.load(workdir)
    readings = recognizer.read_lines([CleanLine(image, 0.0, 1.0) for image in images])
    table = (workdir / "readings_validation.tsv").read_text().splitlines()
    place = table[0].split("\t").index("reading")
    assert [r.text for r in readings] == [row.split("\t")[place] for row in table[1:]]


@pytest.mark.slow
def test_a_language_model_is_weighed_and_reads_at_the_same_widths(run):
    workdir, images = run
    tuned = tune_decoder.tune(workdir)
    try:
        scores = evaluate.evaluate_workdir(workdir, "validation", "beam")
        recognizer = Recognizer.load(workdir)
    finally:
        (workdir / decoders.FILE).unlink()
    assert scores.summary["cer"] == pytest.approx(tuned.weights.cer)
    kept = workdirs.read_json(workdir / "scores.json")["validation"]["summary"]["cer"]
    assert tuned.weights.cer_greedy == pytest.approx(kept)
    with lines_file.LinesFile(workdir.parent / "lines.h5") as file:
        transcripts = file.split("validation").transcripts
    readings = recognizer.read_lines([CleanLine(image, 0.0, 1.0) for image in images])
    edits = sum(
        Levenshtein.distance(reading.text, text)
        for reading, text in zip(readings, transcripts, strict=True)
    )
    assert edits / sum(map(len, transcripts)) == pytest.approx(tuned.weights.cer)


@pytest.mark.slow
def test_a_network_of_before_lines_were_stretched_reads_them_once(run, tmp_path):
    workdir = shutil.copytree(run[0], tmp_path / "run")
    about = workdirs.read_json(workdir / "dataset.json")
    del about["dense"]
    workdirs.write_json(workdir / "dataset.json", about)
    recognizer = Recognizer.load(workdir)
    lines = [CleanLine(image, 0.0, 1.0) for image in run[1]]
    assert recognizer.read_lines(lines) == once(recognizer, lines)


@pytest.mark.slow
def test_the_characters_of_a_stretched_line_lie_in_the_scan(run):
    workdir, images = run
    recognizer = Recognizer.load(workdir)
    left, scale = 7.0, 2.0
    lines = [CleanLine(image, left, scale) for image in images]
    for line, reading in zip(lines, recognizer.read_lines(lines), strict=True):
        xs = [part.x for part in reading.characters]
        assert xs == sorted(xs)
        for x in xs:
            assert left <= x <= left + scale * line.image.shape[1]


@pytest.mark.slow
def test_a_dense_line_reads_the_same_alone_and_among_others(run):
    workdir, images = run
    recognizer = Recognizer.load(workdir)
    lines = [CleanLine(image, 0.0, 1.0) for image in images]
    together = recognizer.read_lines(lines)
    alone = [recognizer.read_lines([line])[0] for line in lines[:6]]
    assert [r.text for r in alone] == [r.text for r in together[:6]]
