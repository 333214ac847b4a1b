"""Preparing from the command line: folders and fonts; mistakes are one line."""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from ocr_jax import prepare
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.sources import worker_pool
from tests import fixtures

ROOT = pathlib.Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture
def folder(tmp_path):
    """Two lines of each of ten writers."""
    for writer in range(10):
        for line in range(2):
            fixtures.save_line(tmp_path / "in", f"w{writer}-0-{line}", f"a{writer}")
    return tmp_path / "in"


def test_a_folder_is_split_by_writer(folder, tmp_path, capsys):
    out = tmp_path / "out.h5"
    assert (
        fixtures.run_prepare(
            "folder", f"--source={folder}", f"--out={out}", "--height=32"
        )
        == 0
    )
    splits = fixtures.read_splits(out)
    assert [len(splits[name]) for name in lines_file.SPLITS] == [16, 2, 2]
    writers = [set(split.writers) for split in splits.values()]
    assert not (writers[0] & writers[1] or writers[0] & writers[2])
    assert splits["train"].height == 32
    said = capsys.readouterr().out
    assert "20 lines, 32 px high" in said and "11 characters: 0123456789a" in said


def test_sub_folders_with_the_names_of_splits_are_the_splits(tmp_path):
    for name in ("train/x", "train/y", "validation/z"):
        fixtures.save_line(tmp_path / "in", name)
    out = tmp_path / "out.h5"
    assert (
        fixtures.run_prepare("folder", f"--source={tmp_path / 'in'}", f"--out={out}")
        == 0
    )
    splits = fixtures.read_splits(out)
    assert splits["train"].line_ids == ("train/x", "train/y")
    assert splits["validation"].line_ids == ("validation/z",)


def test_lines_of_one_writer_are_split_and_it_is_said(tmp_path, capsys):
    for name in ("doc-1-0", "doc-1-1", "doc-2-0"):
        fixtures.save_line(tmp_path / "in", name)
    out = tmp_path / "out.h5"
    assert (
        fixtures.run_prepare("folder", f"--source={tmp_path / 'in'}", f"--out={out}")
        == 0
    )
    said = capsys.readouterr().out
    assert "drawn by line" in said and "its hands are in train, too" in said
    assert "no validation lines" not in said and len(fixtures.read_splits(out)) == 3


