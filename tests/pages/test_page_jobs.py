"""The folder of texts: every page has its file there, and no file is another page's."""

import io
import json
import os
import types
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from ocr_jax import transcribe
from ocr_jax.errors import UserError
from ocr_jax.pages import page_formats, page_jobs, page_xml_writer
from ocr_jax.readings import Page, PageLine, Reading
from tests import fixtures


@pytest.fixture(autouse=True)
def reader(monkeypatch):
    """Has every page read as one line, and XML copied as it is."""
    line = PageLine(np.zeros((2, 2)), np.zeros((4, 2)), Reading("ab", 0.9, []))
    fake = types.SimpleNamespace(read_gray=lambda gray: Page((6, 4), [line]))
    monkeypatch.setattr(transcribe.finder_lib, "load", lambda name: None)
    monkeypatch.setattr(transcribe, "load_named", lambda *_: None)
    monkeypatch.setattr(transcribe.page_reader, "PageReader", lambda *_: fake)
    monkeypatch.setattr(transcribe.xml_pages, "read", lambda *_: {})


@pytest.mark.parametrize("form", page_formats.FORMATS)
def test_a_name_that_xml_can_not_hold_stops_nothing(form, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    names = "b", os.fsdecode(b"M\xfcller"), "M\x01ller"
    for name in names:
        Image.new("L", (6, 4)).save(png := io.BytesIO(), "PNG")
        try:
            (tmp_path / "in" / f"{name}.png").write_bytes(png.getvalue())
        except OSError:
            pytest.skip("this file system has no such names")
    out = tmp_path / "out"
    command = [str(tmp_path / "in"), f"--out={out}", f"--format={form}"]
    assert transcribe.main(command) == 0
    suffix, is_xml = page_formats.FORMATS[form].suffix, form in ("page", "alto")
    written = {path.stem for path in out.glob(f"*{suffix}")}
    assert written == set(names[: 1 if is_xml else 3])
    said = capsys.readouterr().err
    for why in ("is not UTF-8", "has characters that XML can't hold"):
        assert (f"its name {why}: rename it" in said) == is_xml
    if form == "json":
        for name in names:
            assert json.loads((out / f"{name}.json").read_text())["page"] == name


def test_no_image_beside_the_texts_is_overwritten_unless_told(tmp_path, capsys):
    Image.new("L", (6, 4), 10).save(tmp_path / "a.tif")
    Image.new("L", (6, 4), 20).save(tmp_path / "a.png")
    theirs = (tmp_path / "a.png").read_bytes()
    command = [str(tmp_path / "a.tif"), f"--out={tmp_path}", "--format=page"]
    assert transcribe.main(command) == 2
    assert "a.png is another image" in capsys.readouterr().err
    assert (tmp_path / "a.png").read_bytes() == theirs
    assert not (tmp_path / "a.xml").exists()
    assert transcribe.main([*command, "--overwrite"]) == 0
    assert Image.open(tmp_path / "a.png").getpixel((0, 0)) == 10
    (tmp_path / "a.xml").unlink()  # as if it had been killed before that was written
    assert transcribe.main(command) == 0
    command = [str(tmp_path / "a.png"), f"--out={tmp_path}", "--format=alto"]
    assert transcribe.main([*command, "--overwrite"]) == 0


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function: runs the command in tmp_path; the exit code, and what it said."""
    monkeypatch.chdir(tmp_path)

    def transcribed(*arguments):
        code = transcribe.main(list(arguments))
        return code, capsys.readouterr().err

    return transcribed


def save_image(path, shade=200, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (6, 4), shade).save(path, **options)


def refused(result, *words):
    """Whether a command said these words in one line, and did nothing."""
    code, said = result
    assert code == 2 and len(said.splitlines()) == 1
    assert all(word in said for word in words), said
    return True


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_two_pages_of_one_name_are_refused_where_they_would_be_written(run, tmp_path):
    for folder in "ab":
        save_image(tmp_path / folder / "0001.png")
    assert refused(run("a", "b", "--out=out"), "a/0001.png and b/0001.png")
    assert run("a", "b")[0] == 0


@pytest.mark.parametrize("names", [("a/1.xml", "b/1.xml"), ("a/1.xml", "a/1.XML")])
def test_two_pages_with_xml_of_one_name_are_refused(run, tmp_path, names):
    for name in names:
        path = tmp_path / name
        page = fixtures.PAGE_XML.format(name=f"{path.name}", text="")
        save_image(tmp_path / f"{name}.png")
        path.write_text(page)
    folders = sorted({name[0] for name in names})
    said = run(*folders, "--lines=xml", "--out=out")
    assert refused(said, "1.xml", *names)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--format=alto", "read with --format=page, not alto"),
        ("--finder=other", "read with --finder=pretrained:page_lines, not other"),
        ("--workdir=runs", "read with --workdir=pretrained:hands, not runs"),
        ("--decoder=greedy", "read with --decoder=the default, not greedy"),
    ],
)
def test_what_was_read_in_another_way_is_not_done(run, tmp_path, option, words):
    save_image(tmp_path / "in/a.png")
    (tmp_path / "runs").mkdir()
    command = "in", "--out=out", "--format=page"
    assert run(*command)[0] == 0
    assert "1 done before" in run(*command)[1]
    before = (tmp_path / "out/a.xml").read_bytes()
    assert refused(run(*command, option), "out/a.xml was", words, "--overwrite")
    assert (tmp_path / "out/a.xml").read_bytes() == before
    assert "1 read" in run(*command, option, "--overwrite")[1]
    assert "1 done before" in run(*command, option)[1]
    assert "1 read" in run("in", "--out=out", "--format=tsv")[1]  # another file


def test_a_page_of_the_same_name_is_not_done(run, tmp_path, monkeypatch):
    for folder in "ab":
        save_image(tmp_path / folder / "0001.png")
    assert run("a", "--out=out")[0] == 0
    words = "out/0001.txt is of a/0001.png, not b/0001.png"
    assert refused(run("b", "--out=out"), words)
    # Pages and texts may be moved together.
    for name in ("a", "out"):
        (tmp_path / "moved").mkdir(exist_ok=True)
        (tmp_path / name).rename(tmp_path / "moved" / name)
    assert "1 done before" in run("moved/a", "--out=moved/out")[1]
    for shade, done in ((10, "1 read"), (10, "1 done before"), (20, "")):
        Image.new("L", (6, 4), shade).save(png := io.BytesIO(), "PNG")
        stdin = types.SimpleNamespace(buffer=io.BytesIO(png.getvalue()))
        monkeypatch.setattr("sys.stdin", stdin)
        said = run("-", "--out=out")
        assert done in said[1] if done else refused(said, "of standard input (")


def test_a_text_whose_entry_is_cut_is_done_unless_it_is_other_xml(run, tmp_path):
    save_image(tmp_path / "in/a.png")
    command = "in", "--out=out", "--format=page"
    assert run(*command)[0] == 0
    record = tmp_path / "out" / page_jobs.RECORD
    record.write_text(record.read_text()[:40])  # cut, by a full disk
    assert "1 done before" in run(*command)[1]
    save_image(tmp_path / "in/b.png")
    assert "1 read, 1 done before" in run(*command)[1]
    assert record.read_text().splitlines()[1].startswith('{"file": "b.xml"')
    (tmp_path / "out/a.xml").write_bytes(page_xml_writer.alto(Page((6, 4), []), "a"))
    assert refused(run(*command), "out/a.xml is ALTO, not PAGE")


@pytest.mark.parametrize("content", [b"", b"by hand\n"])
@pytest.mark.parametrize("form", page_formats.FORMATS)
@pytest.mark.parametrize("others", [0, 1])
def test_a_file_that_no_entry_knows_is_not_done(run, tmp_path, content, form, others):
    command = "in", "--out=out", f"--format={form}"
    if others:
        save_image(tmp_path / "in/b.png")
        assert run(*command)[0] == 0
    save_image(tmp_path / "in/a.png")
    path = tmp_path / "out" / f"a{page_formats.FORMATS[form].suffix}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    words = f"out/{path.name} was not written by transcribe: {page_jobs.TRY}"
    assert refused(run(*command), words)
    assert path.read_bytes() == content
    assert run(*command, "--overwrite")[0] == 0
    assert f"{1 + others} done before" in run(*command)[1]


def test_a_run_that_is_killed_as_it_notes_a_page_goes_on(run, tmp_path, monkeypatch):
    save_image(tmp_path / "in/a.png")
    with monkeypatch.context() as killed:
        interrupted = mock.Mock(side_effect=KeyboardInterrupt)
        killed.setattr(page_jobs.OutFolder, "_entry", interrupted)
        assert run("in", "--out=out")[0] == 130
    assert "1 read" in run("in", "--out=out")[1]
    assert (tmp_path / "out/a.txt").read_text() == "ab\n"


@pytest.mark.parametrize("name", ["a.tif", "a.bmp", "turned.jpg"])
@pytest.mark.parametrize("form", ["page", "alto"])
def test_images_beside_xml_do_not_become_pages(run, tmp_path, name, form):
    exif = {"exif": turned()} if name == "turned.jpg" else {}
    save_image(tmp_path / "in" / name, **exif)
    command = "in", f"--format={form}"
    assert refused(run(*command, "--out=in"), "is in the folder of the pages")
    assert os.listdir(tmp_path / "in") == [name]
    assert run(*command, "--out=out")[0] == 0


@pytest.mark.parametrize("name", ["a.jpg", "a.PNG", "b/a.jpeg"])
def test_images_that_lie_beside_their_xml_stay(run, tmp_path, name):
    save_image(tmp_path / "in" / name)
    before = (tmp_path / "in" / name).read_bytes()
    (tmp_path / "in/torn.jpg").write_bytes(b"no")
    os.mkfifo(tmp_path / "in/pipe.png")
    command = "in", "--format=page"
    for expected in ("1 read", "0 read, 1 done before, 2 left out"):
        assert expected in run(*command, "--out=in")[1]
    assert (tmp_path / "in" / name).read_bytes() == before
    # A copy would be one more page.
    assert refused(run(*command, "--out=in/out"), "in the folder of the pages")


def test_an_image_that_a_tag_turns_is_written_upright(run, tmp_path):
    save_image(tmp_path / "in/a.jpg", exif=turned())
    save_image(tmp_path / "in/b.jpg")
    assert run("in", "--format=page", "--out=out")[0] == 0
    assert Image.open(tmp_path / "out/a.png").size == (4, 6)
    assert 'imageFilename="a.png"' in (tmp_path / "out/a.xml").read_text()
    copies = [(tmp_path / folder / "b.jpg").read_bytes() for folder in ("in", "out")]
    assert copies[0] == copies[1] and not (tmp_path / "out/a.jpg").exists()


def test_an_image_with_a_tag_is_never_replaced_by_its_copy(run, tmp_path):
    save_image(tmp_path / "a.png", exif=turned())
    before = (tmp_path / "a.png").read_bytes()
    _, said = run("a.png", "--format=page", "--out=.", "--overwrite")
    assert "its upright copy would replace it" in said
    assert (tmp_path / "a.png").read_bytes() == before


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_read(
    run, tmp_path, monkeypatch
):
    save_image(tmp_path / "in/a.png")
    (tmp_path / "file").touch()
    monkeypatch.delattr(transcribe.finder_lib, "load")
    assert refused(run("in", "--out=file", "--format=page"), "--out=file: File exists")


def test_a_run_that_reads_nothing_leaves_no_folder(run, tmp_path, monkeypatch):
    save_image(tmp_path / "in/a.png")
    (tmp_path / "in/torn.png").write_bytes(b"no")
    (tmp_path / "there").mkdir()
    assert run("in/torn.png", "--out=new/out")[0] == 2
    monkeypatch.setattr(transcribe, "load_named", no_network)
    for out in ("there", "new/out"):
        assert refused(run("in", f"--out={out}"), "no network")
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == {"in", "a.png", "torn.png", "there"}


def no_network(*_):
    raise UserError("no network")


@pytest.mark.parametrize("form", ["text", "page"])
def test_a_full_disk_ends_the_run(run, tmp_path, form, small_disk):
    for name in "abc":
        save_image(tmp_path / f"in/{name}.png")
    out = small_disk(0.02)
    assert run("in/a.png", f"--out={out}", f"--format={form}")[0] == 0
    (out / "rest").write_bytes(bytes(os.statvfs(out).f_bavail * 4096))
    assert refused(run("in", f"--out={out}", f"--format={form}"), "No space left")


def test_a_name_that_is_too_long_costs_only_its_page(run, tmp_path):
    for name in ("a", 251 * "b", "c"):  # .png fits, .json does not
        save_image(tmp_path / f"in/{name}.png")
    code, said = run("in", "--out=out", "--format=json")
    assert code == 0 and "3 pages: 2 read, 0 done before, 1 left out" in said
    assert "its name is too long for a file" in said
    assert len(list((tmp_path / "out").glob("*.json"))) == 2


def test_a_table_of_several_pages_has_one_row_of_names(tmp_path, capsys):
    for name in "ab":
        save_image(tmp_path / f"{name}.png")
    assert transcribe.main([str(tmp_path), "--format=tsv"]) == 0
    first, *rows = capsys.readouterr().out.splitlines()
    assert first.split("\t") == list(page_formats.COLUMNS)
    assert [row.split("\t")[0] for row in rows] == ["a", "b"]
