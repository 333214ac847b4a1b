"""A folder of pages: what is listed, found, taken in and handed out."""

import io
import re
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from ocr_jax.app import checked_lines, exports, pictures, splitting, trees, uploads
from ocr_jax.app.project import Project
from ocr_jax.errors import UserError
from ocr_jax.images import opening
from ocr_jax.sources.pages import alto, orientation, page_xml
from tests import fixtures


@pytest.fixture
def project(tmp_path):
    """Two pages of two lines each; the first line of the first is checked."""
    fixtures.save_pages(tmp_path / "letters", 2)
    project = Project(tmp_path / "letters")
    document = project.open(project.pages()[0])
    document.set_text(document.lines()[0].key, "été <b>")
    document.check(document.lines()[0].key)
    return project


def test_pages_have_their_counts_which_follow_the_file(project):
    first, second = project.pages()
    assert project.summary(first)[:3] == (2, 2, 1)
    assert project.summary(second)[:3] == (2, 2, 0)
    project.open(second).check_all()
    assert project.summary(second).checked == 2
    second.xml.write_text("<form/>")
    assert "neither PAGE nor ALTO" in project.summary(second).problem
    with pytest.raises(UserError, match="neither PAGE nor ALTO"):
        project.open(second)


def test_a_search_finds_words_in_any_case_and_normalisation(project):
    for words in ("ÉTÉ", "e\u0301te\u0301 <B>", "page0 été"):
        assert [page.name for page in project.search(words)] == ["page0"]
    assert len(list(project.search("abc"))) == 2
    assert not list(project.search("abc nothing"))


def test_an_image_without_xml_gets_one_when_it_is_opened(project):
    image = project.pages()[0].image
    image.with_name("new.png").write_bytes(image.read_bytes())
    page = project.page("new")
    assert project.summary(page)[:3] == (0, 0, 0) and not page.xml.exists()
    document = project.open(page)
    document.add([[60, 150], [340, 150]])
    assert page_xml.parse(page.xml).size == (500, 400)
    assert project.open(page).lines()[0].baseline == [[60, 150], [340, 150]]


def test_two_images_of_one_stem_are_two_pages(project):
    image = project.pages()[0].image
    Image.open(image).save(image.with_suffix(".jpg"))
    assert [p.name for p in project.pages()] == ["page0", "page0.png", "page1"]


@pytest.mark.parametrize("name", ["../page0", "/etc/passwd", "", "page0.xml", "PAGE0"])
def test_only_names_of_pages_are_pages(project, name):
    with pytest.raises(UserError, match="no such page"):
        project.page(name)


def test_lines_measured_at_another_size_are_placed_on_the_image(project):
    page = project.pages()[0]
    small = Image.open(page.image).resize((250, 200))
    small.save(page.image)
    document = project.open(page)
    assert document.lines()[0].baseline == [[30, 75], [170, 75]]
    document.set_baseline(document.lines()[0].key, [[30, 80], [170, 80]])
    [line, _] = page_xml.parse(page.xml).lines
    assert line.baseline.tolist() == [[60, 160], [340, 160]]


@pytest.mark.parametrize("tag", [2, 5, 6, 7, 8])
def test_lines_measured_before_a_tag_turned_the_image_are_edited(project, tag):
    page = project.pages()[0]
    image = Image.fromarray(opening.stored(opening.Picture(fixtures.draw_page(), tag)))
    exif = image.getexif()
    exif[0x0112] = tag
    image.save(page.image, exif=exif)
    # The file measures the stored pixels, as a program does that knows no tags.
    width, height = image.size
    xml = page.xml.read_text()
    xml = xml.replace('imageWidth="500"', f'imageWidth="{width}"')
    page.xml.write_text(xml.replace('imageHeight="400"', f'imageHeight="{height}"'))
    tree = trees.read(page.xml.read_bytes(), "page0.xml")
    for line, bottom in zip(tree.lines, (150, 215), strict=True):
        baseline = np.array([[60, bottom], [340, bottom]])
        outline = [[55, bottom - 45], [345, bottom - 45], [345, bottom], [55, bottom]]
        places = baseline, np.array(outline)
        back = orientation.opposite(tag)
        tree.place(line, *(orientation.turn(p, back, (500, 400)) for p in places))
    page.xml.write_bytes(tree.to_bytes())
    document = project.open(page)
    first = document.lines()[0]
    assert document.size == (500, 400) and first.baseline == [[60, 150], [340, 150]]
    document.set_baseline(first.key, [[60, 152], [340, 149]])
    added = document.add([[60, 300], [340, 300]])
    again = project.open(page).lines()
    assert again[0].baseline == [[60, 152], [340, 149]]
    [line] = [line for line in document.lines() if line.key == added]
    assert again[2].baseline == line.baseline == [[60, 300], [340, 300]]


