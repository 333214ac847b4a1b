"""Synthetic pages: the same seed, the same pages; baselines are where letters stand."""

import argparse

import cv2
import numpy as np
import pytest

from ocr_jax.data import pages_file
from ocr_jax.errors import UserError
from ocr_jax.pages import tiles
from ocr_jax.sources import Skipped
from ocr_jax.sources.synthetic import fonts
from ocr_jax.sources.synthetic_pages import bends, hands, layouts, scans, source
from ocr_jax.sources.synthetic_pages.sheets import Box, Pen, Sheet
from tests import fixtures

SHAPE = (500, 700)
NO_DESCENDERS = "we can see a moon or a sun now"
SOURCE = hands.Source("train", "", ("Delius",))


def read(index, seed=0, text=""):
    task = source.Task("train", index, seed, fonts.FONTS, text)
    [(split, page)] = source.read(task, 0)
    assert split == "train"
    return page


@pytest.fixture(scope="module")
def pages():
    return [read(index) for index in range(4)]


def new_pen(sheet, seed=0, size=30.0):
    rng = np.random.default_rng(seed)
    return Pen(sheet, hands.new_hand(SOURCE, size, rng), SOURCE, rng)


def test_a_page_depends_on_its_task_alone(pages):
    again = read(2)
    assert again.page_id == pages[2].page_id
    np.testing.assert_array_equal(again.image, pages[2].image)
    for one, other in zip(again.lines, pages[2].lines, strict=True):
        np.testing.assert_array_equal(one.baseline, other.baseline)
        assert one[1:] == other[1:]
    other = read(2, seed=1).image
    assert other.shape != again.image.shape or (other != again.image).any()


@pytest.mark.slow
def test_a_file_has_the_same_pages_with_any_number_of_workers(tmp_path):
    digests = []
    for workers in (1, 2):
        out = tmp_path / f"{workers}.h5"
        counts = "--pages=3", "--validation_pages=1"
        options = *counts, f"--out={out}", f"--workers={workers}"
        assert fixtures.prepare.main(["synthetic_pages", *options]) == 0
        splits = pages_file.read(out, ("train", "validation"))
        assert [len(split.pages) for split in splits.values()] == [3, 1]
        digests.append([split.digest for split in splits.values()])
    assert digests[0] == digests[1]


def test_pages_are_as_large_as_real_ones_and_their_lines_are_on_them(pages):
    assert sum(len(page.lines) for page in pages) > 6 * len(pages)
    for page in pages:
        assert page.image.dtype == np.uint8 and max(page.image.shape) == 1280
        size = np.array(page.image.shape[::-1]) - 1
        assert len(page.texts) == len(page.lines)
        for line, text in zip(page.lines, page.texts, strict=True):
            assert (line.baseline >= 0).all() and (line.baseline <= size).all()
            assert line.above > line.below > 0
            assert (text.outline >= 0).all() and (text.outline <= size).all()


@pytest.mark.parametrize("degrees", [0.0, 45.0, 90.0])
@pytest.mark.parametrize("seed", range(3))
def test_letters_stand_on_the_baseline_of_the_bent_page(seed, degrees):
    sheet, rng = Sheet(SHAPE), np.random.default_rng(seed)
    new_pen(sheet, seed).write(NO_DESCENDERS, 100, 480 if degrees else 250, degrees)
    bend = bends.draw(SHAPE, SHAPE, [120.0], rng)
    ink = cv2.remap(sheet.ink, *bend.maps(SHAPE), cv2.INTER_LINEAR)
    [line] = sheet.lines
    baseline = bend.to_image(line.baseline)
    # What is within a few pixels below is foot and blur; above it are the letters.
    along = np.diff(baseline, axis=0).sum(axis=0)
    down = np.array([-along[1], along[0]]) / np.hypot(*along)
    brightness = [
        profile(ink, baseline + offset * down)
        for offset in (-0.3 * line.above, -0.1 * line.above, 4.0, 8.0)
    ]
    assert min(brightness[:2]) > 10 * max(brightness[2:])


def profile(ink, points):
    """The mean brightness along a polyline."""
    steps = np.linspace(0, len(points) - 1, 800)
    x, y = (np.interp(steps, np.arange(len(points)), side) for side in points.T)
    rows = np.clip(np.round(y).astype(int), 0, len(ink) - 1)
    columns = np.clip(np.round(x).astype(int), 0, len(ink[0]) - 1)
    return ink[rows, columns].mean()


def test_a_bend_is_undone():
    for seed in range(20):
        bend = bends.draw(SHAPE, SHAPE, [300.0], np.random.default_rng(seed))
        points = np.random.default_rng(seed).uniform(0, SHAPE[::-1], (50, 2))
        there_and_back = bend.to_image(bend.to_flat(points))
        np.testing.assert_allclose(there_and_back, points, atol=0.05)


