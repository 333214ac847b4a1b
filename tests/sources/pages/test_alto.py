"""ALTO pages: every line with text is cut along its outline; what is wrong is said."""

import pathlib

import cv2
import numpy as np
import pytest
from PIL import Image

from ocr_jax import prepare, sources
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.sources.pages import alto, locating
from tests import fixtures

SAMPLE = pathlib.Path(__file__).parents[4] / "shared" / "data" / "alto_sample"

ALTO = """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v{version}#">
<Description><MeasurementUnit>{unit}</MeasurementUnit>
<sourceImageInformation><fileName>{image}</fileName></sourceImageInformation></Description>
<Layout><Page WIDTH="{width}" HEIGHT="{height}"><PrintSpace><TextBlock>
{lines}
</TextBlock></PrintSpace></Page></Layout></alto>"""

BOX = 'HPOS="50" VPOS="100" WIDTH="300" HEIGHT="60"'
TEXT = '<String CONTENT="hello"/>'


def line(inner=TEXT, attributes=BOX, outline=None):
    shape = f'<Shape><Polygon POINTS="{outline}"/></Shape>' if outline else ""
    return f'<TextLine ID="l1" {attributes}>{shape}{inner}</TextLine>'


def save(folder, lines, *, page=None, name="page", **fields):
    """Write page.xml, and page.png unless `page` is False."""
    fields = {"version": 4, "unit": "pixel", "image": "page.png"} | fields
    fields = {"width": 500, "height": 400} | fields
    path = folder / f"{name}.xml"
    path.write_text(ALTO.format(lines=lines, **fields), encoding="utf-8")
    if page is not False:
        Image.fromarray(fixtures.draw_page() if page is None else page).save(
            folder / "page.png"
        )
    image = folder / "page.png"
    return locating.Task(name, "train", "w", path, "ALTO", image)


def images_of(task):
    return [item[1].image for item in alto.read(task, 32)]


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_line_is_cut_by_its_box_in_every_version(tmp_path, version):
    [(split, cut)] = alto.read(save(tmp_path, line(), version=version), 32)
    assert (split, cut.transcript, cut.line_id, cut.writer) == (
        "train",
        "hello",
        "page/l1",
        "w",
    )
    assert cut.image.shape[0] == 32
    # Fourteen bars, one after another.
    row = cut.image[14:18].max(axis=0) > 128
    assert np.count_nonzero(np.diff(row.astype(int)) == 1) == 14


@pytest.mark.parametrize(
    "outline",
    ["50,100 350,100 350,165 50,165", "50 100 350 100 350 165 50 165"],
)
def test_the_neighbours_ink_is_outside_the_outline(tmp_path, outline):
    tall = 'HPOS="50" VPOS="100" WIDTH="300" HEIGHT="120"'
    [alone] = images_of(save(tmp_path, line(attributes=tall, outline=outline)))
    [both] = images_of(save(tmp_path, line(attributes=tall)))
    assert alone.shape[1] > 1.5 * both.shape[1]


def test_a_tilted_line_is_turned_level(tmp_path):
    attributes = 'BASELINE="60,150 340,178"'
    outline = "50,100 350,130 350,195 50,165"
    task = save(
        tmp_path,
        line(attributes=attributes, outline=outline),
        page=fixtures.draw_page(0.1),
    )
    [image] = images_of(task)
    columns = np.flatnonzero(image.max(axis=0) > 128)
    bottoms = [np.flatnonzero(image[:, x] > 128).max() for x in columns]
    assert abs(np.polyfit(columns, bottoms, 1)[0]) < 0.02


@pytest.mark.parametrize(
    ("quarters", "baseline"),
    [(1, "150,440 151,300 150,160"), (3, "250,60 249,200 250,340")],
)
def test_a_vertical_line_is_turned_the_way_it_is_written(tmp_path, quarters, baseline):
    # A quarter turn takes (x, y) to (y, 499 - x), three take it to (399 - y, x).
    outlines = {
        1: "100,449 165,449 165,149 100,149",
        3: "299,50 234,50 234,350 299,350",
    }
    [level] = images_of(save(tmp_path, line(outline="50,100 350,100 350,165 50,165")))
    element = line(attributes=f'BASELINE="{baseline}"', outline=outlines[quarters])
    page = np.rot90(fixtures.draw_page(), quarters)
    [turned] = images_of(save(tmp_path, element, page=page))
    assert abs(turned.shape[1] - level.shape[1]) <= 4
    width = min(turned.shape[1], level.shape[1])
    both = turned[:, :width].astype(float), level[:, :width].astype(float)
    assert np.corrcoef(both[0].ravel(), both[1].ravel())[0, 1] > 0.8


