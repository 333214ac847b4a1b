"""A table of lines: paths beside it, transcripts after the tab."""

import shutil

import pytest
from PIL import Image

from tests import fixtures


@pytest.fixture
def table(tmp_path):
    """Two lines of each of ten writers, and the path of the table."""
    rows = []
    for writer in range(10):
        for line in range(2):
            name = f"w{writer}-0-{line}"
            fixtures.save_line(tmp_path / "images", name)
            rows.append(f"images/{name}.png\ta{writer}\n")
    (tmp_path / "lines.tsv").write_text("".join(rows))
    return tmp_path / "lines.tsv"


def prepare_table(table):
    out = table.with_name("out.h5")
    return fixtures.run_prepare("tsv", f"--source={table}", f"--out={out}"), out


def test_rows_become_lines_split_by_writer(table):
    code, out = prepare_table(table)
    assert code == 0
    splits = fixtures.read_splits(out)
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 16,
        "validation": 2,
        "test": 2,
    }
    split = splits["train"]
    assert {f"a{w[1:]}" for w in split.writers} == set(split.transcripts)
    assert all(i.startswith("images/w") for i in split.line_ids)


def test_folders_with_the_names_of_splits_are_the_splits(tmp_path):
    for name in ("train/x", "validation/y"):
        fixtures.save_line(tmp_path, name)
    table = tmp_path / "lines.tsv"
    table.write_bytes(b"\xef\xbb\xbftrain/x.png\tone\r\n\r\nvalidation/y.png\ttwo")
    code, out = prepare_table(table)
    assert code == 0
    splits = fixtures.read_splits(out)
    assert splits["train"].transcripts == ("one",)
    assert splits["validation"].transcripts == ("two",)


def test_of_copies_of_an_image_in_two_splits_the_one_to_train_on_is_left_out(tmp_path):
    first = fixtures.save_line(tmp_path, "train/a")
    (tmp_path / "val").mkdir()
    shutil.copy(first, tmp_path / "val/copy.png")
    for name in ("train/b", "train/c", "val/d"):
        with Image.open(first) as image:
            image.resize((100 + ord(name[-1]), 60)).save(tmp_path / f"{name}.png")
    table = tmp_path / "lines.tsv"
    names = "train/a", "train/b", "train/c", "val/copy", "val/d"
    table.write_text("".join(f"{name}.png\t{name}\n" for name in names))
    code, out = prepare_table(table)
    assert code == 0
    splits = fixtures.read_splits(out)
    assert splits["train"].transcripts == ("train/b", "train/c")
    assert splits["validation"].transcripts == ("val/copy", "val/d")


def test_folders_of_paths_from_windows_are_the_splits(tmp_path):
    for name in ("train/x", "val/y"):
        fixtures.save_line(tmp_path, name)
    table = tmp_path / "lines.tsv"
    table.write_text("train\\x.png\tone\nval\\y.png\ttwo\n")
    _, out = prepare_table(table)
    ids = {name: split.line_ids for name, split in fixtures.read_splits(out).items()}
    assert ids == {"train": ("train/x",), "validation": ("val/y",)}


def test_a_row_that_is_left_out_takes_no_image_from_a_later_one(tmp_path, capsys):
    for name, text in (("x", "abc"), ("y", "ca")):
        Image.fromarray(fixtures.draw_scan(text)).save(tmp_path / f"{name}.png")
    table = tmp_path / "lines.tsv"
    rows = ["image\ttext\tsplit", "x.png\tone\ttrain", "y.png\ttwo\ttrain\tthree\t4"]
    table.write_text("\n".join([*rows, "x.png\tone\ttest", "y.png\ttwo\ttrain"]))
    _, out = prepare_table(table)
    ids = {name: split.line_ids for name, split in fixtures.read_splits(out).items()}
    assert ids == {"train": ("y",), "test": ("x",)}
    assert "an earlier row" not in capsys.readouterr().out


def test_images_that_differ_in_their_suffix_are_two_lines(tmp_path):
    fixtures.save_line(tmp_path, "1")
    table = tmp_path / "lines.tsv"
    table.write_text("image\ttext\tsplit\n1.bmp\ta\ttrain\n1.png\tb\ttest\n")
    Image.fromarray(fixtures.draw_scan("abc")).save(tmp_path / "1.bmp")
    _, out = prepare_table(table)
    ids = {name: split.line_ids for name, split in fixtures.read_splits(out).items()}
    assert ids == {"train": ("1.bmp",), "test": ("1.png",)}


def test_an_image_by_two_paths_is_one_line(table, capsys):
    with table.open("a") as file:
        file.write("images/../images/w0-0-0.png\tx\n")
    code, _ = prepare_table(table)
    assert code == 0
    assert "an earlier row with its image is taken: 1" in capsys.readouterr().out


