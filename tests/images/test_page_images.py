"""Pages in files and folders: all are found, each under a name of its own."""

import io
import time
from concurrent import futures

import pytest
from PIL import Image

from ocr_jax.app import splitting
from ocr_jax.errors import UserError
from ocr_jax.images import opening, page_images


def test_bytes_have_as_many_pages_as_their_file():
    pages = [Image.new("L", (6, 4), shade) for shade in (10, 20, 30)]
    for form, shades in (("TIFF", [10, 20, 30]), ("GIF", [10])):
        pages[0].save(
            data := io.BytesIO(), form, save_all=True, append_images=pages[1:]
        )
        found = list(page_images.find(["-"], data.getvalue()))
        assert opening.count_pages(data.getvalue()) == len(found) == len(shades)
        assert [page.read()[0, 0] for page in found] == shades
    assert [page.name for page in found] == ["stdin"]


def test_a_photograph_of_a_telephone_may_come_as_bytes():
    heif = pytest.importorskip("pillow_heif", reason="needs the extra pages")
    data = io.BytesIO()
    heif.from_pillow(Image.new("RGB", (64, 48), (90, 90, 90))).save(data, format="HEIF")
    (page,) = page_images.find(["-"], data.getvalue())
    assert page.read().shape == (48, 64) and not page.is_plain
    (torn,) = page_images.find(["-"], data.getvalue()[:100])
    with pytest.raises(UserError, match="the image can't be read: "):
        torn.read()


def test_a_tiff_of_more_pages_than_any_scan_has_costs_only_itself(
    tmp_path, monkeypatch
):
    page = Image.new("L", (6, 4))
    for name, count in (("a", 3), ("b", 4)):
        path = tmp_path / f"{name}.tif"
        page.save(path, save_all=True, append_images=[page] * (count - 1))
    monkeypatch.setattr(opening, "MOST_PAGES", 3)
    *good, bad = page_images.find([str(tmp_path)])
    assert [page.name for page in good] == ["a_0001", "a_0002", "a_0003"]
    assert bad.problem == f"{tmp_path / 'b.tif'} has more than 3 pages: split it"
    assert splitting.waiting(tmp_path) == [tmp_path / "a.tif", tmp_path / "b.tif"]
    with pytest.raises(UserError, match="more than 3 pages"):
        splitting.split(tmp_path / "b.tif")


def test_names_of_many_files_take_no_time(tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(20_000)]
    start = time.process_time()
    assert page_images._names([*files, tmp_path / "0.jpg"], tmp_path)[0] == "0.png"
    assert time.process_time() - start < 2


def test_pdfs_are_opened_one_at_a_time(tmp_path):
    pytest.importorskip("pypdfium2", reason="needs the extra pages")
    pages = [Image.new("L", (90, 60), shade) for shade in (10, 250)]
    pages[0].save(tmp_path / "two.pdf", save_all=True, append_images=pages[1:])

    def look(_):
        found = list(page_images.find([str(tmp_path / "two.pdf")]))
        return [round(page.read().mean(), -1) for page in found]

    with futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(look, range(12))) == [[10, 250]] * 12
