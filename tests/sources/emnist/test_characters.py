"""Recognisers of single characters: the same loop, with scores of their own."""

import numpy as np
import pytest
from PIL import Image

from configs import emnist_lenet, emnist_mlp
from ocr_jax import evaluate, train
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.images import cleaning
from ocr_jax.recognizer import Recognizer
from ocr_jax.scoring import confusion_matrix, metrics
from tests import fixtures


@pytest.fixture(scope="module")
def characters_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("characters") / "c.h5"
    splits = {
        "train": fixtures.draw_characters(96, 0),
        "validation": fixtures.draw_characters(30, 1),
    }
    lines_writer.write_lines(path, splits, height=28, source="drawn by a test")
    return path


@pytest.mark.parametrize(
    ("config_file", "epochs"), [(emnist_mlp, 8), (emnist_lenet, 4)]
)
def test_characters_are_learnt_scored_and_read(
    characters_file, tmp_path, config_file, epochs
):
    config = config_file.get_config()
    config.lines_file = str(characters_file)
    config.batch_size, config.num_epochs = 32, epochs
    config.warmup_steps = 2
    config.wandb.mode = "disabled"
    scores = train.train_and_evaluate(config, tmp_path / "run")
    summary = scores["validation"]["summary"]
    assert summary["exact"] > 0.8 and summary["top3"] == 1.0
    assert summary["cer"] == pytest.approx(1 - summary["exact"])
    with Image.open(tmp_path / "run/confusion_validation.png") as picture:
        assert min(picture.size) > 500
    recognizer = Recognizer.load(tmp_path / "run")
    pictures = [photograph(line.image) for line in fixtures.draw_characters(9, 5)]
    # A wider one takes two windows.
    picture = next(p for p in pictures if cleaning.line_image(p, 28).shape[1] <= 28)
    assert len(recognizer.read([picture])[0].text) == 1


def photograph(image):
    """The character, three times as large, dark on gray paper."""
    ink = np.kron(image, np.ones((3, 3)))
    return np.pad(230 - 0.8 * ink, 12, constant_values=230).astype(np.uint8)


def test_an_encoder_of_several_frames_has_no_top3(finished, tmp_path):
    path = tmp_path / "letters.h5"
    letters = [
        lines_file.Line(fixtures.draw_line(letter), letter, letter)
        for letter in fixtures.LETTERS
    ]
    splits = {"train": letters, "validation": letters}
    lines_writer.write_lines(path, splits, height=fixtures.HEIGHT, source="a test")
    scores = evaluate.evaluate_workdir(finished[1], "validation", lines_file=str(path))
    assert "top3" not in scores.summary


def test_top3_is_of_characters_and_not_of_lines():
    feasible = np.ones(2, bool)
    counts = metrics.count(["a", "b"], ["a", "c"], np.ones(2), feasible, ["axy", "xyz"])
    assert metrics.summary(counts)["top3"] == 0.5
    low, high = metrics.intervals(counts, ["v", "w"])["top3"]
    assert (low, high) == (0.0, 1.0)
    counts = metrics.count(["ab", "b"], ["a", "c"], np.ones(2), feasible)
    assert "top3" not in metrics.summary(counts)
    assert "top3" not in metrics.intervals(counts, ["v", "w"])


def test_a_confusion_matrix_has_a_row_a_character():
    shares, names = confusion_matrix.matrix(["a", "a", "b", "b"], ["a", "b", "b", ""])
    assert names == ["a", "b", confusion_matrix.NOTHING]
    expected = [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 0]]
    np.testing.assert_array_equal(shares, expected)
