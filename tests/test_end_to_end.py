"""From images and transcripts to readings, the way a user goes."""

import json

import numpy as np
from PIL import Image

from ocr_jax import evaluate, predict, prepare, train
from tests import fixtures


def scan(text: str) -> Image.Image:
    """A line of writing as a scanner gives it: dark ink on grainy paper."""
    ink = np.kron(fixtures.draw_line(text), np.ones((2, 2), np.uint8))
    grain = np.random.default_rng(len(text)).integers(0, 8, ink.shape)
    return Image.fromarray((230 - 0.75 * ink - grain).astype(np.uint8))


def collect(folder, prefix: str, texts: list[str]):
    """NAME.png and NAME.gt.txt for each text."""
    folder.mkdir(parents=True)
    for number, text in enumerate(texts):
        scan(text).save(folder / f"{prefix}-{number}.png")
        (folder / f"{prefix}-{number}.gt.txt").write_text(text + "\n")


def test_a_collection_becomes_a_recogniser_that_reads_new_images(
    tmp_path, tiny_config, capsys
):
    generator = np.random.default_rng(0)
    # Both a and c: with ink from top to bottom no margin is cut off.
    texts = [
        "ac" + "".join(generator.choice(list("abc"), generator.integers(1, 5)))
        for _ in range(60)
    ]
    collect(tmp_path / "scans" / "train", "t", texts[:44])
    collect(tmp_path / "scans" / "validation", "v", texts[44:])
    collect(tmp_path / "new", "n", ["acb", "acbab"])

    lines_file = tmp_path / "lines.h5"
    arguments = ["folder", f"--source={tmp_path / 'scans'}", f"--out={lines_file}"]
    assert prepare.main([*arguments, "--height=16"]) == 0

    tiny_config.lines_file = str(lines_file)
    tiny_config.num_epochs = 10
    workdir = tmp_path / "run"
    scores = train.train_and_evaluate(tiny_config, workdir)
    assert scores["validation"]["summary"]["cer"] < 0.1
    again = evaluate.evaluate_workdir(workdir, "validation")
    assert again.as_json() == scores["validation"]

    capsys.readouterr()
    arguments = [f"--workdir={workdir}", "--format=json", str(tmp_path / "new")]
    assert predict.main(arguments) == 0
    readings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [reading["text"] for reading in readings] == ["acb", "acbab"]
