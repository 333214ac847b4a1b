"""A network that learns right-to-left lines reads them, in logical order."""

import numpy as np
import pytest

from ocr_jax import evaluate, train, tune_decoder, workdirs
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.recognizer import Recognizer
from tests import fixtures

# Letters of tests.fixtures drawn for Hebrew ones; digits run from left to right.
SHAPES = dict(zip("אב1", "abc", strict=True))


def lines(count, seed):
    """Lines of letters from right to left, some with a number."""
    generator = np.random.default_rng(seed)
    drawn = []
    for index in range(count):
        sizes = generator.integers(1, 3, 2)
        words = ["".join(generator.choice(["א", "ב"], size)) for size in sizes]
        number = "1" * int(generator.integers(0, 3))
        text = words[0] + number + words[1]
        shown = words[1][::-1] + number + words[0][::-1]
        image = fixtures.draw_line("".join(SHAPES[character] for character in shown))
        drawn.append(lines_file.Line(image, text, f"{seed}-{index}", f"w{index % 3}"))
    return drawn


@pytest.mark.slow
def test_what_is_read_is_in_logical_order(tmp_path):
    path, workdir = tmp_path / "l.h5", tmp_path / "run"
    splits = {"train": lines(160, 0), "validation": lines(24, 1), "test": lines(12, 2)}
    lines_writer.write_lines(path, splits, height=fixtures.HEIGHT, source="test")
    config = fixtures.make_tiny_config(path)
    config.num_epochs = 5
    scores = train.train_and_evaluate(config, workdir)
    assert scores["validation"]["summary"]["cer"] < 0.05
    assert workdirs.read_json(workdir / "dataset.json")["direction"] == "rtl"
    recognizer = Recognizer.load(workdir)
    # Letters from top to bottom: no margin is cut off.
    high = [line for line in splits["test"] if {"א", "1"} <= set(line.transcript)]
    for line in high[:4]:
        ink = np.kron(line.image, np.ones((4, 4), np.uint8))
        [reading] = recognizer.read([(225 - 0.7 * ink).astype(np.uint8)])
        assert reading.text == line.transcript
        assert "".join(c.text for c in reading.characters) == reading.text
        places = [c.x for c in reading.characters if c.text != "1"]
        assert places == sorted(places, reverse=True)
    tuned = tune_decoder.tune(workdir)
    assert tuned.weights.cer <= tuned.weights.cer_greedy < 0.05
    again = evaluate.evaluate_workdir(workdir, "test", "beam")
    assert again.summary["cer"] < 0.05
