"""Pages: their images are found wherever people put them, and read once each."""

import argparse
import shutil

import pytest
from PIL import Image

from ocr_jax.errors import UserError
from ocr_jax.images import opening
from ocr_jax.sources import splitting
from ocr_jax.sources.pages import locating
from tests import fixtures

PAGE = (
    '<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">'
    "<Metadata><LastChange>{date}</LastChange></Metadata>"
    '<Page imageFilename="{image}" imageWidth="500" imageHeight="400"/></PcGts>'
)
ALTO = (
    "<alto><Description><sourceImageInformation><fileName>{image}</fileName>"
    "</sourceImageInformation></Description><Layout/></alto>"
)


def tasks(folder, formats=("ALTO", "PAGE")):
    args = argparse.Namespace(
        source=folder, split="80,10,10", seed=0, writer_regex=splitting.WRITER_REGEX
    )
    return locating.tasks(args, formats)


def save_image(path, number=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    page = fixtures.draw_page()
    page[:16, :16] = 2 * number  # survives JPEG
    Image.fromarray(page).save(path)


def save_xml(path, image, form=PAGE, date="2020-01-01"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(form.format(image=image, date=date), encoding="utf-8")


def number_of(task):
    return round(opening.read_image(task.image)[:8, :8].mean() / 2, -1)


LAYOUTS = {
    "flat": ("{}.jpg", "{}.xml", "{}.jpg"),
    "Transkribus, Loghi": ("{}.jpg", "page/{}.xml", "{}.jpg"),
    "alto beside jpg": ("jpg/{}.jpg", "alto/{}.xml", "{}.jpg"),
    "GT-PAGE": ("images/{}.jpg", "vol/GT-PAGE/{}.xml", "{}.jpg"),
    "OCR-D": ("OCR-D-IMG/{}.tif", "OCR-D-GT/GT_{}.xml", "OCR-D-IMG/{}.tif"),
    "up and down": ("images/{}.jpg", "xml/{}.xml", "../images/{}.jpg"),
    "another machine": ("{}.jpg", "{}.xml", "/home/someone/scans/{}.jpg"),
    "Windows": ("scans/{}.jpg", "{}.xml", r"scans\{}.jpg"),
    "letter case": ("{}.JPG", "{}.xml", "{}.jpg"),
    "another suffix": ("{}.jpg", "{}.xml", "{}.tif"),
    "IIIF": ("{}.jpg", "{}.xml", "https://example.org/{}/full/0/default.jpg"),
    "OCR4all": ("{}.nrm.png", "{}.xml", "{}.png"),
    "escaped": ("my {}.jpg", "my {}.xml", "my%20{}.jpg"),
    "no name": ("{}.jpg", "{}.page.xml", ""),
    "long name": ("{}.jpg", "{}.xml", "{}" + 300 * "x"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("top", ["", "vol1/"])
def test_the_image_of_each_page_is_found(tmp_path, layout, top):
    image, xml, named = LAYOUTS[layout]
    for number, page in zip((0, 100), ("p1", "p2"), strict=True):
        save_image(tmp_path / top / image.format(page), number)
        save_xml(tmp_path / top / xml.format(page), named.format(page))
    found = tasks(tmp_path)
    assert [task.problem for task in found] == ["", ""]
    assert [number_of(task) for task in found] == [0, 100]


def test_a_folder_of_xml_alone_lies_below_or_beside_its_images(tmp_path):
    save_image(tmp_path / "p1.png")
    save_xml(tmp_path / "page" / "p1.xml", "p1.png")
    save_image(tmp_path / "doc" / "img" / "p2.png")
    save_xml(tmp_path / "doc" / "xml" / "p2.xml", "p2.png")
    for folder in (tmp_path / "page", tmp_path / "doc" / "xml"):
        assert [task.problem for task in tasks(folder)] == [""]


def test_images_of_other_collections_are_not_taken(tmp_path):
    save_image(tmp_path / "other" / "p1.png")
    save_image(tmp_path / "mine" / "p2.png")
    save_xml(tmp_path / "mine" / "p1.xml", "p1.png")
    assert tasks(tmp_path / "mine")[0].problem == "an image that is missing ('p1.png')"


def test_the_path_in_the_xml_comes_before_images_of_the_same_name(tmp_path):
    save_image(tmp_path / "0001.png", 0)
    save_image(tmp_path / "vol2" / "images" / "0001.png", 100)
    save_xml(tmp_path / "vol2" / "0001.xml", "images/0001.png")
    assert [number_of(task) for task in tasks(tmp_path)] == [100]


def test_an_image_above_a_collection_with_images_is_not_taken(tmp_path):
    save_image(tmp_path / "p1.png")
    save_image(tmp_path / "mine" / "p2.png")
    save_xml(tmp_path / "mine" / "p1.xml", "p1.png")
    assert tasks(tmp_path / "mine")[0].problem == "an image that is missing ('p1.png')"


def test_of_images_of_one_name_the_nearest_is_taken(tmp_path):
    for number, volume in zip((0, 100), ("v1", "v2"), strict=True):
        save_image(tmp_path / volume / "images" / "0001.jpg", number)
        save_xml(tmp_path / volume / "page" / "0001.xml", "0001.jpg")
    assert [number_of(task) for task in tasks(tmp_path)] == [0, 100]


@pytest.mark.parametrize("layout", ["{}/{}", "{}/page/{}"])
def test_a_missing_image_is_not_that_of_another_volume(tmp_path, layout):
    """Pages are numbered anew in each volume, and those of v2 are its own."""
    save_image(tmp_path / "v1" / "0002.jpg")
    save_image(tmp_path / "v2" / "0001.jpg", 50)
    save_image(tmp_path / "v2" / "0002.jpg", 100)
    for volume, page in (("v1", "0001"), ("v1", "0002"), ("v2", "0002")):
        save_xml(tmp_path / layout.format(volume, f"{page}.xml"), f"{page}.jpg")
    assert [task.problem for task in tasks(tmp_path)] == [
        "an image that is missing ('0001.jpg')",
        "",
        "",
    ]


def test_the_xml_beside_an_image_comes_before_that_of_another_folder(tmp_path):
    save_image(tmp_path / "v2" / "0001.jpg")
    save_xml(tmp_path / "v1" / "0001.xml", "0001.jpg", date="2030-01-01")
    save_xml(tmp_path / "v2" / "0001.xml", "0001.jpg")
    assert [task.problem for task in tasks(tmp_path)] == [
        "another XML of its image is taken: v2/0001.xml",
        "",
    ]


@pytest.mark.parametrize(
    ("image", "xml", "is_found"),
    [
        ("ms.f1v.jpg", "ms.f1r.xml", False),
        ("p1.nrm.png", "p1.xml", True),
        ("p1.png", "p1.page.xml", True),
    ],
)
def test_of_two_names_only_one_may_have_more_parts(tmp_path, image, xml, is_found):
    save_image(tmp_path / image)
    save_xml(tmp_path / xml, "elsewhere.jpg")
    assert bool(tasks(tmp_path)[0].problem) is not is_found


def test_an_image_that_may_be_any_of_several_is_none(tmp_path):
    for number, folder in enumerate(("a", "b")):
        save_image(tmp_path / folder / "p.jpg", number)
    save_xml(tmp_path / "xml" / "p.xml", "p.jpg")
    assert "may be any of several" in tasks(tmp_path)[0].problem


def test_a_number_at_the_end_of_a_name_is_no_suffix(tmp_path):
    save_image(tmp_path / "page.1.jpg")
    save_xml(tmp_path / "page.2.xml", "")
    assert tasks(tmp_path)[0].problem == "an image that is missing"


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        ({"p.mufichecker.xml": PAGE, "p.xml": PAGE}, "p.xml"),
        ({"p.chocomufin.xml": ALTO, "p.xml": ALTO}, "p.xml"),
        ({"alto/p.xml": ALTO, "page/p.xml": PAGE}, "page/p.xml"),
        ({"p.b.xml": ALTO, "p.a.xml": PAGE}, "p.a.xml"),
    ],
)
def test_an_image_with_several_xml_files_is_read_once(tmp_path, files, taken):
    save_image(tmp_path / "p.jpg")
    for name, form in files.items():
        save_xml(tmp_path / name, "p.jpg", form)
    good = [task for task in tasks(tmp_path) if not task.problem]
    [left_out] = [task for task in tasks(tmp_path) if task.problem]
    assert [task.path for task in good] == [tmp_path / taken]
    assert left_out.problem == f"another XML of its image is taken: {taken}"


def test_of_two_dates_the_last_is_taken(tmp_path):
    save_image(tmp_path / "p.jpg")
    for year in (2019, 2023, 2021):
        save_xml(tmp_path / str(year) / "p.xml", "p.jpg", date=f"{year}-05-01")
    assert [task.path.parent.name for task in tasks(tmp_path) if not task.problem] == [
        "2023"
    ]


def test_one_image_by_two_links_is_one_image(tmp_path):
    save_image(tmp_path / "p.jpg")
    (tmp_path / "q.jpg").symlink_to("p.jpg")
    for name in ("p", "q"):
        save_xml(tmp_path / f"{name}.xml", f"{name}.jpg")
    assert [bool(task.problem) for task in tasks(tmp_path)] == [False, True]


def test_copies_of_a_page_are_in_one_split(tmp_path):
    for number in range(12):
        save_image(tmp_path / f"w{number}-0-0.png", number)
        save_xml(tmp_path / f"w{number}-0-0.xml", "")
    for number in range(4):
        shutil.copy(tmp_path / f"w{number}-0-0.png", tmp_path / f"copy{number}-0-0.png")
        save_xml(tmp_path / f"copy{number}-0-0.xml", "")
    split_of = {task.path.stem: task.split for task in tasks(tmp_path)}
    for number in range(4):
        assert split_of[f"w{number}-0-0"] == split_of[f"copy{number}-0-0"]


def test_pages_of_one_name_in_two_volumes_have_two_writers(tmp_path):
    for number, volume in enumerate(("one", "two")):
        save_image(tmp_path / volume / "0001.png", number)
        save_xml(tmp_path / volume / "0001.xml", "0001.png")
    assert [task.writer for task in tasks(tmp_path)] == ["one/0001", "two/0001"]


def test_alto_and_page_are_read_in_one_go_or_told_apart(tmp_path):
    for name, form in (("a", ALTO), ("b", PAGE)):
        save_image(tmp_path / f"{name}.png", ord(name))
        save_xml(tmp_path / f"{name}.xml", "", form)
    assert [task.format for task in tasks(tmp_path)] == ["ALTO", "PAGE"]
    alto, page = tasks(tmp_path, ("ALTO",))
    assert not alto.problem
    assert page.problem == "PAGE XML: prepare pages reads ALTO and PAGE"


def test_a_folder_of_the_other_format_is_one_line(tmp_path):
    save_image(tmp_path / "b.png")
    save_xml(tmp_path / "b.xml", "")
    with pytest.raises(UserError, match=r"are PAGE, not ALTO: use prepare page, or"):
        tasks(tmp_path, ("ALTO",))


def test_descriptions_of_the_whole_document_are_no_pages(tmp_path):
    save_image(tmp_path / "p.jpg")
    save_xml(tmp_path / "page" / "p.xml", "p.jpg")
    (tmp_path / "mets.xml").write_text('<mets xmlns="http://www.loc.gov/METS/"/>')
    (tmp_path / "metadata.xml").write_text("<trpDocMetadata/>")
    (tmp_path / "notes.xml").write_text("<TEI/>")
    page, notes = tasks(tmp_path)
    assert not page.problem
    assert notes.problem == "neither ALTO nor PAGE: its root is <TEI>"


def test_the_lines_of_a_lone_page_are_drawn_one_by_one(tmp_path):
    save_image(tmp_path / "p.jpg")
    save_xml(tmp_path / "p.xml", "p.jpg")
    found = tasks(tmp_path)
    assert found[0].split == "" and "drawn by line" in found.splits
