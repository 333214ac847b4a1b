"""The lines file: what goes in comes out, whole or not at all."""

import errno

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_jax import charset, errors
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.errors import UserError

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


def make_line(width=5, text="é x", line_id="l0", writer="w", height=4):
    image = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    return lines_file.Line(image, text, line_id, writer)


def write(path, splits, **options):
    lines_writer.write_lines(path, splits, height=4, source="test", **options)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 30), texts, texts), min_size=1, max_size=6))
def test_lines_come_back_as_they_went_in(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("lines") / "lines.h5"
    lines = [
        make_line(w, text, f"l{i}", writer) for i, (w, text, writer) in enumerate(rows)
    ]
    write(path, {"train": lines})
    with lines_file.LinesFile(path) as file:
        split = file.split("train")
    assert len(split) == len(lines)
    for index, line in enumerate(lines):
        np.testing.assert_array_equal(split.image(index), line.image)
        assert split.transcripts[index] == charset.normalize(line.transcript)
        assert split.line_ids[index] == line.line_id
        assert split.writers[index] == line.writer


def test_a_split_too_large_for_memory_is_read_line_by_line(tmp_path, monkeypatch):
    lines = [make_line(width, line_id=f"l{width}") for width in (7, 3, 90)]
    write(tmp_path / "l.h5", {"train": lines})
    monkeypatch.setattr(lines_file, "IN_MEMORY_BYTES", 10)
    with lines_file.LinesFile(tmp_path / "l.h5") as file:
        split = file.split("train")
    # The file is closed by now, as it is while a training reads from it.
    assert isinstance(split.pixels, h5py.Dataset)
    for index, line in enumerate(lines):
        np.testing.assert_array_equal(split.image(index), line.image)


def test_lines_of_many_chunks_come_back_from_interleaved_splits(tmp_path, monkeypatch):
    monkeypatch.setattr(lines_writer, "CHUNK_BYTES", 64)
    noise = np.random.default_rng(0)
    images = [noise.integers(0, 255, (4, w), np.uint8) for w in (16, 700, 3, 90, 16)]
    with lines_writer.LinesWriter(tmp_path / "l.h5", height=4, source="") as writer:
        for number, image in enumerate(images):
            for split in ("train", "test"):
                writer.add(split, lines_file.Line(image, "x", str(number)))
    with lines_file.LinesFile(tmp_path / "l.h5") as file:
        for split in map(file.split, ("train", "test")):
            for index, image in enumerate(images):
                np.testing.assert_array_equal(split.image(index), image)


def test_the_file_says_what_it_is(tmp_path):
    write(tmp_path / "l.h5", {"validation": [make_line()], "train": [make_line()]})
    with lines_file.LinesFile(tmp_path / "l.h5") as file:
        assert file.splits == ["train", "validation"]
        assert file.charset.characters == (" ", "x", "é")
    with h5py.File(tmp_path / "l.h5") as file:
        assert file.attrs["source"] == "test"
        assert file.attrs["created_with"].startswith("ocr_jax ")


def test_what_is_not_utf_8_in_its_source_or_licence_is_escaped(tmp_path):
    path = tmp_path / "l.h5"
    options = {"height": 4, "source": "d\udcff", "license": "CC \udcff"}
    with lines_writer.LinesWriter(path, **options) as writer:
        writer.add("train", make_line())
    assert [*tmp_path.iterdir()] == [path]
    with h5py.File(path) as file:
        assert file.attrs["source"] == r"d\udcff"
        assert file.attrs["license"] == r"CC \udcff"


def test_the_digest_tells_the_same_lines_from_others(tmp_path):
    digests = []
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        write(tmp_path / name, {"train": [make_line(text=text)]})
        with lines_file.LinesFile(tmp_path / name) as file:
            digests.append(file.split("train").digest)
    assert digests[0] == digests[1] != digests[2]


def test_an_existing_file_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "l.h5"
    write(path, {"train": [make_line()]})
    before = path.read_bytes()
    with pytest.raises(UserError, match="--overwrite"):
        write(path, {"train": [make_line()]})
    assert path.read_bytes() == before
    options = {"height": 4, "source": "test", "overwrite": True}
    with lines_writer.LinesWriter(path, **options) as writer:
        writer.add("test", make_line())
    with lines_file.LinesFile(path) as file:
        assert file.splits == ["test"]


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "l.h5"
    write(path, {"train": [make_line()]})
    writer = lines_writer.LinesWriter(path, height=4, source="t", overwrite=True)
    with pytest.raises(RuntimeError), writer:
        writer.add("train", make_line())
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["l.h5"]
    with lines_file.LinesFile(path) as file:
        assert len(file.split("train")) == 1


def test_a_link_as_output_stays_one(tmp_path):
    link, target = tmp_path / "lines.h5", tmp_path / "disk/lines.h5"
    link.symlink_to(target)
    for overwrite in (False, True):
        options = {"height": 4, "source": "test", "overwrite": overwrite}
        with lines_writer.LinesWriter(link, **options) as writer:
            writer.add("train", make_line())
        assert link.is_symlink()
        assert [*target.parent.iterdir()] == [target]


def test_a_directory_as_output_is_refused(tmp_path):
    with pytest.raises(UserError, match="is a directory"):
        write(tmp_path, {"train": [make_line()]})


def test_an_output_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot write"):
        write(tmp_path / ("x" * 250 + ".h5"), {"train": [make_line()]})


def test_splits_come_in_the_order_of_their_use(tmp_path):
    names = ["extra", "test", "train", "validation"]
    write(tmp_path / "l.h5", {name: [make_line()] for name in names})
    with lines_file.LinesFile(tmp_path / "l.h5") as file:
        assert file.splits == ["train", "validation", "test", "extra"]


def test_a_missing_split_names_those_there_are(tmp_path):
    write(tmp_path / "l.h5", {"train": [make_line()]})
    with (
        lines_file.LinesFile(tmp_path / "l.h5") as file,
        pytest.raises(UserError, match="no split 'test'; it has train"),
    ):
        file.split("test")


def test_transcripts_outside_the_files_charset_are_named(tmp_path):
    write(tmp_path / "l.h5", {"train": [make_line(text="abc")]})
    with h5py.File(tmp_path / "l.h5", "a") as file:
        file.attrs["charset"] = '["a", "b"]'
    with (
        lines_file.LinesFile(tmp_path / "l.h5") as file,
        pytest.raises(UserError, match="outside the charset: 'c'"),
    ):
        file.split("train")


def test_a_full_disk_is_one_line_whoever_rewords_it(capsys):
    def fill():
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise OSError("Unable to write data") from error

    assert errors.exit_code(fill) == 2
    said = capsys.readouterr().err
    assert "disk is full" in said and len(said.splitlines()) == 1
