"""Reading: any image, the same alone or among others; what can't be read is told."""

import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image

from ocr_jax import predict, recognizer
from ocr_jax.images import cleaning
from tests import fixtures


def run(*arguments):
    return predict.main([str(argument) for argument in arguments])


@pytest.fixture
def workdir(finished):
    return f"--workdir={finished[1]}"


def test_a_folder_is_read_in_three_formats(workdir, tmp_path, capsys):
    paths = [
        fixtures.save_scan(tmp_path, "1.png", "ac"),
        fixtures.save_scan(tmp_path, "2.png", "cab"),
    ]
    (tmp_path / "notes.txt").write_text("not an image")
    outputs = {}
    for kind in ("text", "tsv", "json"):
        assert run(workdir, f"--format={kind}", tmp_path) == 0
        outputs[kind] = capsys.readouterr().out.splitlines()
    assert outputs["text"] == ["ac", "cab"]
    header, *rows = [line.split("\t") for line in outputs["tsv"]]
    assert header == ["image", "confidence", "text"]
    assert [(row[0], row[2]) for row in rows] == list(
        zip(paths, ["ac", "cab"], strict=True)
    )
    objects = [json.loads(line) for line in outputs["json"]]
    assert [(o["image"], o["text"]) for o in objects] == [(r[0], r[2]) for r in rows]
    assert [c["text"] for c in objects[1]["characters"]] == list("cab")
    assert [w["text"] for w in objects[1]["words"]] == ["cab"]


def test_what_cannot_be_read_among_others_is_told_and_the_rest_read(
    workdir, tmp_path, capsys
):
    good = [fixtures.save_scan(tmp_path, f"{i}.png") for i in range(3)]
    (tmp_path / "empty.png").write_bytes(b"")
    torn = tmp_path / "torn.png"
    torn.write_bytes(pathlib.Path(good[0]).read_bytes()[:200])
    Image.fromarray(fixtures.draw_scan()[:1, :1]).save(tmp_path / "dot.png")
    Image.new("L", (50_000, 40), 200).save(tmp_path / "wide.png")
    bad = [tmp_path / name for name in ("empty.png", "torn.png", "dot.png", "wide.png")]
    assert run(workdir, good[0], *bad, "missing.png", *good[1:]) == 2
    said = capsys.readouterr()
    read = fixtures.SCAN_TEXT
    assert said.out.splitlines() == [read, "", "", "", "", "", read, read]
    complaints = said.err.splitlines()
    assert complaints.pop() == "ocr_jax: 8 images: 3 read, 0 blank, 5 unreadable"
    assert len(complaints) == 5
    for complaint, name in zip(complaints, [*bad, "missing.png"], strict=True):
        assert str(name) in complaint


def test_a_blank_image_is_a_line_without_text(recognizer, workdir, tmp_path, capsys):
    paths = [
        fixtures.save_scan(tmp_path, "1.png"),
        tmp_path / "blank.png",
        fixtures.save_scan(tmp_path, "3.png"),
    ]
    Image.new("L", (300, 64), 230).save(paths[1])
    for kind in ("text", "tsv", "json"):
        assert run(workdir, f"--format={kind}", *paths) == 0
        said = capsys.readouterr()
        assert len(said.out.splitlines()) == 3 + (kind == "tsv")
        assert f"{paths[1]} is blank" in said.err
    assert '"text": "", "confidence": 1.0' in said.out.splitlines()[1]
    texts = [reading.text for reading in recognizer.read(paths)]
    assert texts == [fixtures.SCAN_TEXT, "", fixtures.SCAN_TEXT]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("kind", ["text", "tsv", "json"])
def test_names_and_terminals_of_any_encoding_are_served(
    finished, tmp_path, encoding, kind
):
    names = [os.fsdecode(b"caf\xe9.png"), "שלום\x1b[31m.png", "tab\tbreak\n.png"]
    paths = [tmp_path / name for name in names]
    image = pathlib.Path(fixtures.save_scan(tmp_path, "gray.png")).read_bytes()
    for path in paths:
        path.write_bytes(image)
    written = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", written)
        code = run(f"--workdir={finished[1]}", f"--format={kind}", *paths, "gone.png")
    assert code == 2
    lines = written.buffer.getvalue().decode(encoding).splitlines()
    assert len(lines) == 4 + (kind == "tsv")
    assert all("\x1b" not in line for line in lines)
    if kind == "json":
        objects = [json.loads(line) for line in lines]
        assert [o["image"] for o in objects] == [*map(str, paths), "gone.png"]
        assert objects[3]["error"] and "error" not in objects[0]


