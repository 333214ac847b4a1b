"""Files of whole pages: what is written is read again, and no other file is."""

import argparse
import re

import numpy as np
import pytest
from PIL import Image

from ocr_jax import prepare, transcribe
from ocr_jax.data import pages_file
from ocr_jax.errors import UserError
from ocr_jax.sources.pages import whole_pages
from tests import fixtures


def test_a_pages_file_holds_pages_and_their_lines(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "pages.h5"
    fixtures.save_pages(folder, 3)
    assert (
        fixtures.run_prepare("whole_pages", f"--source={folder}", f"--out={out}") == 0
    )
    split = pages_file.read(out, ("train",))["train"]
    [page, *_] = split.pages
    assert max(page.image.shape) == 1280 and len(page.lines) == 2
    scale = 1280 / 500
    for line, (y, above) in zip(page.lines, ((150, 45), (215, 45)), strict=True):
        assert line.baseline[:, 1] == pytest.approx(y * scale, abs=scale)
        assert line.above == pytest.approx(above * scale, rel=0.05)
    ink = page.image[int(120 * scale) : int(145 * scale)]
    assert ink.max() > 150 > np.median(ink)


def test_a_pages_file_keeps_the_texts_of_pages_that_have_any(tmp_path):
    fixtures.save_pages(tmp_path / "in", 1, text="ab\u00adc")  # as lines files have it
    fixtures.save_pages(tmp_path / "in", 1, text="", first=1)
    out = tmp_path / "pages.h5"
    fixtures.run_prepare("whole_pages", f"--source={tmp_path}/in", f"--out={out}")
    splits = pages_file.read(out, ("train", "validation")).values()
    pages = {page.page_id: page for split in splits for page in split.pages}
    with_texts, without = pages["page0"], pages["page1"]
    assert [text.text for text in with_texts.texts] == ["abc", "abc"]
    assert len(without.lines) == 2 and without.texts == ()
    for line, text in zip(with_texts.lines, with_texts.texts, strict=True):
        top, bottom = text.outline[:, 1].min(), text.outline[:, 1].max()
        assert top < line.baseline[:, 1].min() <= bottom + 1


def test_a_pages_file_has_lines_in_the_reading_order_of_the_file(tmp_path):
    fixtures.save_pages(tmp_path, 1)
    path = tmp_path / "page0.xml"
    order = (
        '<ReadingOrder><OrderedGroup><RegionRefIndexed index="0" regionRef="second"/>'
        "</OrderedGroup></ReadingOrder><TextRegion>"
    )
    second = '</TextRegion><TextRegion id="second"><TextLine id="l1"'
    whole = path.read_text().replace("<TextRegion>", order)
    path.write_text(whole.replace('<TextLine id="l1"', second))
    [task] = whole_pages.tasks(
        argparse.Namespace(source=tmp_path, split="1,0,0", seed=0, writer_regex="")
    )
    [(_, page)] = whole_pages.read(task, 64)
    lower, upper = page.lines
    assert lower.baseline[:, 1].min() > upper.baseline[:, 1].max()


def test_the_same_pages_have_the_same_digest(tmp_path):
    fixtures.save_pages(tmp_path / "in", 3)
    digests = []
    for name in ("a.h5", "b.h5"):
        out = tmp_path / name
        fixtures.run_prepare("whole_pages", f"--source={tmp_path}/in", f"--out={out}")
        digests.append(pages_file.read(out, ("train",))["train"].digest)
    assert digests[0] == digests[1]


def test_a_link_as_output_stays_one(tmp_path):
    link, target = tmp_path / "pages.h5", tmp_path / "target.h5"
    target.write_text("old")
    link.symlink_to(target)
    page = pages_file.Page("one", np.zeros((4, 5), np.uint8), ())
    pages_file.save(link, [("train", page)], "test")
    assert link.is_symlink() and pages_file.is_one(target)


def test_a_lines_file_is_no_pages_file(tiny_lines, tmp_path):
    with pytest.raises(UserError, match=r"expected format 'ocr_jax\.pages'"):
        pages_file.read(tiny_lines, ("train",))
    (tmp_path / "torn.h5").write_bytes(b"no")
    with pytest.raises(UserError, match="not a readable HDF5 file"):
        pages_file.read(tmp_path / "torn.h5", ("train",))


def test_a_full_disk_leaves_no_pages_file(tmp_path, small_disk, capsys):
    fixtures.save_pages(tmp_path / "in", 3)
    out = small_disk(0.02) / "pages.h5"
    options = f"--source={tmp_path}/in", f"--out={out}"
    assert fixtures.run_prepare("whole_pages", *options) == 2
    assert "No space left" in capsys.readouterr().err
    assert list(out.parent.iterdir()) == []


def test_pages_need_a_finder(finished, tmp_path, capsys):
    fixtures.save_pages(tmp_path / "in", 1)
    workdir = f"--workdir={finished[1]}"
    assert transcribe.main([f"{tmp_path}/in", workdir, f"--finder={finished[1]}"]) == 2
    assert "reads lines: name a run of configs/page_lines.py" in capsys.readouterr().err


def test_a_pages_file_has_no_flags_of_lines(capsys):
    said = fixtures.refused(
        capsys, "whole_pages", "--source=.", "--out=pages.h5", "--height=64"
    )
    assert "--height" in said
    [commands] = prepare._parser()._subparsers._group_actions
    assert "lines file" not in commands.choices["whole_pages"].format_help()


def without_baselines(path, count=2):
    """Remove the first baselines of a page, as older PAGE files have none."""
    path.write_text(re.sub("<Baseline[^>]*>", "", path.read_text(), count=count))


def test_a_page_none_of_whose_lines_has_a_baseline_is_left_out(tmp_path, capsys):
    fixtures.save_pages(tmp_path / "in", 2)
    options = f"--source={tmp_path / 'in'}", f"--out={tmp_path / 'pages.h5'}"
    without_baselines(tmp_path / "in/page0.xml")
    assert fixtures.run_prepare("whole_pages", *options) == 0
    said = capsys.readouterr().out
    assert "1 x a page whose lines are all left out (page0)" in said
    assert sum(pages_file.sizes(tmp_path / "pages.h5").values()) == 1
    without_baselines(tmp_path / "in/page1.xml")
    said = fixtures.refused(capsys, "whole_pages", *options, "--overwrite")
    assert "no page could be read: 4 x a line without a baseline" in said


def test_pages_that_have_only_some_of_their_lines_are_counted(tmp_path, capsys):
    fixtures.save_pages(tmp_path / "in", 2)
    without_baselines(tmp_path / "in/page0.xml", count=1)
    options = f"--source={tmp_path / 'in'}", f"--out={tmp_path / 'pages.h5'}"
    assert fixtures.run_prepare("whole_pages", *options) == 0
    said = capsys.readouterr().out
    assert "pages that have only some of their lines: 1; training" in said
    assert "1 x a line without a baseline (page0/l0)" in said


def test_further_pages_of_a_tiff_are_listed(tmp_path, capsys):
    fixtures.save_pages(tmp_path / "in", 2)
    page = tmp_path / "in/page0.png"
    with Image.open(page) as image:
        image.save(page.with_suffix(".tif"), save_all=True, append_images=2 * [image])
    page.unlink()
    options = f"--source={tmp_path / 'in'}", f"--out={tmp_path / 'pages.h5'}"
    assert fixtures.run_prepare("whole_pages", *options) == 0
    said = capsys.readouterr().out
    assert "1 x pages 2 to 3 of its TIFF: no XML has their lines (page0)" in said
    assert "only some of their lines" not in said


@pytest.mark.parametrize(
    ("count", "split", "message"),
    [
        (1, "80,10,10", "splits: the only page is in train, and training needs"),
        (2, "100,0,0", "no validation pages, and training needs some"),
    ],
)
def test_it_is_said_that_there_are_no_validation_pages(
    tmp_path, capsys, count, split, message
):
    fixtures.save_pages(tmp_path / "in", count)
    options = f"--source={tmp_path / 'in'}", f"--out={tmp_path / 'pages.h5'}"
    assert fixtures.run_prepare("whole_pages", *options, f"--split={split}") == 0
    assert message in (said := capsys.readouterr().out)
    assert "drawn by line" not in said
    assert pages_file.sizes(tmp_path / "pages.h5") == {"train": count}
