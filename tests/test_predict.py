"""Reading: any image, the same alone or among others; what can't be read is told."""

import io
import json
import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image

from ocr_jax import predict
from ocr_jax.errors import UserError
from tests import fixtures


@pytest.fixture(scope="module")
def recognizer(finished):
    return predict.Recognizer.load(finished[1])


def sixteen_bit(image):
    return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)


def turned(image):
    """Lying on its side, with the EXIF tag that says how to stand it up."""
    turned = image.rotate(90, expand=True)
    turned.getexif()[0x0112] = 6
    return turned


KINDS = {
    "gray.png": lambda image: image,
    "colour.jpg": lambda image: image.convert("RGB"),
    "transparent.png": lambda image: image.convert("RGBA"),
    "palette.gif": lambda image: image.convert("P"),
    "sixteen_bit.png": sixteen_bit,
    "scan.tif": lambda image: image,
    "phone.jpg": turned,
    "fine.png": lambda image: image.resize((image.width * 3, image.height * 3)),
}


def save(folder: pathlib.Path, name: str, text: str = fixtures.SCAN_TEXT) -> str:
    image = KINDS.get(name, KINDS["gray.png"])(
        Image.fromarray(fixtures.draw_scan(text))
    )
    options = {"exif": image.getexif()} if name == "phone.jpg" else {}
    image.save(folder / name, **options)
    return str(folder / name)


@pytest.mark.parametrize("name", KINDS)
def test_an_image_of_any_kind_reads_the_same(recognizer, tmp_path, name):
    [reading] = recognizer.read([save(tmp_path, name)])
    assert reading.text == fixtures.SCAN_TEXT


def test_paths_bytes_files_and_arrays_are_images(recognizer, tmp_path):
    path = pathlib.Path(save(tmp_path, "gray.png"))
    colour = np.repeat(fixtures.draw_scan()[..., None], 3, axis=2)
    images = [
        path,
        path.read_bytes(),
        io.BytesIO(path.read_bytes()),
        fixtures.draw_scan(),
        colour,
    ]
    assert {reading.text for reading in recognizer.read(images)} == {fixtures.SCAN_TEXT}


def test_a_line_reads_the_same_alone_and_among_others(recognizer):
    texts = ["ac", "cab" * 9, "abc", "bac" * 20, "ca", "acb" * 5] * 4
    pages = [fixtures.draw_scan(text) for text in texts]
    together = recognizer.read(pages)
    for image, reading in zip(pages[:6], together, strict=False):
        [alone] = recognizer.read([image])
        assert alone.text == reading.text
        assert alone.confidence == pytest.approx(reading.confidence, abs=1e-4)


def test_each_character_has_a_confidence_and_a_place_in_the_image(recognizer):
    [reading] = recognizer.read([fixtures.draw_scan()])
    assert (
        "".join(c.text for c in reading.characters)
        == reading.text
        == fixtures.SCAN_TEXT
    )
    for position, character in enumerate(reading.characters):
        middle = fixtures.SCAN_SCALE * (8 * position + 6)
        assert abs(character.x - middle) < fixtures.SCAN_SCALE * 8
        assert 0 < character.confidence <= 1
    confidences = [c.confidence for c in reading.characters]
    assert 0 < reading.confidence <= np.mean(confidences) + 1e-6


def test_nothing_to_read_gives_nothing(recognizer):
    assert recognizer.read([]) == []
    with pytest.raises(UserError):
        recognizer.read([b"not an image"])


def run(*arguments):
    return predict.main([str(argument) for argument in arguments])


@pytest.fixture
def workdir(finished):
    return f"--workdir={finished[1]}"


def test_a_folder_is_read_in_three_formats(workdir, tmp_path, capsys):
    paths = [save(tmp_path, "1.png", "ac"), save(tmp_path, "2.png", "cab")]
    (tmp_path / "notes.txt").write_text("not an image")
    outputs = {}
    for kind in ("text", "tsv", "json"):
        assert run(workdir, f"--format={kind}", tmp_path) == 0
        outputs[kind] = capsys.readouterr().out.splitlines()
    assert outputs["text"] == ["ac", "cab"]
    rows = [line.split("\t") for line in outputs["tsv"]]
    assert [(row[0], row[2]) for row in rows] == list(
        zip(paths, ["ac", "cab"], strict=True)
    )
    objects = [json.loads(line) for line in outputs["json"]]
    assert [(o["image"], o["text"]) for o in objects] == [(r[0], r[2]) for r in rows]
    assert [c["text"] for c in objects[1]["characters"]] == list("cab")


def test_what_cannot_be_read_among_others_is_told_and_the_rest_read(
    workdir, tmp_path, capsys
):
    good = [save(tmp_path, f"{i}.png") for i in range(3)]
    (tmp_path / "empty.png").write_bytes(b"")
    torn = tmp_path / "torn.png"
    torn.write_bytes(pathlib.Path(good[0]).read_bytes()[:200])
    Image.fromarray(fixtures.draw_scan()[:1, :1]).save(tmp_path / "dot.png")
    Image.new("L", (50_000, 40), 200).save(tmp_path / "wide.png")
    bad = [tmp_path / name for name in ("empty.png", "torn.png", "dot.png", "wide.png")]
    assert run(workdir, good[0], *bad, "missing.png", *good[1:]) == 2
    said = capsys.readouterr()
    assert said.out.splitlines() == [fixtures.SCAN_TEXT] * 3
    complaints = said.err.splitlines()
    assert len(complaints) == 5
    for complaint, name in zip(complaints, [*bad, "missing.png"], strict=True):
        assert str(name) in complaint


def test_an_image_comes_through_standard_input(workdir, tmp_path, capsys, monkeypatch):
    data = pathlib.Path(save(tmp_path, "gray.png")).read_bytes()
    stdin = types.SimpleNamespace(buffer=io.BytesIO(data))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run(workdir, "-") == 0
    assert capsys.readouterr().out == fixtures.SCAN_TEXT + "\n"


def test_mistakes_are_one_line(workdir, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ((f"--workdir={tmp_path}", "x.png"), "not a workdir"),
        ((workdir, tmp_path / "empty"), "no images in the folder"),
        ((workdir,), "no images: name files"),
        (("x.png",), "Train one in minutes: python -m ocr_jax.main"),
        ((workdir, "--format=xml", "x.png"), "xml"),
        ((workdir, "x.png"), "x.png"),
    ):
        assert run(*arguments) == 2
        said = capsys.readouterr().err
        assert message in said and len(said.splitlines()) == 1


def test_reading_needs_neither_tensorflow_nor_wandb():
    code = (
        "import sys\nfrom ocr_jax import predict\n"
        "assert not {'tensorflow', 'wandb'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