def test_a_corrected_table_of_readings_is_prepared(workdir, tmp_path, capsys):
    names = ["a.png", "b.png", os.fsdecode(b"caf\xe9.png"), "tab\t.png"]
    for name, text in zip(names, ["ac", "cab", "ab", "ba"], strict=True):
        (tmp_path / name).write_bytes(
            pathlib.Path(fixtures.save_scan(tmp_path, "gray.png", text)).read_bytes()
        )
    assert run(workdir, "--format=tsv", *(tmp_path / name for name in names)) == 0
    table = tmp_path / "t.tsv"
    header, *rows = capsys.readouterr().out.splitlines()
    rows[1] = rows[1].replace("cab", 'dit "cab", 0.5')
    table.write_text("\n".join((header, *rows)) + "\n")
    out = tmp_path / "o.h5"
    options = f"--source={table}", f"--out={out}", "--split=1,0,0"
    assert fixtures.run_prepare("tsv", *options) == 0
    said = capsys.readouterr().out
    assert "not used: confidence" in said and "left out" not in said
    texts = fixtures.read_splits(out)["train"].transcripts
    assert list(texts) == [row.split("\t")[2] for row in rows]
    assert texts[1] == 'dit "cab", 0.5'


def test_an_image_that_is_no_line_is_read_with_a_word(workdir, tmp_path, capsys):
    page = np.concatenate([fixtures.draw_scan("abcab" * 4)] * 8)
    line = fixtures.draw_scan("abcab" * 4)
    images = {"page": page, "turned": np.rot90(line), "line": line}
    for name, image in images.items():
        Image.fromarray(np.ascontiguousarray(image)).save(tmp_path / f"{name}.png")
    assert run(workdir, *(tmp_path / f"{name}.png" for name in images)) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 3
    told = said.err.splitlines()
    assert len(told) == 3  # with the summary
    assert "page.png looks like a page" in told[0] and "Turn it" in told[1]


def test_a_file_of_readings_is_whole_or_absent(workdir, tmp_path, capsys, monkeypatch):
    images = [
        fixtures.save_scan(tmp_path, f"{name}.png", name) for name in ("ac", "cab")
    ]
    out = tmp_path / "out" / "readings.txt"
    assert run(workdir, "--out", *images) == 2  # the first would be lost
    assert run(workdir, f"--out={out}", *images) == 2  # there is no such folder
    assert "out/readings.txt: No such file or directory" in capsys.readouterr().err
    out.parent.mkdir()
    assert run(workdir, f"--out={out}", *images) == 0
    said = capsys.readouterr()
    assert out.read_text() == "ac\ncab\n" and not said.out
    assert "2 images: 2 read, 0 blank, 0 unreadable" in said.err

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(predict, "_doubts", interrupt)
    assert run(workdir, f"--out={out}", "--format=json", *images) == 130
    assert [path.name for path in out.parent.iterdir()] == ["readings.txt"]
    assert out.read_text() == "ac\ncab\n"


def test_a_full_disk_is_one_line_and_leaves_nothing(
    workdir, tmp_path, small_disk, capsys
):
    image, disk = fixtures.save_scan(tmp_path, "1.png"), small_disk(megabytes=0.01)
    out = f"--out={disk / 'readings.json'}"
    assert run(workdir, "--format=json", out, *[image] * 60) == 2
    said = capsys.readouterr().err
    assert "disk is full" in said and len(said.splitlines()) == 1
    assert not list(disk.iterdir())


def test_every_page_of_a_tiff_is_read(workdir, tmp_path, capsys):
    texts = ("ac", "cab", "acb")
    first, *more = [Image.fromarray(fixtures.draw_scan(text)) for text in texts]
    path = tmp_path / "pages.tif"
    first.save(path, save_all=True, append_images=more)
    assert run(workdir, "--format=tsv", path) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()[1:]]
    names = (str(path), f"{path}[2]", f"{path}[3]")
    assert [(row[0], row[2]) for row in rows] == list(zip(names, texts, strict=True))


def test_a_torn_tiff_and_a_pipe_are_one_line_each(workdir, tmp_path, capsys):
    whole = Image.fromarray(fixtures.draw_scan("cab"))
    path, pipe = tmp_path / "torn.tif", tmp_path / "pipe.tif"
    whole.save(path, save_all=True, append_images=[whole] * 3)
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    os.mkfifo(pipe)
    assert run(workdir, path, pipe) == 2
    said = capsys.readouterr()
    read, unread = said.out.splitlines()[:2], said.out.splitlines()[2:]
    assert read == ["cab"] * 2 and set(unread) == {""}
    *complaints, summary = said.err.splitlines()
    assert len(complaints) == len(unread) and "2 read, 0 blank" in summary
    assert "torn.tif can't be read" in complaints[0]
    assert "pipe.tif can't be read" in complaints[-1]