def test_what_cannot_be_read_is_counted_and_the_rest_prepared(table, capsys):
    with table.open("a") as file:
        file.write("images/gone.png\tx\nimages/w0-0-0.png\t \n")
    code, out = prepare_table(table)
    said = capsys.readouterr().out
    assert code == 0 and len(fixtures.read_splits(out)["train"]) == 16
    assert "left out: 2" in said
    assert "No such file" in said and "empty transcript" in said


@pytest.mark.parametrize("path", ["./", ".", "/", "//", "..", "images/", "images/."])
def test_a_folder_in_the_place_of_an_image_costs_only_its_row(table, capsys, path):
    with table.open("a") as file:
        file.write(f"{path}\tx\n")
    code, out = prepare_table(table)
    said = capsys.readouterr()
    assert code == 0 and len(fixtures.read_splits(out)["train"]) == 16
    assert "left out: 1" in said.out and "is a folder" in said.out
    assert not said.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"images/w0-0-0.png\tx\nimages/w1-0-0", "row 2: expected an image path"),
        (b"\tx\n", "row 1"),
        (b"", "has no rows"),
        (b"\xff\xfe\x00a", "is not UTF-8"),
        (None, "can't be read: No such file"),
    ],
)
def test_a_broken_table_is_one_clear_line(table, capsys, content, message):
    if content is None:
        table.unlink()
    else:
        table.write_bytes(content)
    code, out = prepare_table(table)
    said = capsys.readouterr().err
    assert code == 2 and not out.exists()
    assert message in said and len(said.strip().splitlines()) == 1


def test_the_folders_above_all_absolute_paths_say_nothing_of_splits(tmp_path):
    table = tmp_path / "dev" / "lines.tsv"
    rows = []
    for name in ("train/x", "train/y", "val/z"):
        path = fixtures.save_line(tmp_path / "dev" / "lines", name)
        rows.append(f"{path}\ta\n")
    table.write_text("".join(rows))
    code, out = prepare_table(table)
    assert code == 0
    splits = fixtures.read_splits(out)
    assert splits["train"].line_ids == ("train/x", "train/y")
    assert splits["validation"].line_ids == ("val/z",)


@pytest.fixture
def tiff_table(tmp_path):
    """A TIFF of three lines, and the table that `predict` writes of it."""
    texts = ("a", "abc", "abcab")
    first, *others = (Image.fromarray(fixtures.draw_scan(text)) for text in texts)
    first.save(tmp_path / "scan.tif", save_all=True, append_images=others)
    rows = zip(("scan.tif", "scan.tif[2]", "scan.tif[3]"), texts, strict=True)
    lines = ["image\tconfidence\ttext", *(f"{name}\t1\t{text}" for name, text in rows)]
    (tmp_path / "lines.tsv").write_text("\n".join(lines))
    return tmp_path / "lines.tsv"


def test_each_page_of_a_tiff_is_a_line(tiff_table, capsys):
    code, out = prepare_table(tiff_table)
    splits = fixtures.read_splits(out).values()
    lines = [split.line(i) for split in splits for i in range(len(split))]
    lines.sort(key=lambda line: line.line_id)
    assert code == 0 and "drawn by line" in capsys.readouterr().out
    assert [line.line_id for line in lines] == ["scan", "scan[2]", "scan[3]"]
    assert [line.transcript for line in lines] == ["a", "abc", "abcab"]
    short, middle, long = (line.image.shape[1] for line in lines)
    assert short < middle < long


def test_pages_of_a_tiff_may_be_in_several_splits(tiff_table):
    rows = ["image\ttext\tsplit", "scan.tif[1]\ta\ttrain", "scan.tif[3]\tb\ttest"]
    tiff_table.write_text("\n".join(rows))
    _, out = prepare_table(tiff_table)
    ids = {name: split.line_ids for name, split in fixtures.read_splits(out).items()}
    assert ids == {"train": ("scan[1]",), "test": ("scan[3]",)}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("scan.tif[2]", "an earlier row with its image is taken: 3 (scan[2])"),
        ("scan.tif[4]", "it can't be read as an image"),
        ("gone.tif[2]", "No such file"),
    ],
)
def test_a_wrong_page_of_a_tiff_costs_only_its_row(tiff_table, capsys, row, message):
    with tiff_table.open("a") as file:
        file.write(f"\n{row}\t1\tab\n")
    code, out = prepare_table(tiff_table)
    assert code == 0 and message in capsys.readouterr().out
    assert sum(map(len, fixtures.read_splits(out).values())) == 3