def test_the_text_is_strings_spaces_and_hyphens(tmp_path):
    inner = '<String CONTENT="so"/><SP/><String CONTENT="be"/><HYP CONTENT="-"/>'
    [(_, cut)] = alto.read(save(tmp_path, line(inner)), 32)
    assert cut.transcript == "so be-"


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        ('<String CONTENT="two"/><String CONTENT="words"/>', "two words"),
        ('<String CONTENT="l’"/><String CONTENT="on"/><SP/>', "l’on"),
        ('<String CONTENT="in"/><HYP CONTENT="-"/>', "in-"),
        ('<String CONTENT="in"/><HYP CONTENT="\u00ad"/>', "in-"),
    ],
)
def test_strings_are_words_unless_the_line_has_spaces(tmp_path, inner, text):
    [(_, cut)] = alto.read(save(tmp_path, line(inner)), 32)
    assert cut.transcript == text


def test_a_smaller_copy_of_the_page_is_cut_in_the_same_places(tmp_path):
    small = cv2.resize(fixtures.draw_page(), (250, 200), interpolation=cv2.INTER_AREA)
    [half] = images_of(save(tmp_path, line(), page=small))
    [whole] = images_of(save(tmp_path, line()))
    assert abs(half.shape[1] - whole.shape[1]) <= 8
    other_shape = {"width": 5000, "height": 1, "page": fixtures.draw_page()}
    [as_is] = images_of(save(tmp_path, line(), **other_shape))
    np.testing.assert_array_equal(as_is, whole)


def test_tenths_of_millimetres_are_scaled_to_the_image(tmp_path):
    box = 'HPOS="100" VPOS="200" WIDTH="600" HEIGHT="120"'
    task = save(tmp_path, line(attributes=box), unit="mm10", width=1000, height=800)
    [scaled] = images_of(task)
    [plain] = images_of(save(tmp_path, line()))
    np.testing.assert_array_equal(scaled, plain)


def skipped(items):
    [item] = items
    assert isinstance(item, sources.Skipped)
    return item.reason


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        (line(inner=""), "without text"),
        (line(outline="900,900 990,900 990,990"), "outside the page"),
        (line(outline="-9000,100 350,100 350,165 -9000,165"), "most of whose outline"),
        (line(outline="10,10 10,10 10,10"), "no area"),
        (line(outline="0,0 90000000,0 90000000,90000000"), "far off"),
        (line(outline="-1.7e308,1 1.7e308,1 5,200"), "far off"),
        (line(attributes=BOX + ' BASELINE="1e300,1 2e300,9"'), "far off"),
        (line(attributes='HPOS="50"'), "no area"),
        (line(attributes='HPOS="50" WIDTH="300" HEIGHT="60"'), "no area"),
        (line(attributes='HPOS="" VPOS="100" WIDTH="300" HEIGHT="60"'), "no area"),
    ],
)
def test_a_line_that_cannot_be_cut_is_left_out_with_the_reason(
    tmp_path, element, reason
):
    assert reason in skipped(alto.read(save(tmp_path, element), 32))


def test_an_outline_that_leaves_the_page_is_clipped(tmp_path):
    element = line(outline="-300,100 350,100 350,165 -300,165")
    [image] = images_of(save(tmp_path, element))
    whole = line(outline="0,100 350,100 350,165 0,165")
    assert images_of(save(tmp_path, whole))[0].shape == image.shape


