"""Pages in files and folders: all are found, each under a name of its own."""

import io
import time

from PIL import Image

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


def test_names_of_many_files_take_no_time(tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(20_000)]
    start = time.process_time()
    assert page_images._names([*files, tmp_path / "0.jpg"], tmp_path)[0] == "0.png"
    assert time.process_time() - start < 2
