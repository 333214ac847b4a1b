"""Images as a browser shows them: upright, and small where many are listed."""

import io

import numpy as np
import pytest
from PIL import Image

from ocr_jax.app import pictures
from ocr_jax.errors import UserError
from ocr_jax.images import opening
from tests import fixtures


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".png"])
def test_the_size_of_a_page_is_that_of_its_upright_picture(tmp_path, suffix, tag):
    image, path = Image.new("L", (90, 60), 200), tmp_path / f"page{suffix}"
    exif = Image.Exif()
    exif[0x0112] = tag
    image.save(path, exif=exif)
    size, found = pictures.size_and_tag(path)
    assert (size, found) == (opening.read_image(path).shape[::-1], tag)


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
    long = project.folder / f"{'x' * 240}.png"
    deep.save(long)
    assert pictures.thumbnail(long, project.folder)
    content = (project.folder / "phone.jpg").read_bytes()
    torn = project.folder / "torn.jpg"
    torn.write_bytes(content[: len(content) // 2])
    for path in (torn, torn.with_name("none.jpg")):
        with pytest.raises(UserError, match=path.stem):
            pictures.thumbnail(path, project.folder)