def test_what_hdf5_cannot_keep_is_left_out(folder, tmp_path, capsys):
    fixtures.save_line(folder, "zeros", "a\0b\0")
    name = os.fsdecode(b"caf\xe9")
    fixtures.save_line(folder, name)
    assert (
        fixtures.run_prepare(
            "folder", f"--source={folder}", f"--out={tmp_path / 'o.h5'}"
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "2 x a zero byte" in said and "caf\\udce9, zeros" in said


def test_what_cannot_be_read_is_counted_and_the_rest_prepared(folder, tmp_path, capsys):
    (folder / "empty.png").write_bytes(b"")
    (folder / "empty.gt.txt").write_text("x")
    torn = fixtures.save_line(folder, "torn")
    torn.write_bytes(torn.read_bytes()[:60])
    Image.new("L", (1, 1)).save(folder / "dot.png")
    (folder / "dot.gt.txt").write_text("x")
    Image.new("L", (50_000, 40), 255).save(folder / "endless.png")
    (folder / "endless.gt.txt").write_text("x")
    fixtures.save_line(folder, "wordless", "  ")
    fixtures.save_line(folder, "latin1").with_name("latin1.gt.txt").write_bytes(
        b"\xe9t\xe9"
    )
    fixtures.save_line(folder, "unlabelled").with_name("unlabelled.gt.txt").unlink()
    (folder / "lost.gt.txt").write_text("x")
    (folder / "gone.gt.txt").symlink_to(folder / "nothing")
    fixtures.save_line(folder, "gone2").with_name("gone2.gt.txt").unlink()
    (folder / "gone2.gt.txt").symlink_to(folder / "nothing")
    out = tmp_path / "out.h5"
    assert fixtures.run_prepare("folder", f"--source={folder}", f"--out={out}") == 0
    said = capsys.readouterr().out
    assert sum(map(len, fixtures.read_splits(out).values())) == 20
    for reason in (
        "0 bytes",
        "can't be read as an image",
        "1 x 1 px is too small",
        "50000 x 40 px would be 80000 px wide",
        "empty transcript",
        "not UTF-8",
        "transcript can't be read: No such file",
        "image without a transcript",
        "transcript without an image",
    ):
        assert reason in said, reason


def test_equal_reasons_are_counted_as_one(folder, tmp_path, capsys):
    for name in "abcdefghijkl":
        (folder / f"{name}.png").write_bytes(b"")
        (folder / f"{name}.gt.txt").write_text("x")
    assert (
        fixtures.run_prepare(
            "folder", f"--source={folder}", f"--out={tmp_path / 'out.h5'}"
        )
        == 0
    )
    shown = "12 x it is empty: 0 bytes (a, b, c, d, e, f, g, h, i, j …)"
    assert shown in capsys.readouterr().out


@pytest.mark.slow
def test_the_same_seed_gives_the_same_fonts_file(tmp_path):
    digests = []
    for workers in (1, 2):
        out = tmp_path / f"{workers}.h5"
        counts = ("--lines=12", "--validation_lines=3", "--test_lines=3")
        arguments = ["fonts", *counts, "--height=32", f"--out={out}"]
        assert prepare.main([*arguments, f"--workers={workers}"]) == 0
        digests.append([split.digest for split in fixtures.read_splits(out).values()])
    assert digests[0] == digests[1]


def test_mistakes_are_one_line_and_leave_no_file(folder, tmp_path, capsys):
    out = tmp_path / "out.h5"
    nowhere = tmp_path / "nowhere"
    empty = tmp_path / "empty"
    empty.mkdir()
    to = f"--out={out}"
    assert "not a folder" in fixtures.refused(
        capsys, "folder", f"--source={nowhere}", to
    )
    assert "no lines in" in fixtures.refused(capsys, "folder", f"--source={empty}", to)
    bad_split = ("folder", f"--source={folder}", to, "--split=1,2")
    assert "three shares" in fixtures.refused(capsys, *bad_split)
    assert "directory" in fixtures.refused(
        capsys, "folder", f"--source={folder}", f"--out={empty}"
    )
    assert "does not exist" in fixtures.refused(
        capsys, "show", nowhere, f"--out={tmp_path}/x.png"
    )
    assert "Great Vibes" in fixtures.refused(
        capsys, "fonts", to, "--hold_out_fonts=great-vibe"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"in", "empty"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fonts", "--linez=3", "--out=x.h5"], "--linez=3"),
        (["fonts", "--workers=0", "--out=x.h5"], "1 or more"),
        (["fonts", "--height=4", "--out=x.h5"], "8 to 512 pixels"),
        (["fonts", "--height=tall", "--out=x.h5"], "8 to 512 pixels"),
        (["fonts"], "--out"),
        (["fontz", "--out=x.h5"], "fontz"),
        ([], "COMMAND"),
    ],
)
def test_wrong_arguments_are_one_line_from_python_too(capsys, arguments, message):
    assert message in fixtures.refused(capsys, *arguments)
    with pytest.raises(UserError, match=message):
        prepare.run(arguments)


def die(*_):
    os._exit(1)


def test_a_reading_process_that_dies_is_one_line(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(worker_pool, "_read", die)
    said = fixtures.refused(
        capsys, "folder", f"--source={folder}", f"--out={tmp_path / 'o.h5'}"
    )
    assert "process was killed" in said
    assert not (tmp_path / "o.h5").exists()


@pytest.mark.parametrize(
    "source",
    ["folder", "pages", "whole_pages", "iam", "join --with=no", "recombine --workdir="],
)
def test_an_output_that_exists_is_kept_before_any_work(tmp_path, capsys, source):
    out = tmp_path / "out.h5"
    out.write_text("precious")
    said = fixtures.refused(capsys, *source.split(), "--source=no", f"--out={out}")
    assert "out.h5 already exists: add --overwrite" in said
    assert out.read_text() == "precious"


def test_a_folder_in_which_nothing_can_be_read_makes_no_file(tmp_path, capsys):
    fixtures.save_line(tmp_path / "in", "a").write_bytes(b"torn")
    out = tmp_path / "out.h5"
    said = fixtures.refused(
        capsys, "folder", f"--source={tmp_path / 'in'}", f"--out={out}", "--workers=1"
    )
    assert "no line could be read" in said
    assert list(tmp_path.iterdir()) == [tmp_path / "in"]


def command(*arguments):
    return [sys.executable, "-m", "ocr_jax.prepare", *map(str, arguments)]


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_nothing(small_disk):
    disk = small_disk(megabytes=0.3)
    arguments = ("fonts", "--lines=3000", f"--out={disk / 'out.h5'}")
    result = subprocess.run(command(*arguments), capture_output=True, text=True)
    assert result.returncode == 2, result.stderr
    assert "disk is full" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(disk.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "word"),
    [(signal.SIGINT, "Interrupted."), (signal.SIGTERM, "Terminated.")],
)
def test_stopping_leaves_no_file_and_no_process(tmp_path, number, word):
    process = subprocess.Popen(
        command("fonts", "--lines=100000", f"--out={tmp_path / 'out.h5'}"),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(tmp_path.iterdir()):
        time.sleep(0.05)
    time.sleep(1.0)
    if number == signal.SIGINT:  # which a terminal sends to the workers, too
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    try:
        _, said = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 130
    assert said.strip() == f"ocr_jax: {word}"
    assert not list(tmp_path.iterdir())
    deadline = time.monotonic() + 20
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.1)


@pytest.mark.skipif(
    not SHARED.is_dir(), reason="no real handwriting beside this checkout"
)
def test_real_handwriting_prepares(tmp_path, capsys):
    source = tmp_path / "some"
    source.mkdir()
    for path in sorted((SHARED / "poilus" / "validation").iterdir())[:40]:
        (source / path.name).symlink_to(path)
    out = tmp_path / "out.h5"
    assert fixtures.run_prepare("folder", f"--source={source}", f"--out={out}") == 0
    assert sum(map(len, fixtures.read_splits(out).values())) == 20


def test_help_gives_each_default():
    [commands] = prepare._parser()._subparsers._group_actions
    silent = [
        f"{name} {option.option_strings[0]}"
        for name, parser in commands.choices.items()
        for option in parser._actions
        if option.option_strings and option.nargs != 0 and not option.required
        if option.help != argparse.SUPPRESS and "default: " not in option.help
    ]
    assert not silent
