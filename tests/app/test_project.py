"""A folder of pages: what is listed, found, taken in and handed out."""

import io
import os
import re
import resource
import zipfile

import numpy as np
import pytest
from PIL import Image

from ocr_jax.app import checked_lines, exports, splitting, trees
from ocr_jax.errors import UserError
from ocr_jax.images import opening
from ocr_jax.sources.pages import orientation, page_xml
from tests import fixtures


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
    names = {page.name: page.image.name for page in project.pages()}
    others = {"page0.jpg": "page0.jpg", "page1": "page1.png"}
    assert names == {"page0": "page0.png", **others}  # the one that its XML is of
    (project.folder / "page0.xml").unlink()
    names = {page.name: page.image.name for page in project.pages()}
    assert names["page0"] == "page0.jpg"


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


def test_a_page_whose_file_can_not_be_written_leaves_none(project):
    image = project.pages()[0].image
    image.with_name("new.png").write_bytes(image.read_bytes())
    page = project.page("new")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # as on a full disk
    try:
        with pytest.raises(UserError, match="too large"):
            project.open(page)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert project.open(page).lines() == []


@pytest.mark.parametrize("suffix", [".png", ".pdf"])
def test_a_name_that_is_no_text_is_told_before_a_browser_stumbles(project, suffix):
    path = os.fsencode(project.folder) + b"/M\xfcller" + suffix.encode()
    try:
        with open(path, "wb") as file:
            file.write(b"none")
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(UserError, match=r"M\\udcfcller.* is not UTF-8: rename"):
        project.pages()
    assert splitting.waiting(project.folder) == []


def test_a_name_that_xml_can_not_hold_is_told_before_xml_is_torn(project):
    (project.folder / "M\x01ller.png").write_bytes(b"none")
    with pytest.raises(UserError, match=r"M\\x01ller.* that XML can't hold: rename"):
        project.pages()


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
def test_lines_without_outlines_are_trained_on_as_they_are_shown(project, tmp_path):
    scratch = tmp_path / "scratch" / "far" / "away"
    scratch.mkdir(parents=True)
    (tmp_path / "runs").symlink_to(scratch)  # as on clusters
    page = project.pages()[0]
    bare = re.sub("<Coords[^>]*/>", "", page.xml.read_text())
    page.xml.write_text(bare)
    shown = project.open(page).lines()[0].outline
    assert np.ptp([y for _, y in shown]) == pytest.approx(0.8 * 65, abs=1)
    project.open(project.pages()[1]).check_all()
    checked_lines.make(project, tmp_path / "runs" / "lines.h5", 32)
    lines = [
        line
        for split in fixtures.read_splits(scratch / "lines.h5").values()
        for line in map(split.line, range(len(split)))
    ]
    widths = {line.line_id: line.image.shape[1] for line in lines}
    assert len(widths) == 3
    one, *others = (widths[name] for name in sorted(widths))
    assert one == pytest.approx(others[0], rel=0.3)


@pytest.mark.slow
def test_only_checked_lines_are_trained_on(project, tmp_path):
    with pytest.raises(UserError, match="too few lines"):
        checked_lines.make(project, tmp_path / "lines.h5", 32)
    assert not list(tmp_path.glob("*.h5"))
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
