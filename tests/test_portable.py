"""ONNX and StableHLO: the same logits and texts as ours, without this code."""

import functools
import json
import os
import subprocess
import sys

import jax
import jax.export
import numpy as np
import onnxruntime
import pytest
from PIL import Image

from ocr_jax import (
    decoders,
    display_order,
    export,
    inference,
    models,
    onnx_graph,
    onnx_reader,
    rereading,
    train_state,
    trained,
)
from ocr_jax.charset import Charset
from ocr_jax.data import lines_file, stretching
from ocr_jax.decoding import greedy
from ocr_jax.errors import UserError
from ocr_jax.images import cleaning
from ocr_jax.readings import GARBAGE
from ocr_jax.recognizer import Recognizer
from tests import fixtures

CHARSET = Charset("abc ")
WIDEST = 64


def make_best(height=16, **changes):
    """A network with weights that are drawn."""
    config = fixtures.make_tiny_config("lines.h5")
    config.update(changes)
    model = models.build_model(config, CHARSET.num_classes)
    state = train_state.state_shapes(model, None, config, height)
    rng = np.random.default_rng(0)
    state = jax.tree.map(
        lambda x: (
            rng.uniform(0.1, 0.4, x.shape).astype(x.dtype)
            * rng.choice([-1, 1], x.shape).astype(x.dtype)
        ),
        train_state.for_inference(state),
    )
    stats = jax.tree.map(np.abs, state.batch_stats)  # variances are not negative
    state = state.replace(batch_stats=stats)
    return trained.BestModel(config, CHARSET, height, model, state, 1.5)


def ours(best, images):
    """Our logits of lines (height, W) of up to WIDEST columns."""
    padded = np.zeros((len(images), best.height, WIDEST), np.uint8)
    for row, image in enumerate(images):
        padded[row, :, : image.shape[1]] = image
    widths = np.array([image.shape[1] for image in images], np.int32)
    read = jax.jit(functools.partial(inference.predict_logits, best.model))
    logits, lengths = map(np.asarray, read(best.state, padded, widths))
    return [row[:length] for row, length in zip(logits, lengths, strict=True)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"residual_blocks": 1, "batch_norm": True},
        {"column_max": True, "batch_norm": False},
        {"bidirectional": False, "lstm_layers": 2, "frame_stride": 2},
        {"lstm_layers": 0, "height": 17},
        {"encoder": "upright_conv", "lstm_layers": 0},
        {"encoder": "upright_conv", "lstm_layers": 0, "height": 17},
    ],
    ids=str,
)
def test_onnx_has_the_logits_of_ours_at_any_width(changes):
    best = make_best(**changes)
    session = onnxruntime.InferenceSession(onnx_graph.build(best).SerializeToString())
    rng = np.random.default_rng(0)
    images = [
        rng.integers(0, 256, (best.height, width)).astype(np.uint8)
        for width in (1, 31, WIDEST)
    ]
    for image, expected in zip(images, ours(best, images), strict=True):
        [logits] = session.run(None, {"image": image})
        np.testing.assert_allclose(logits, expected, atol=1e-3)


def test_onnx_finds_the_same_slant_in_images_of_few_grey_levels():
    best = make_best(encoder="upright_conv", lstm_layers=0)
    session = onnxruntime.InferenceSession(onnx_graph.build(best).SerializeToString())
    rng = np.random.default_rng(0)
    # Means of four are often 102 exactly, 0.4 of white.
    images = [
        rng.choice([0, 51, 102, 153], (best.height, WIDEST)).astype(np.uint8)
        for _ in range(20)
    ]
    for image, expected in zip(images, ours(best, images), strict=True):
        [logits] = session.run(None, {"image": image})
        np.testing.assert_allclose(logits, expected, atol=1e-3)


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    out = tmp_path_factory.mktemp("onnx") / "network"
    workdir = f"--workdir={finished[1]}"
    assert export.main([workdir, f"--out={out}", "--format=onnx"]) == 0
    return out


def test_the_reader_reads_lines_and_scans_as_we_do(
    exported, finished, recognizer, tiny_lines
):
    session, about = onnx_reader.load(exported / "recogniser.onnx")
    assert about["height"] == recognizer.best.height
    with lines_file.LinesFile(tiny_lines) as file:
        split = file.split("validation")
        lines = [split.image(number) for number in range(len(split))]
    clean = [cleaning.CleanLine(line, left=0.0, scale=1.0) for line in lines]
    for line, reading in zip(lines, recognizer.read_lines(clean), strict=True):
        assert onnx_reader.read(session, about, line) == reading.text
    scan = fixtures.draw_scan("cab")
    clean = onnx_reader.clean(scan, about["height"])
    assert onnx_reader.read(session, about, clean) == "cab"


def test_the_reader_reads_dense_lines_at_the_same_width_as_we_do():
    kept = onnx_reader.LEAST, onnx_reader.FOUND, onnx_reader.GARBAGE
    assert kept == (stretching.LEAST, rereading.FOUND, GARBAGE)
    best = make_best(encoder="upright_conv", lstm_layers=0)
    best = best._replace(dense_from=stretching.DENSE)
    graph = onnx_graph.build(best)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    about = {p.key: json.loads(p.value) for p in graph.metadata_props}
    rng = np.random.default_rng(0)
    images = [
        (rng.integers(0, 2, (best.height, width)) * 255).astype(np.uint8)
        for width in range(20, 60, 2)
    ]
    lines = [cleaning.CleanLine(image, 0.0, 1.0) for image in images]
    ours = Recognizer(best, decoders.Decoder(greedy.GREEDY, 1.0))
    texts = [reading.text for reading in ours.read_lines(lines)]
    assert [onnx_reader.read(session, about, image) for image in images] == texts
    once = [onnx_reader.read(session, about | {"dense": 0}, image) for image in images]
    assert once != texts  # some are read again


