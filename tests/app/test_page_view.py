"""What a browser asks for is done in order; what makes no sense is refused."""

import types

import pytest

from ocr_jax.app import page_store
from ocr_jax.app.page_document import Document
from ocr_jax.app.page_store import Conflict
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
        {"op": "move", "key": first, "by": float("inf")},
        {"op": "text", "key": second, "text": "two"},
    ]
    with pytest.raises(UserError, match="two points that are apart"):
        apply(document, {"operations": operations})
    lines = Document(document.path, document.image).lines()
    assert [line.text for line in lines] == ["one", "two"]
    Document(document.path, document.image).set_text(0, "theirs")
    with pytest.raises(Conflict):
        apply(document, {"operations": operations[1:]})


def test_what_can_not_be_written_stays_in_the_browser(apply, document, monkeypatch):
    from ocr_jax.app import page_view

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(page_store.workdirs, "write_bytes", fail)
    key = document.lines()[0].key
    operations = [
        {"op": "text", "key": key, "text": "one"},
        {"op": "add", "points": [[60, 300], [60, 300]]},
    ]
    outcome = page_view._outcome(document, {"operations": operations})
    assert outcome["is_unsaved"] and "No space" in outcome["problem"]
    answers = []
    view = types.SimpleNamespace(
        document=document, run_method=lambda _, answer: answers.append(answer)
    )
    page_view.PageView._answer(view, 1, **outcome)
    assert answers[0]["lines"] is None and answers[0]["is_unsaved"]


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
        {"operations": [{"op": "move", "key": 0, "by": float("inf")}]},
        {"operations": [{"op": "add", "points": {"x": 1}}]},
        {"operations": [{"op": "add", "points": [[10**400, 0], [9, 9]]}]},
        {"operations": [{"op": "__class__", "key": 0}]},
    ],
)
def test_messages_that_make_no_sense_change_nothing(apply, document, message):
    before = document.path.read_bytes()
    with pytest.raises(UserError):
        apply(document, message)
    assert document.path.read_bytes() == before


@pytest.fixture
def ask(document):
    """Sends operations to the view of a page; returns its answer."""
    nicegui = pytest.importorskip("nicegui", reason="needs the extra app")
    from ocr_jax.app import page_view

    with nicegui.Client(nicegui.ui.page("/")):
        view = page_view.PageView(document, "", "")
    answers = []
    view.run_method = lambda _, answer: answers.append(answer)

    def asked(number, *operations):
        view._apply({"number": number, "operations": list(operations)})
        return answers.pop()

    return asked


def test_what_is_asked_again_is_done_once_and_has_the_lines_of_now(ask, document):
    add = {"op": "add", "points": [[60, 300], [340, 300]]}
    assert len(ask(1, add)["lines"]) == 3
    document.set_text(document.lines()[0].key, "read meanwhile")
    answer = ask(1, add)
    assert len(answer["lines"]) == 3 and answer["lines"][0]["text"] == "read meanwhile"
    assert answer["focus"] == document.lines()[-1].key and answer["number"] == 1


def test_an_error_is_answered_too(ask, document, monkeypatch):
    def broken(*_):
        raise IndexError("broken")

    key = document.lines()[0].key
    with monkeypatch.context() as patch:
        patch.setattr(document, "check_all", broken)
        answer = ask(1, {"op": "check_all"}, {"op": "text", "key": key, "text": "one"})
    assert answer["number"] == 1 and "broken" in answer["problem"]
    assert answer["lines"][0]["text"] == "one"
    monkeypatch.setattr(document, "lines", broken)
    answer = ask(2, {"op": "delete", "key": key})
    assert answer["number"] == 2 and "broken" in answer["problem"]
