"""Files that are dropped on a project, or lie in its folder, become its pages."""

import contextlib
import functools
import io
import os
import struct
import threading
from concurrent import futures

import cv2
import pytest
from PIL import Image

from ocr_jax import workdirs
from ocr_jax.app import pictures, splitting, uploads
from ocr_jax.errors import UserError
from ocr_jax.images import opening, page_images
from tests import fixtures


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
        ("हिन्दी पत्र.jpg", "हिन्दी_पत्र"),
        ("\N{OLD PERSIAN SIGN A}" * 60, "\N{OLD PERSIAN SIGN A}" * 50),
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


def test_a_file_with_a_page_that_can_not_be_read_leaves_none(project, monkeypatch):
    read = page_images.PageImage.read

    def torn(page):
        if page.number == 1:
            raise UserError("page 2 is torn")
        return read(page)

    monkeypatch.setattr(page_images.PageImage, "read", torn)
    before = sorted(project.folder.iterdir())
    with pytest.raises(UserError, match="page 2 is torn"):
        uploads.add(project.folder, "book.tif", tiff_of(3))
    assert sorted(project.folder.iterdir()) == before


def test_a_large_kind_of_tiff_has_all_its_pages(project):
    out, page = io.BytesIO(), Image.new("L", (90, 60), 200)
    page.save(out, "TIFF", save_all=True, append_images=[page], big_tiff=True)
    assert out.getvalue().startswith(b"II+")
    added = uploads.add(project.folder, "book.tif", out.getvalue())
    assert added == ["book_0001", "book_0002"]


def tiff_of(count):
    """A TIFF of so many pages, which all have the pixels of the first."""
    tags = [(256, 8), (257, 1), (258, 1), (259, 1), (262, 1), (273, 8), (279, 1)]
    size = 2 + 12 * len(tags) + 4
    out = bytearray(b"II*\0" + struct.pack("<I", 10) + b"\xff\0")
    for number in range(count):
        after = len(out) + size if number + 1 < count else 0
        out += struct.pack("<H", len(tags))
        for tag, value in tags:
            out += struct.pack("<HHII", tag, 4, 1, value)
        out += struct.pack("<I", after)
    return bytes(out)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tiff_of(uploads.MOST_PAGES + 1), "has 2,001 pages: split it"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported"),
        (b"PK\3\4" + bytes(99), "unsupported"),
    ],
)
def test_files_that_no_page_needs_are_refused_in_a_line(project, content, said):
    before = sorted(project.folder.iterdir())
    with pytest.raises(UserError, match=said) as refused:
        uploads.add(project.folder, "\0../x\u202e.png", content)
    assert "\n" not in str(refused.value)
    assert sorted(project.folder.iterdir()) == before


def test_a_photograph_of_too_many_pixels_is_refused_before_it_is_unpacked(
    project, monkeypatch
):
    heif = pytest.importorskip("pillow_heif", reason="needs the extra pages")
    photograph = heif.from_pillow(Image.fromarray(fixtures.draw_page()).convert("RGB"))
    photograph.save(content := io.BytesIO())
    monkeypatch.setattr(opening, "MAX_PIXELS", 1000)
    monkeypatch.setattr(heif.HeifImage, "to_pillow", None)
    with pytest.raises(UserError, match="500 x 400 px: expected"):
        uploads.add(project.folder, "IMG_1.HEIC", content.getvalue())


def test_files_of_one_name_that_are_dropped_together_are_all_kept(project, monkeypatch):
    images = []
    for shade in range(2):
        out = io.BytesIO()
        Image.new("L", (90, 60), shade).save(out, "PNG")
        images.append(out.getvalue())
    write, both = workdirs.write_bytes, threading.Barrier(len(images))

    def write_at_once(*arguments):
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.2)
        write(*arguments)

    monkeypatch.setattr(uploads.workdirs, "write_bytes", write_at_once)
    with futures.ThreadPoolExecutor(len(images)) as pool:
        add = functools.partial(uploads.add, project.folder, "scan.png")
        names = [name for added in pool.map(add, images) for name in added]
    assert sorted(names) == ["scan", "scan_2"]
    kept = [(project.folder / f"{name}.png").read_bytes() for name in names]
    assert kept == images


def test_a_photograph_of_a_telephone_is_kept_as_an_image_that_browsers_show(project):
    heif = pytest.importorskip("pillow_heif", reason="needs the extra pages")
    photograph = heif.from_pillow(Image.fromarray(fixtures.draw_page()).convert("RGB"))
    photograph.save(content := io.BytesIO())
    assert uploads.add(project.folder, "IMG_1.HEIC", content.getvalue()) == ["IMG_1"]
    assert Image.open(project.folder / "IMG_1.png").size == (500, 400)


