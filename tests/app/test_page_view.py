"""What a browser asks for is done in order; what makes no sense is refused."""

import pytest

from ocr_jax.app.page_document import Conflict, Document
from ocr_jax.errors import UserError
from tests import fixtures


@pytest.fixture
def apply():
    pytest.importorskip("nicegui", reason="needs the extra app")
    from ocr_jax.app import page_view

    return page_view.apply


@pytest.fixture
def document(tmp_path):
    fixtures.save_pages(tmp_path, 1)
    return Document(tmp_path / "page0.xml", tmp_path / "page0.png")


def test_operations_are_done_in_their_order(apply, document):
    first, second = (line.key for line in document.lines())
    operations = [
        {"op": "text", "key": first, "text": "one"},
        {"op": "check", "key": first, "is_checked": True},
        {"op": "text", "key": second, "text": "x" * 5000},
        {"op": "add", "points": [[60, 300], [340, 300]]},
        {"op": "move", "key": second, "by": -1},
    ]
    is_new_order, focus = apply(document, {"operations": operations})
    lines = Document(document.path, document.image).lines()
    assert [len(line.text) for line in lines] == [2000, 3, 0]
    assert [line.is_checked for line in lines] == [False, True, False]
    assert is_new_order and focus == document.lines()[-1].key
    assert apply(document, {"operations": operations[:1]}) == (False, None)


def test_what_is_refused_costs_nothing_else(apply, document):
    first, second = (line.key for line in document.lines())
    operations = [
        {"op": "add", "points": [[60, 300], [60, 300]]},
        {"op": "text", "key": first, "text": "one"},
        {"op": "none"},
        {"op": "text", "key": second, "text": "two"},
    ]
    with pytest.raises(UserError, match="two points that are apart"):
        apply(document, {"operations": operations})
    lines = Document(document.path, document.image).lines()
    assert [line.text for line in lines] == ["one", "two"]
    Document(document.path, document.image).set_text(0, "theirs")
    with pytest.raises(Conflict):
        apply(document, {"operations": operations[1:]})


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"operations": 3},
        {"operations": [None]},
        {"operations": [{"op": "text", "key": 0}]},
        {"operations": [{"op": "text", "key": "0", "text": ""}]},
        {"operations": [{"op": "text", "key": [], "text": ""}]},
        {"operations": [{"op": "text", "key": 99, "text": ""}]},
        {"operations": [{"op": "move", "key": 0, "by": "x"}]},
        {"operations": [{"op": "add", "points": {"x": 1}}]},
        {"operations": [{"op": "__class__", "key": 0}]},
    ],
)
def test_messages_that_make_no_sense_change_nothing(apply, document, message):
    before = document.path.read_bytes()
    with pytest.raises(UserError):
        apply(document, message)
    assert document.path.read_bytes() == before