def test_what_is_no_image_in_a_folder_is_listed(workdir, tmp_path, capsys):
    fixtures.save_scan(tmp_path, "1.png")
    (tmp_path / "notes.txt").write_text("no image")
    assert run(workdir, tmp_path) == 0
    said = capsys.readouterr().err
    assert "1 left out, not images" in said and "notes.txt" in said


def test_a_run_that_is_not_finished_says_so(finished, tmp_path, capsys):
    copy = shutil.copytree(finished[1], tmp_path / "run")
    image = fixtures.save_scan(tmp_path, "1.png")
    (copy / "scores.json").write_text("{")  # which reading does not need
    assert run(f"--workdir={copy}", image) == 0
    assert not capsys.readouterr().err
    (copy / "scores.json").unlink()
    assert run(f"--workdir={copy}", image) == 0
    assert "run is not finished: its best network so far" in capsys.readouterr().err


class OneWayUp:
    """A recogniser that is sure of what is dark at the bottom only."""

    def line(self, gray):
        return types.SimpleNamespace(image=gray)

    def read_lines(self, lines):
        return [
            recognizer.Reading("a", 0.5, [], (0.9 if line.image[-1].sum() else 0.3,))
            for line in lines
        ]


def test_a_line_that_reads_better_upside_down_is_told():
    upright = cleaning.CleanLine(np.eye(4, 9, dtype=np.uint8), 0.0, 1.0)
    turned = upright._replace(image=np.zeros((4, 9), np.uint8))
    turned.image[0] = 1
    unsure, sure = (recognizer.Reading("b", 0.5, [], (share,)) for share in (0.3, 0.8))
    chunk = [predict._Prepared("a.png", turned)] * 2 + [predict._Prepared("gone.png")]
    said = predict._doubts(OneWayUp(), chunk, [unsure, sure, recognizer.UNREADABLE])
    assert "by 180 degrees" in said[0] and said[1:] == ["", ""]


def test_an_image_comes_through_standard_input(workdir, tmp_path, capsys, monkeypatch):
    data = pathlib.Path(fixtures.save_scan(tmp_path, "gray.png")).read_bytes()
    stdin = types.SimpleNamespace(buffer=io.BytesIO(data))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run(workdir, "-") == 0
    assert capsys.readouterr().out == fixtures.SCAN_TEXT + "\n"


def test_every_page_of_a_tiff_on_stdin_is_read(workdir, capsys, monkeypatch):
    pages = [Image.fromarray(fixtures.draw_scan(text)) for text in ("ac", "cab")]
    pages[0].save(data := io.BytesIO(), "TIFF", save_all=True, append_images=pages[1:])
    data.seek(0)
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=data))
    assert run(workdir, "-") == 0
    assert capsys.readouterr().out.split() == ["ac", "cab"]


def test_whole_images_are_kept_only_where_they_may_be_turned(tmp_path):
    kept = []
    for shape, ink in (((90, 40), 1), ((40, 90), 1), ((90, 40), 0)):
        Image.fromarray(np.full(shape, 220, "u1")).save(tmp_path / "line.png")
        clean = cleaning.CleanLine(np.ones((4, 9 * ink), np.uint8), 0.0, 1.0)
        fake = types.SimpleNamespace(line=lambda *_, clean=clean: clean)
        [page] = predict._pages(tmp_path / "line.png")
        kept.append(predict._prepare(fake, page).tall)
    assert [image is not None for image in kept] == [True, False, False]


def test_mistakes_are_one_line(workdir, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ((f"--workdir={tmp_path}", "x.png"), "not a workdir"),
        ((workdir, tmp_path / "empty"), "no images in the folder"),
        ((workdir,), "no images: name files"),
        ((workdir, "--format=xml", "x.png"), "xml"),
        ((workdir, "x.png"), "x.png"),
    ):
        assert run(*arguments) == 2
        said = capsys.readouterr().err
        assert message in said and len(said.splitlines()) == 1


@pytest.mark.slow
def test_reading_needs_neither_tensorflow_nor_wandb():
    code = (
        "import sys\nfrom ocr_jax import predict\n"
        "assert not {'tensorflow', 'wandb'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