def test_a_jpeg_that_others_follow_is_kept_and_shown_in_colour(project):
    first, second = (Image.new("RGB", (500, 400), c) for c in ("red", "white"))
    first.save(content := io.BytesIO(), "MPO", save_all=True, append_images=[second])
    assert uploads.add(project.folder, "IMG_2.JPG", content.getvalue()) == ["IMG_2"]
    page = project.page("IMG_2")
    shown = pictures.shown(page.image, page.xml)
    assert shown == (content.getvalue(), "image/jpeg")


def test_a_photograph_that_lies_in_the_folder_is_a_page(project):
    heif = pytest.importorskip("pillow_heif", reason="needs the extra pages")
    photograph = heif.from_pillow(Image.fromarray(fixtures.draw_page()).convert("RGB"))
    path = project.folder / "IMG_1.HEIC"
    photograph.save(path)
    path.with_suffix(".xml").write_bytes(project.pages()[0].xml.read_bytes())
    assert splitting.waiting(project.folder) == [path]
    splitting.split(path)
    page = project.page("IMG_1")
    assert len(project.open(page).lines()) == 2
    assert splitting.waiting(project.folder) == [] and not path.exists()


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
    first = next(page_images.find([str(folder / f"new{suffix}")]))
    cv2.imwrite(str(folder / "new_0001.png"), first.read())
    os.utime(folder / "new_0001.png", (0, 0))
    splitting.split(folder / f"new{suffix}")
    splitting.split(folder / f"new{suffix}")  # in another window
    assert (folder / "new_0001.png").stat().st_mtime == 0
    assert splitting.waiting(folder) == []
    assert [path.name for path in (folder / "originals").iterdir()] == [f"new{suffix}"]
    assert Image.open(folder / "new_0002.png").width >= 500
    assert {"new_0001", "new_0002", "one"} <= {page.name for page in project.pages()}


def test_other_commands_read_each_page_of_the_folder_once(project):
    folder = project.folder
    pages = [Image.new("L", (90, 60), shade) for shade in (10, 20)]
    for name in ("book.tif", "alone.pdf"):
        path = folder / name
        rest = pages[1:] if name == "book.tif" else []
        pages[0].save(path, save_all=True, append_images=rest)
        splitting.split(path)
    pages[0].save(folder / "originals" / "other.tif")  # nobody has split this one
    (folder / "runs" / "run1").mkdir(parents=True)
    for name in ("config.json", "metrics.jsonl"):
        (folder / "runs" / "run1" / name).touch()
    pages[0].save(folder / "runs" / "run1" / "confusion_validation.png")
    names = [page.name for page in page_images.find([str(folder)])]
    listed = [page.name for page in project.pages()]
    assert sorted(names) == sorted([*listed, "originals/other"])
    originals = [str(folder / "originals")]
    assert len(list(page_images.find(originals))) == 4  # if that is what is asked for


def test_a_file_that_comes_again_is_not_read_twice(project):
    folder, originals = project.folder, project.folder / "originals"
    pages = [Image.new("L", (90, 60), shade) for shade in (10, 20)]
    for compression in ("raw", "raw", "tiff_lzw"):  # the last has other bytes
        path = folder / "book.tif"
        options = {"save_all": True, "append_images": pages[1:]}
        pages[0].save(path, compression=compression, **options)
        splitting.split(path)
    assert sorted(os.listdir(originals)) == ["book.tif", "book_2.tif"]
    pages[0].save(originals / "page_2.tif")  # nobody has split this one
    pages[0].save(folder / "page.png")
    names = [page.name for page in page_images.find([str(folder)])]
    listed = [page.name for page in project.pages()]
    assert sorted(names) == sorted([*listed, "originals/page_2"])


def test_a_file_whose_pages_have_the_names_of_others_stays(project):
    pages = [Image.new("L", (90, 60), shade) for shade in (10, 20)]
    book = project.folder / "book.tif"
    for order in (pages, pages[::-1]):  # another book of the same name comes later
        order[0].save(book, save_all=True, append_images=order[1:])
        if order is pages:
            splitting.split(book)
    with pytest.raises(UserError, match="is there already"):
        splitting.split(book)
    assert book.exists()
    assert Image.open(project.folder / "book_0001.png").getpixel((0, 0)) == 10


def test_a_file_that_can_not_be_split_stays(project):
    torn = project.folder / "torn.pdf"
    torn.write_bytes(b"%PDF-1.4 none")
    with pytest.raises(UserError, match="torn"):
        splitting.split(torn)
    assert torn.exists() and not (project.folder / "originals").exists()


@pytest.mark.parametrize("suffix", [".tif", ".pdf"])
def test_what_is_no_file_is_not_split_and_stops_no_other(project, suffix):
    photograph = project.folder / "photograph.heic"
    photograph.write_bytes(b"none")
    (project.folder / f"gone{suffix}").symlink_to("nowhere")
    (project.folder / f"folder{suffix}").mkdir()
    assert splitting.waiting(project.folder) == [photograph]