def test_the_edge_of_the_page_is_not_ink(tmp_path):
    outline = "-30,-20 530,30 530,110 -30,55"
    element = line(attributes='BASELINE="0,45 500,95"', outline=outline)
    page = np.full((400, 500), 220, np.uint8)
    for x in range(40, 460, 20):
        cv2.line(page, (x, 15 + x // 10), (x, 45 + x // 10), 40, 4)
    [image] = images_of(save(tmp_path, element, page=page))
    # The rows and columns beside the bars, which are in the middle of the page.
    rows = np.flatnonzero(image.max(axis=1) > 128)
    assert image[: rows[0] - 2].max(initial=0) == 0
    assert image[:, :3].max() == image[:, -3:].max() == 0


BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><alto><x>&b;</x></alto>'
)
EXTERNAL = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><alto>&x;</alto>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_no_encoding_hides_entities(tmp_path, encoding):
    task = save(tmp_path, line())
    declared = "utf-8" if "8" in encoding else "utf-16"
    content = f'<?xml version="1.0" encoding="{declared}"?>{BOMB}'
    task.path.write_bytes(content.encode(encoding))
    with pytest.raises(UserError, match="defines entities"):
        alto.read(task, 64)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<PcGts/>", "root is <PcGts>"),
        ("<alto><Page/><Page/></alto>", "describes 2 pages: expected one file a page"),
        ("<alto><Layout>", "not well-formed"),
        ("", "not well-formed"),
        (BOMB, "defines entities"),
        (EXTERNAL, "defines entities"),
        ("<alto>\n\n<a></alto>", "line 3"),
        ('<?xml version="1.0" encoding="big5"?><alto/>', "multi-byte encodings"),
        ('<?xml version="1.0" encoding="nope"?><alto/>', "unknown encoding: nope"),
    ],
)
def test_a_file_that_is_not_alto_is_one_clear_line(tmp_path, content, message):
    task = save(tmp_path, line())
    task.path.write_text(content)
    with pytest.raises(UserError, match=message) as error:
        alto.read(task, 32)
    assert "\n" not in str(error.value)


def test_a_file_that_is_taken_away_is_one_clear_line(tmp_path):
    task = save(tmp_path, line())
    task.path.unlink()
    with pytest.raises(UserError, match=r"can't be read as XML: .*No such file"):
        alto.read(task, 32)
    task.path.mkdir()
    with pytest.raises(UserError, match=r"can't be read as XML: .*directory"):
        alto.read(task, 32)


@pytest.mark.parametrize(
    "bad",
    [
        line(outline="1,2 x,y"),
        line(attributes=BOX.replace("50", "fifty")),
        line(attributes=BOX + ' BASELINE="1,2 NaN,3"'),
    ],
)
def test_a_number_that_is_none_costs_one_line(tmp_path, bad):
    items = alto.read(save(tmp_path, bad + line()), 32)
    assert "not numbers" in items[0].reason or "is not a number" in items[0].reason
    assert items[1][1].transcript == "hello"


def test_a_page_without_a_size_is_measured_in_pixels_of_its_image(tmp_path):
    [(_, cut)] = alto.read(save(tmp_path, line(), width="", height=""), 32)
    [(_, same)] = alto.read(save(tmp_path, line()), 32)
    np.testing.assert_array_equal(cut.image, same.image)


def test_pages_of_a_tiff_that_no_xml_describes_are_listed(tmp_path):
    task = save(tmp_path, line())
    page = Image.fromarray(fixtures.draw_page())
    page.save(tmp_path / "page.tif", save_all=True, append_images=[page, page])
    (_, cut), rest = alto.read(task._replace(image=tmp_path / "page.tif"), 32)
    assert cut.transcript == "hello"
    assert "pages 2 to 3 of its TIFF" in rest.reason


def test_one_bad_page_does_not_stop_the_others(tmp_path, capsys):
    save(tmp_path, line())
    (tmp_path / "bad.xml").write_text("<html/>")
    out = tmp_path / "out.h5"
    arguments = ["alto", f"--source={tmp_path}", f"--out={out}", "--workers=1"]
    assert prepare.main(arguments) == 0
    assert "root is <html>" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "<html/>"])
def test_a_folder_without_a_readable_page_is_refused(tmp_path, capsys, content):
    if content:
        (tmp_path / "bad.xml").write_text(content)
    arguments = ["alto", f"--source={tmp_path}", f"--out={tmp_path / 'o.h5'}"]
    assert prepare.main([*arguments, "--workers=1"]) == 2
    assert not (tmp_path / "o.h5").exists()
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="no real pages beside this checkout")
def test_every_line_with_text_of_real_pages_becomes_a_line(tmp_path):
    out = tmp_path / "out.h5"
    assert prepare.main(["alto", f"--source={SAMPLE}", f"--out={out}"]) == 0
    expected = sum(p.read_text().count("<TextLine") for p in SAMPLE.glob("*.xml"))
    with lines_file.LinesFile(out) as file:
        assert sum(len(file.split(name)) for name in file.splits) == expected == 26
