"""PAGE files: their lines, outlines and texts, through the same path as ALTO's."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from ocr_jax import prepare
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.sources.pages import line_cutting, locating, page_xml, xml_files
from tests import fixtures

SAMPLE = pathlib.Path(__file__).parents[4] / "shared" / "data" / "page_sample"

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15">
<Page imageFilename="page.png" imageWidth="500" imageHeight="400"><TextRegion>
<Coords points="0,0 499,0 499,399 0,399"/>
{lines}
<TextEquiv><Unicode>the region's own text</Unicode></TextEquiv>
</TextRegion></Page></PcGts>"""

COORDS = '<Coords points="50,100 350,100 350,160 50,160"/>'
OLD_COORDS = (
    '<Coords><Point x="50" y="100"/><Point x="350" y="100"/>'
    '<Point x="350" y="160"/><Point x="50" y="160"/></Coords>'
)


def equiv(text, index=None):
    index = "" if index is None else f' index="{index}"'
    return f"<TextEquiv{index}><Unicode>{text}</Unicode></TextEquiv>"


def line(inner, coords=COORDS):
    return f'<TextLine id="l1">{coords}{inner}</TextLine>'


def save(folder, *lines):
    path = folder / "page.xml"
    path.write_text(PAGE.format(lines="".join(lines)), encoding="utf-8")
    Image.fromarray(fixtures.draw_page()).save(folder / "page.png")
    image = folder / "page.png"
    return locating.Task("page", "train", "w", path, "PAGE", image)


def texts(task):
    return [line.text for line in page_xml.parse(task.path).lines]


@pytest.mark.parametrize("coords", [COORDS, OLD_COORDS])
def test_a_line_is_cut_by_its_outline_in_every_version(tmp_path, coords):
    [(split, cut)] = page_xml.read(save(tmp_path, line(equiv("a b"), coords)), 32)
    assert (split, cut.transcript, cut.line_id, cut.writer) == (
        "train",
        "a b",
        "page/l1",
        "w",
    )
    # Fourteen bars of one row, none of the row below: ink only between them.
    assert cut.image.shape[0] == 32
    runs = np.diff((cut.image.max(axis=0) > 128).astype(int))
    assert (runs == 1).sum() == 14


def test_the_reading_of_the_lowest_index_is_the_text(tmp_path):
    readings = equiv("second", 1) + equiv("tenth", 10) + equiv("first", 0)
    assert texts(save(tmp_path, line(readings), line(equiv("only")))) == [
        "first",
        "only",
    ]


def test_a_line_without_a_text_of_its_own_has_its_words(tmp_path):
    words = "".join(f"<Word>{COORDS}{equiv(word)}</Word>" for word in ("a", "b"))
    assert texts(save(tmp_path, line(words), line(words + equiv("  ")))) == ["a b"] * 2


def test_words_in_words_have_no_text_of_their_own(tmp_path):
    words = 3000 * f"<Word>{COORDS}" + equiv("deep") + 3000 * "</Word>"
    [item] = page_xml.read(save(tmp_path, line(words)), 32)
    assert item.reason == "a line without text"


def test_marked_up_text_is_kept_whole(tmp_path):
    assert texts(save(tmp_path, line(equiv("York <i>Sunday</i> noon")))) == [
        "York Sunday noon"
    ]


def test_a_strip_along_the_baseline_becomes_as_thick_as_the_other_lines(tmp_path):
    baseline = '<Baseline points="55,152 345,152"/>'
    strip = '<Coords points="50,146 350,146 350,152 50,152"/>'
    other = '<Coords points="50,165 350,165 350,225 50,225"/>'
    lines = line(baseline + equiv("a"), strip), *[line(equiv("b"), other)] * 2
    first, second, _ = (
        item[1].image for item in page_xml.read(save(tmp_path, *lines), 32)
    )
    assert abs(first.shape[1] - second.shape[1]) < 0.2 * second.shape[1]
    runs = np.diff((first[8:24].mean(axis=0) > 100).astype(int), prepend=0)
    assert (runs == 1).sum() == 14


def baseline_at(left, y, coords=""):
    points = f'<Baseline points="{left},{y} {left + 180},{y}"/>'
    return line(points + equiv("Paris, le 3 mai"), coords)


def strip_at(left, y):
    right = left + 180
    return f'<Coords points="{left},{y - 4} {right},{y - 4} {right},{y} {left},{y}"/>'


def thicknesses(task):
    page = line_cutting.complete(page_xml.parse(task.path).lines)
    return [line_cutting.thickness(one.outline) for one in page]