@pytest.mark.parametrize("kind", ["page", "alto"])
@pytest.mark.parametrize("tag", [1, 2, 3, 4, 5, 6, 7, 8])
def test_lines_that_the_app_adds_to_an_image_with_a_tag_stay_in_place(
    project, tag, kind
):
    image = Image.fromarray(opening.stored(opening.Picture(fixtures.draw_page(), tag)))
    exif = image.getexif()
    exif[0x0112] = tag
    image.save(project.folder / "phone.jpg", exif=exif)
    page = project.page("phone")
    assert project.open(page).size == (500, 400)
    # There is more ink where this line would be the other way up.
    project.open(page).add([[60, 260], [340, 260]])
    page.xml.write_bytes(exports.KINDS[kind][1](page, project.open(page)))
    assert project.open(page).size == (500, 400)
    assert project.open(page).lines()[0].baseline == [[60, 260], [340, 260]]


def test_exports_hold_every_page(project, tmp_path):
    packed = {}
    for kind in exports.KINDS:
        with zipfile.ZipFile(io.BytesIO(exports.pack(project, kind))) as file:
            packed[kind] = {name: file.read(name) for name in file.namelist()}
    assert packed["text"]["page0.txt"].decode() == "été <b>\nabc\n"
    assert packed["page"]["page1.xml"] == project.pages()[1].xml.read_bytes()
    shown = packed["html"]["page0.html"].decode()
    assert "é&lt;b&gt;" not in shown and "&lt;b&gt;" in re.sub("<.*?>", "", shown)
    (tmp_path / "alto.xml").write_bytes(packed["alto"]["page0.xml"])
    lines = alto.parse(tmp_path / "alto.xml").lines
    assert [line.text.strip() for line in lines] == ["été <b>", "abc"]


def test_a_page_that_can_not_be_shown_is_named_in_the_zip(project):
    first, _ = project.pages()
    first.image.write_bytes(b"no image")
    with zipfile.ZipFile(io.BytesIO(exports.pack(project, "html"))) as file:
        assert file.namelist() == ["page1.html", "left_out.txt"]
        assert file.read("left_out.txt").startswith(b"page0: ")


@pytest.mark.slow
def test_prepare_reads_the_folder_of_a_project(project, tmp_path):
    out = tmp_path / "lines.h5"
    assert (
        fixtures.run_prepare("pages", f"--source={project.folder}", f"--out={out}") == 0
    )
    assert sum(map(len, fixtures.read_splits(out).values())) == 4


def test_a_page_in_alto_stays_in_alto(project, tmp_path):
    with zipfile.ZipFile(io.BytesIO(exports.pack(project, "alto"))) as file:
        for page in project.pages():
            page.xml.write_bytes(file.read(page.xml.name))
            document = project.open(page)
            document.set_text(document.lines()[0].key, "corrected")
            document.check(document.lines()[0].key)
            assert project.summary(page)[:3] == (2, 2, 1)
    checked_lines.make(project, tmp_path / "checked.h5", 32)
    splits = fixtures.read_splits(tmp_path / "checked.h5")
    assert [[*split.transcripts] for split in splits.values()] == [["corrected"]] * 2
    source = f"--source={project.folder}"
    assert fixtures.run_prepare("pages", source, f"--out={tmp_path / 'all.h5'}") == 0
    splits = fixtures.read_splits(tmp_path / "all.h5")
    texts = [text for split in splits.values() for text in split.transcripts]
    assert sorted(texts) == ["abc", "abc", "corrected", "corrected"]
    with zipfile.ZipFile(io.BytesIO(exports.pack(project, "page"))) as file:
        file.extract("page0.xml", tmp_path)
    lines = page_xml.parse(tmp_path / "page0.xml").lines
    assert [line.text for line in lines] == ["corrected", "abc"]


@pytest.mark.slow
def test_only_checked_lines_are_trained_on(project, tmp_path):
    with pytest.raises(UserError, match="too few lines"):
        checked_lines.make(project, tmp_path / "lines.h5", 32)
    project.open(project.pages()[1]).check_all()
    checked_lines.make(project, tmp_path / "lines.h5", 32)
    splits = fixtures.read_splits(tmp_path / "lines.h5")
    assert sorted(map(len, splits.values())) == [1, 2]
    assert {split.height for split in splits.values()} == {32}
    assert not list(tmp_path.glob(".checked*"))
    assert exports.lines_file(project).startswith(b"\x89HDF")