@pytest.mark.parametrize("kind", layouts.KINDS)
def test_pages_of_each_kind_have_their_lines_under_ink(kind):
    rng = np.random.default_rng(1)
    sheet, box = Sheet((900, 700)), Box(0, 0, 700, 900)
    plan = layouts.plan(SOURCE, 700, rng)._replace(kind=kind, is_ruled=True)
    layouts.write(sheet, box, plan, rng)
    assert kind == "blank" or sheet.lines
    for line in sheet.lines:
        around = np.zeros_like(sheet.ink)
        cv2.fillPoly(around, [np.round(line.outline).astype(np.int32)], 1)
        assert line.text and sheet.ink[around > 0].max() > 60


def test_scenes_differ():
    scenes = [scans.place(np.random.default_rng(seed)) for seed in range(60)]
    assert {len(scene.papers) for scene in scenes} == {1, 2}
    assert {scene.shape[0] > scene.shape[1] for scene in scenes} == {True, False}
    sides = [np.array(scene.whole) for scene in scenes]
    assert any((side[:2] < 0).any() for side in sides)  # nothing beside the paper
    assert any((side[:2] > scans.PAD).all() for side in sides)


def test_words_may_come_from_a_text(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("alpha bravo charlie delta echo " * 100)
    known = {"alpha", "bravo", "charlie", "delta", "echo"}
    rng = np.random.default_rng(0)
    hand = hands.new_hand(SOURCE, 30.0, rng)
    words = hands.words(SOURCE._replace(text=str(path)), hand, rng)
    assert {next(words) for _ in range(500)} == known


@pytest.mark.parametrize("kind", ["letter", "register", "table"])
def test_all_letters_come_from_a_text(kind, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("xyxyxyxy " * 500)
    rng, sheet = np.random.default_rng(0), Sheet((900, 700))
    text = SOURCE._replace(text=str(path))
    plan = layouts.plan(text, 700, rng)._replace(kind=kind)
    layouts.write(sheet, Box(0, 0, 700, 900), plan, rng)
    written = {letter for line in sheet.lines for letter in line.text}
    assert set(filter(str.isalpha, written)) == {"x", "y"}


def test_scattered_words_are_those_of_the_hand_that_writes_them():
    rng, sheet = np.random.default_rng(0), Sheet((900, 700))
    capitals = SOURCE._replace(fonts=fonts.CAPITALS_ONLY)
    plan = layouts.plan(capitals, 700, rng)._replace(source=SOURCE)
    pen = Pen(sheet, plan.hand, SOURCE, rng)
    for _ in range(4):
        layouts.KINDS["scattered"][0](pen, Box(0, 0, 700, 900), plan)
    assert pen.hand == plan.hand
    assert {line.text.isupper() for line in sheet.lines} == {True, False}


def parsed(path, text):
    path.write_text(text)
    parser = argparse.ArgumentParser()
    source.add_flags(parser)
    return parser.parse_args(["--pages=2", f"--text={path}"])


def test_a_page_has_only_fonts_that_write_its_text(tmp_path):
    args = parsed(
        tmp_path / "ru.txt", "1812 году они жили в деревне, где был сад " * 50
    )
    cyrillic = ("Caveat", "Great Vibes")
    assert {task.fonts for task in source.tasks(args)} == {cyrillic}
    args = parsed(tmp_path / "de.txt", "große Straßen und " * 200)
    assert "Permanent Marker" not in source.tasks(args)[0].fonts
    with pytest.raises(UserError, match="no train word that a font can write: name"):
        source.tasks(parsed(tmp_path / "zh.txt", "一 二 三 四 " * 200))


def test_pages_that_can_not_be_drawn_are_left_out(pages, tmp_path, monkeypatch, capsys):
    results = [[Skipped("second", "no ink")]]
    monkeypatch.setattr(source.worker_pool, "read_all", lambda *_, **__: results)
    out = tmp_path / "pages.h5"
    assert fixtures.run_prepare("synthetic_pages", f"--out={out}") == 2
    assert "no page could be drawn: 1 x no ink (second)" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    results.append([("train", pages[0])])
    assert fixtures.run_prepare("synthetic_pages", f"--out={out}") == 0
    assert "left out: 1" in capsys.readouterr().out
    assert len(pages_file.read(out, ("train",))["train"].pages) == 1


def test_pages_open_in_training(pages):
    for page in pages:
        image, maps = tiles.draw(page, np.random.default_rng(0))
        assert image.shape == (tiles.SIDE, tiles.SIDE) and np.isfinite(maps).all()


def test_a_mistake_is_one_line(tmp_path, capsys):
    out = f"--out={tmp_path}/pages.h5"
    assert fixtures.run_prepare("synthetic_pages", "--pages=0", out) == 2
    assert "--pages=0: expected 1 or more" in capsys.readouterr().err
    assert fixtures.run_prepare("synthetic_pages", "--text=nowhere.txt", out) == 2
    assert "nowhere.txt can't be read" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