def test_the_reader_needs_nothing_of_ours(exported, tmp_path):
    Image.fromarray(fixtures.draw_scan("cab")).save(tmp_path / "line.png")
    hidden = (
        "import runpy, sys\nsys.modules |= {'ocr_jax': None, 'jax': None}\n"
        "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", hidden, exported / "read.py"]
    result = subprocess.run(
        [*command, exported / "recogniser.onnx", tmp_path / "line.png"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": ""},
    )
    assert result.stdout == "cab\n", result.stderr


def test_the_reader_gives_right_to_left_lines_in_logical_order(tmp_path):
    charset = Charset("1אבג").directed("rtl")
    best = make_best()._replace(charset=charset)
    image = np.random.default_rng(0).integers(0, 256, (16, 64)).astype(np.uint8)
    np.save(tmp_path / "line.npy", image)
    export.FORMATS["onnx"](best, tmp_path, tmp_path, "float32")
    session, about = onnx_reader.load(tmp_path / "recogniser.onnx")
    displayed = onnx_reader.read(session, about | {"direction": ""}, image)
    expected, _ = display_order.logical(displayed, "rtl")
    assert expected != displayed
    alone = (
        "import sys, numpy as np\nsys.modules |= {'ocr_jax': None, 'jax': None}\n"
        "import read\n"
        "print(read.read(*read.load('recogniser.onnx'), np.load('line.npy')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", alone],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": "", "PYTHONUTF8": "1"},
    )
    assert result.stdout == f"{expected}\n", result.stderr


def test_the_reader_names_blank_and_missing_images_and_reads_the_others(
    exported, tmp_path, capfd
):
    Image.new("L", (300, 60), 200).save(tmp_path / "blank.png")
    ink = 255 - fixtures.draw_scan("cab")
    Image.fromarray(255 - ink).save(tmp_path / "line.png")
    Image.fromarray(ink).save(tmp_path / "white.png")
    Image.new("L", (12, 3000), 200).save(tmp_path / "narrow.png")
    Image.merge("LA", [Image.new("L", ink.shape[::-1]), Image.fromarray(ink)]).save(
        tmp_path / "clear.png"
    )
    images = [
        str(tmp_path / f"{name}.png")
        for name in ("gone", "blank", "narrow", "clear", "white", "line")
    ]
    network = str(exported / "recogniser.onnx")
    assert onnx_reader.main([network, *images]) == 2
    said = capfd.readouterr()
    assert said.out == "\n\n\ncab\ncab\ncab\n"
    own = [line for line in said.err.splitlines() if line.startswith("read.py: ")]
    assert own[0] == f"read.py: {images[0]} can't be read as an image"
    assert own[1].startswith(f"read.py: {images[1]} is blank")
    assert onnx_reader.main([network, *images[1:]]) == 0


def test_the_reader_finds_no_text_where_no_ink_is():
    class Eager:
        """A network that takes an empty line for a letter."""

        def run(self, *_):
            return [np.array([[0.0, 9.0]])]

    about = {"characters": "a", "dense": 0, "direction": ""}
    blank = onnx_reader.clean(np.full((60, 300), 200, np.uint8), 16)
    assert onnx_reader.read(Eager(), about, blank) == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a network and images"),
        (["{}/gone.onnx", "line.png"], "gone.onnx can't be read as an exported net"),
        (["{}/torn.onnx", "line.png"], "torn.onnx can't be read as an exported net"),
    ],
)
def test_mistakes_with_the_reader_are_one_line(arguments, message, tmp_path, capsys):
    (tmp_path / "torn.onnx").write_text("torn")
    assert onnx_reader.main([word.format(tmp_path) for word in arguments]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_stablehlo_has_the_logits_of_ours_in_any_batch(finished, recognizer, tmp_path):
    # In a process of its own: the tests' checks of types know no symbolic shapes.
    out = tmp_path / "network"
    options = f"--workdir={finished[1]}", f"--out={out}", "--format=stablehlo"
    command = [sys.executable, "-m", "ocr_jax.export", *options]
    subprocess.run(command, check=True, capture_output=True)
    assert json.loads((out / "dataset.json").read_text())["height"] == 16
    content = (out / "recogniser.stablehlo").read_bytes()
    program, best = jax.export.deserialize(bytearray(content)), recognizer.best
    for count, width in ((1, 64), (3, 96)):
        images = np.random.default_rng(0).integers(0, 256, (count, 16, width))
        images = images.astype(np.uint8)
        widths = np.linspace(20, width, count).astype(np.int32)
        expected = inference.predict_logits(best.model, best.state, images, widths)
        for one, other in zip(program.call(images, widths), expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_what_has_no_place_in_a_format_is_one_line(finished, tmp_path, capsys):
    with pytest.raises(UserError, match=r"config.encoder=conv or upright_conv can be"):
        onnx_graph.build(make_best(encoder="sliding_window"))
    with pytest.raises(UserError, match="only a single network"):
        onnx_graph.build(make_best(ensemble_size=2))
    arguments = [f"--workdir={finished[1]}", f"--out={tmp_path / 'new'}"]
    assert export.main([*arguments, "--format=onnx", "--dtype=float16"]) == 2
    assert "--dtype=float16 is for --format=safetensors" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
