"""IAM's label files: as they are distributed, and torn; its published splits."""

import collections
import contextlib
import pathlib

import cv2
import numpy as np
import pytest

from ocr_jax.errors import UserError
from ocr_jax.sources.iam import iam, label_files
from tests import fixtures

SAMPLE = pathlib.Path(__file__).parents[4] / "shared" / "data" / "iam_sample"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# c\na01-000u-00 ok 154 5 1 2 3 4 A|B\na01-000u-01 ok 1",
            "line 3: truncated",
        ),
        ("a01-000u-00 ok 154 5 1 2 3 4 A\n\na01-000u-01 ok 1\n", "line 3: expected"),
        ("a01-000u-00 ok 154 5 1 2 3 x A\n", "line 1: expected"),
        (f"a01-000u-00 ok 154 5 1 2 {10**20} 4 A\n", "line 1: expected"),
        (
            2 * "a01-000u-00 ok 154 5 1 2 3 4 A\n",
            "line 2: a01-000u-00 is there a second time",
        ),
    ],
)
def test_a_torn_lines_txt_is_named_by_line(text, message):
    with pytest.raises(UserError, match=message):
        label_files.parse_lines(text)


def test_a_number_that_no_form_has_is_named():
    xml = b'<form><line id="a"><cmp x="1e30" y="1" width="2" height="3"/></line></form>'
    with pytest.raises(UserError, match=r"a\.xml: no form has the box"):
        label_files.parse_form(xml, "a.xml")


def test_lines_txt_is_utf_8_with_or_without_a_mark():
    text = "a01-000u-00 ok 154 5 1 2 3 4 é\n"
    for encoding in ("utf-8", "utf-8-sig"):
        decoded = label_files.decoded(text.encode(encoding), "lines.txt")
        assert label_files.parse_lines(decoded)["a01-000u-00"].text == "é"
    with pytest.raises(UserError, match=r"lines\.txt is not UTF-8: extract it again"):
        label_files.decoded(text.encode("latin-1"), "lines.txt")


@pytest.mark.parametrize(
    ("size", "measured", "is_refused"),
    [
        ((500, 700), None, False),
        ((700, 500), None, True),
        ((750, 700), None, True),
        ((250, 350), None, True),
        ((250, 350), (500, 700), True),
        ((1000, 1400), (500, 700), True),
        ((500, 700), (500, 700), False),
    ],
)
def test_a_form_has_the_size_that_its_labels_are_for(size, measured, is_refused):
    boxes = np.array([[10, 20, 400, 50], [10, 600, 400, 50]])
    with pytest.raises(UserError) if is_refused else contextlib.nullcontext() as error:
        label_files.require_size(size, boxes, measured)
    assert not is_refused or "expected IAM's own image" in str(error.value)


def test_the_splits_have_their_published_sizes_and_share_no_line():
    sizes = {
        name: collections.Counter(iam.line_ids(name).values()) for name in iam.SPLITS
    }
    assert sizes["aachen"] == {"train": 6482, "validation": 976, "test": 2915}
    assert sizes["lwitlrt"] == {
        "train": 6161,
        "validation": 900,
        "validation2": 940,
        "test": 1861,
    }
    assert sizes["lab"] == {"train": 7101, "validation": 900, "test": 1861}


@pytest.fixture(scope="module")
def labels():
    return label_files.parse_lines((SAMPLE / "lines.txt").read_text())


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="IAM's label files are not here")
class TestTrueLabels:
    """Against lines.txt and forms.txt as IAM distributes them."""

    def test_every_line_parses_and_every_split_resolves(self, labels):
        assert len(labels) == 13_353
        assert all(label.text and (label.boxes > 0).any() for label in labels.values())
        assert labels["a01-000u-06"].text == "Griffiths , M P for Manchester Exchange ."
        writers = label_files.parse_writers((SAMPLE / "forms.txt").read_text())
        for name in iam.SPLITS:
            for line_id in iam.line_ids(name):
                assert line_id in labels
                assert writers[line_id.rpartition("-")[0]]

    def test_writers_of_a_split_are_in_no_other(self, labels):
        writers = label_files.parse_writers((SAMPLE / "forms.txt").read_text())
        for name in iam.SPLITS:
            splits = collections.defaultdict(set)
            for line_id, split in iam.line_ids(name).items():
                splits[split].add(writers[line_id.rpartition("-")[0]])
            seen = [writer for found in splits.values() for writer in found]
            assert len(seen) == len(set(seen))

    def test_a_form_drawn_at_its_true_boxes_gives_its_lines(self, labels):
        form = {k: v for k, v in labels.items() if k.startswith("a01-000u-")}
        image = np.full((3542, 2479), 240, np.uint8)
        for number, label in enumerate(form.values()):
            x, y, width, height = label.boxes[0]
            for left in np.linspace(x + 8, x + width - 16, 8 + number).astype(int):
                cv2.line(image, (left, y + 8), (left, y + height - 8), 20, 8)
        cuts = [
            iam.Cut(
                line_id,
                "train",
                "000",
                label.text,
                label.boxes,
                np.concatenate([v.boxes for k, v in form.items() if k != line_id]),
            )
            for line_id, label in form.items()
        ]
        items = iam.read(iam.Task("a01-000u", fixtures.png_bytes(image), cuts), 64)
        for number, (_, line) in enumerate(items):
            inked = (line.image[20:44].mean(axis=0) > 100).astype(int)
            assert (np.diff(inked, prepend=0) == 1).sum() == 8 + number