def test_without_outlines_lines_of_a_column_are_as_thick_as_its_rows_allow(tmp_path):
    rows = [(left, y + left // 50) for y in range(60, 360, 60) for left in (40, 260)]
    without = save(tmp_path, *(baseline_at(*row) for row in rows))
    assert thicknesses(without) == pytest.approx([48] * 10, rel=0.1)
    strips = save(tmp_path, *(baseline_at(*row, strip_at(*row)) for row in rows))
    assert thicknesses(strips) == pytest.approx([48] * 10, rel=0.1)


def test_lines_far_apart_keep_outlines_that_fit_their_text(tmp_path):
    rows = (40, 60), (40, 340)
    lines = [
        baseline_at(
            x, y, f'<Coords points="{x},{y - 20} 220,{y - 20} 220,{y} {x},{y}"/>'
        )
        for x, y in rows
    ]
    assert thicknesses(save(tmp_path, *lines)) == pytest.approx([20, 20], rel=0.1)


@pytest.mark.parametrize(
    ("reading_order", "expected"),
    [
        ("", "abc"),
        ('<RegionRefIndexed index="2" regionRef="b"/>', "bac"),
        (
            '<RegionRefIndexed index="10" regionRef="a"/>'
            '<RegionRefIndexed index="9" regionRef="b"/>'
            '<RegionRefIndexed index="1" regionRef="c"/>',
            "cba",
        ),
        (
            '<RegionRefIndexed index="1" regionRef="a"/>'
            '<OrderedGroupIndexed index="0"><RegionRefIndexed index="1" regionRef="b"/>'
            '<RegionRefIndexed index="0" regionRef="c"/></OrderedGroupIndexed>',
            "cba",
        ),
        (
            '<UnorderedGroup><RegionRef regionRef="c"/><RegionRef regionRef="a"/>'
            "</UnorderedGroup>",
            "cab",
        ),
    ],
)
def test_the_reading_order_of_regions_is_that_of_their_lines(
    tmp_path, reading_order, expected
):
    regions = "".join(
        f'<TextRegion id="{name}">{line(equiv(name))}</TextRegion>' for name in "abc"
    )
    group = f"<ReadingOrder><OrderedGroup>{reading_order}</OrderedGroup></ReadingOrder>"
    path = tmp_path / "page.xml"
    path.write_text(f"<PcGts><Page>{group}{regions}</Page></PcGts>")
    page = page_xml.parse(path)
    assert [one.text for one in page.lines] == ["a", "b", "c"]  # as in the file
    read = [page.lines[number].text for number in page.order or range(3)]
    assert read == list(expected)


def test_a_number_that_is_none_costs_one_line(tmp_path):
    bad = line(equiv("a"), "<Coords points='1,a'/>")
    items = page_xml.read(save(tmp_path, bad, line(equiv("b"))), 32)
    assert "points that are not numbers: '1,a'" in items[0].reason
    assert items[1][1].transcript == "b"


@pytest.mark.parametrize("points", ["50,100 350 350,160 50,160", "50 100 350 100 350"])
def test_a_number_that_is_missing_costs_one_line(tmp_path, points):
    bad = line(equiv("a"), f'<Coords points="{points}"/>')
    items = page_xml.read(save(tmp_path, bad, line(equiv("b"))), 32)
    assert items[0].reason == f"a line with points that are not pairs: {points!r}"
    assert items[1][1].transcript == "b"


@pytest.mark.parametrize(
    "points", ["1,2 3,4", "1 2 3 4", "1,2,3,4", "1, 2 3 , 4", " 1,2, 3,4 "]
)
def test_points_are_pairs_however_they_are_divided(points):
    np.testing.assert_array_equal(xml_files.points(points), [[1, 2], [3, 4]])


def test_a_reading_whose_index_is_no_number_comes_last(tmp_path):
    readings = equiv("odd", "one") + equiv("first", 3)
    assert texts(save(tmp_path, line(readings))) == ["first"]


def test_lines_with_baselines_alone_are_bands_along_them(tmp_path):
    rows = [
        line(equiv(text), f'<Baseline points="55,{y} 345,{y}"/>')
        for text, y in (("a", 152), ("b", 217))
    ]
    for _, cut in page_xml.read(save(tmp_path, *rows), 32):
        runs = np.diff((cut.image[8:24].mean(axis=0) > 100).astype(int), prepend=0)
        assert (runs == 1).sum() == 14


def test_a_line_without_text_or_outline_is_left_out(tmp_path):
    task = save(tmp_path, line(equiv("")), line(equiv("x"), coords=""))
    reasons = [item.reason for item in page_xml.read(task, 32)]
    assert reasons == ["a line without text", "a line whose outline has no area"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<alto/>", r"is not PAGE: its root is <alto>"),
        ("<PcGts><Page/><Page/></PcGts>", "describes 2 pages: expected one file a"),
        ("<PcGts/>", "has no <Page>"),
    ],
)
def test_a_file_that_is_not_page_is_one_clear_line(tmp_path, content, message):
    task = save(tmp_path)
    task.path.write_text(content)
    with pytest.raises(UserError, match=message):
        page_xml.read(task, 32)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="no real pages beside this checkout")
def test_every_line_of_real_pages_becomes_a_line(tmp_path):
    out = tmp_path / "out.h5"
    assert prepare.main(["page", f"--source={SAMPLE}", f"--out={out}"]) == 0
    with lines_file.LinesFile(out) as file:
        assert sum(len(file.split(name)) for name in file.splits) == 23
