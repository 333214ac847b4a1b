"""`prepare show`: lines on a sheet, with their variations, or a clear refusal."""

import pathlib

import numpy as np
from PIL import Image

from ocr_jax import prepare
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.images import contact_sheet
from tests import fixtures

ROOT = pathlib.Path(__file__).parents[2]


def test_show_draws_a_sheet(tiny_lines, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert prepare.main(["show", str(tiny_lines), f"--out={out}", "--count=5"]) == 0
    assert Image.open(out).height > 5 * fixtures.HEIGHT
    assert "5 of 40 train lines" in capsys.readouterr().out


def test_show_draws_variations_below_each_line(tiny_lines, tmp_path, tiny_config):
    tiny_config.augment.update({"probability": 1.0, "brightness": 0.5})
    fixtures.write_config(tmp_path / "config.py", tiny_config)
    sheets = []
    for flags in ([], [f"--augment={tmp_path / 'config.py'}"]):
        out = f"--out={tmp_path / 'sheet.png'}"
        prepare.run(["show", str(tiny_lines), out, "--count=2", *flags])
        sheets.append(np.asarray(Image.open(tmp_path / "sheet.png")))
    plain, varied = sheets
    more = contact_sheet.VARIATIONS * fixtures.HEIGHT
    assert varied.shape == (plain.shape[0] + 2 * more, plain.shape[1])
    top = contact_sheet.MARGIN + fixtures.HEIGHT
    np.testing.assert_array_equal(varied[:top], plain[:top])
    np.testing.assert_array_equal(varied[top + more :][:20], plain[top:][:20])
    versions = varied[top:][:more].reshape(contact_sheet.VARIATIONS, -1)
    assert len(np.unique(versions, axis=0)) == contact_sheet.VARIATIONS


def test_show_draws_dense_lines_as_wide_as_training_has_them(
    tmp_path, tiny_config, monkeypatch
):
    drawn = []
    monkeypatch.setattr(
        contact_sheet, "_row", lambda images, *_: drawn.append(images) or images[0]
    )
    line = lines_file.Line(np.full((fixtures.HEIGHT, 48), 9, np.uint8), "abc" * 4, "a")
    splits = {"train": [line]}
    lines_writer.write_lines(
        tmp_path / "l.h5", splits, height=fixtures.HEIGHT, source="x"
    )
    tiny_config.encoder = "upright_conv"
    tiny_config.augment.update({"probability": 1.0, "brightness": 0.5})
    for config in (None, tiny_config):
        contact_sheet.draw(
            tmp_path / "l.h5", tmp_path / "x.png", "train", count=1, config=config
        )
    assert [images[0].shape[1] for images in drawn] == [48, 77]


def test_a_sheet_that_cannot_be_drawn_is_refused(tiny_lines, tmp_path, capsys):
    for out in (tmp_path / "no" / "x.png", tmp_path / "x.txt"):
        assert "--out=" in fixtures.refused(capsys, "show", tiny_lines, f"--out={out}")
    nowhere = ("show", tiny_lines, f"--out={tmp_path / 'x.png'}", "--augment=no.py")
    assert "no.py: no such file" in fixtures.refused(capsys, *nowhere)
    unvaried = (*nowhere[:-1], f"--augment={ROOT / 'configs/quickstart.py'}")
    assert "augment.probability is 0" in fixtures.refused(capsys, *unvaried)
    none = ("show", tiny_lines, f"--out={tmp_path / 'x.png'}", "--count=0")
    assert "1 or more" in fixtures.refused(capsys, *none)
    found = (*none[:-1], "--finder=any")
    assert "--finder is for pages" in fixtures.refused(capsys, *found)
    assert not list(tmp_path.iterdir())


def test_a_sheet_replaces_an_earlier_one_but_no_other_image(
    tiny_lines, tmp_path, capsys
):
    out = tmp_path / "x.png"
    for _ in range(2):
        assert prepare.main(["show", str(tiny_lines), f"--out={out}"]) == 0
    scan = fixtures.png_bytes(fixtures.draw_page())
    out.write_bytes(scan)
    said = fixtures.refused(capsys, "show", tiny_lines, f"--out={out}")
    assert "exists and is no such drawing" in said
    assert out.read_bytes() == scan


def test_a_full_disk_leaves_an_earlier_sheet_as_it_was(
    tmp_path, tiny_lines, small_disk, capsys
):
    out = small_disk(megabytes=0.02) / "sheet.png"
    out.write_bytes(b"earlier")
    assert prepare.main(["show", str(tiny_lines), f"--out={out}"]) == 2
    assert "disk is full" in capsys.readouterr().err
    assert [path.read_bytes() for path in out.parent.iterdir()] == [b"earlier"]
