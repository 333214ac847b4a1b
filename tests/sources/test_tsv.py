"""A table of lines: paths beside it, transcripts after the tab."""

import pytest

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