def test_the_split_of_a_page_does_not_change_as_others_come():
    names = [f"page{number}" for number in range(100)]
    whole = dict(zip(names, checked_lines.split(names), strict=True))
    half = dict(zip(names[::2], checked_lines.split(names[::2]), strict=True))
    assert all(whole[name] == part for name, part in half.items())
    assert 10 <= list(whole.values()).count("validation") <= 30
    for few in (["a", "b"], ["c", "d", "e"]):
        assert set(checked_lines.split(few)) == {"train", "validation"}


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("scan 1.jpg", "scan_1"),
        ("../../etc/passwd", "passwd"),
        ("C:\\scans\\a.b.png", "a.b"),
        (".htaccess", "htaccess"),
        ("<script>.jpg", "script"),
        ("שלום.jpg", "שלום"),
        ("...", "page"),
        ("x" * 300, "x" * 80),
    ],
)
def test_names_of_uploads_are_made_harmless(name, stem):
    assert uploads.safe_stem(name) == stem


def test_uploads_are_told_by_their_content(project):
    image = project.pages()[0].image.read_bytes()
    assert uploads.add(project.folder, "page0.pdf", image) == ["page0_2"]
    assert (project.folder / "page0_2.png").read_bytes() == image
    pages = [Image.fromarray(fixtures.draw_page()) for _ in range(2)]
    tiff = io.BytesIO()
    pages[0].save(tiff, "TIFF", save_all=True, append_images=pages[1:])
    added = uploads.add(project.folder, "two.jpg", tiff.getvalue())
    assert added == ["two_0001", "two_0002"]
    assert cv2.imread(str(project.folder / "two_0002.png")).shape == (400, 500, 3)
    before = sorted(project.folder.iterdir())
    for content in (b"", b"<svg onload='alert(1)'/>", b"%PDF-1.4 none", image[:900]):
        with pytest.raises(UserError):
            uploads.add(project.folder, "x.png", content)
    assert sorted(project.folder.iterdir()) == before


@pytest.mark.parametrize("suffix", [".tif", ".pdf"])
def test_files_of_several_pages_are_split_once(project, suffix):
    if suffix == ".pdf":
        pytest.importorskip("pypdfium2", reason="needs the extra pages")
    folder = project.folder
    pages = [Image.fromarray(fixtures.draw_page()) for _ in range(2)]
    for name in ("old", "new"):
        path = folder / f"{name}{suffix}"
        pages[0].save(path, save_all=True, append_images=pages[1:])
    (folder / "old.xml").write_text("<alto/>")
    pages[0].save(folder / "one.tif")
    assert splitting.waiting(folder) == [folder / f"new{suffix}"]
    # As if a split had been killed: what is there stays.
    pages[0].resize((50, 40)).save(folder / "new_0001.png")
    splitting.split(folder / f"new{suffix}")
    splitting.split(folder / f"new{suffix}")  # in another window
    assert splitting.waiting(folder) == []
    assert [path.name for path in (folder / "originals").iterdir()] == [f"new{suffix}"]
    sizes = [Image.open(folder / f"new_000{n}.png").width for n in (1, 2)]
    assert sizes[0] == 50 and sizes[1] >= 500
    assert {"new_0001", "new_0002", "one"} <= {page.name for page in project.pages()}


def test_a_file_that_can_not_be_split_stays(project):
    torn = project.folder / "torn.pdf"
    torn.write_bytes(b"%PDF-1.4 none")
    with pytest.raises(UserError, match="torn"):
        splitting.split(torn)
    assert torn.exists() and not (project.folder / "originals").exists()


def test_pictures_are_shown_upright_and_thumbnails_kept(project):
    page = project.pages()[0]
    content, mime = pictures.shown(page.image, page.xml)
    assert mime == "image/png" and content == page.image.read_bytes()
    turned = fixtures.lying_on_its_side(Image.fromarray(fixtures.draw_page()))
    turned.save(project.folder / "phone.jpg", exif=turned.getexif())
    phone = project.page("phone")
    assert project.open(phone).size == (500, 400)
    content, mime = pictures.shown(phone.image, phone.xml)
    assert Image.open(io.BytesIO(content)).size == (500, 400)
    small = pictures.thumbnail(page.image, project.folder)
    [kept] = (project.folder / pictures.CACHE).iterdir()
    assert kept.read_bytes() == small and max(Image.open(kept).size) == 240
    deep = Image.fromarray(np.full((400, 500), 60_000, np.uint16))
    deep.save(project.folder / "deep.png")
    pictures.thumbnail(project.folder / "deep.png", project.folder)
