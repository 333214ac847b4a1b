"""The element that shows a page beside its lines, and what it asks to be changed."""

import logging
from pathlib import Path
from typing import Any

from nicegui import ui
from nicegui.element import Element

from ocr_jax.app.page_document import Document
from ocr_jax.app.page_store import Conflict, Unwritten
from ocr_jax.errors import UserError

STYLE = Path(__file__).with_name("page_view.css")
MOST_OPERATIONS = 10_000  # of one message
LONGEST_TEXT = 2000
LOG = logging.getLogger(__name__)


class PageView(Element, component="page_view.js", esm={"page-lines": "page_lines"}):
    """A page and its lines. Every change is on disk before it is called saved."""

    def __init__(self, document: Document, image: str, letters: str):
        super().__init__()
        ui.add_css(STYLE)
        self.document = document
        self._latest: dict = {}  # what the browser asked, and what came of it
        self._props["image"] = image
        self._props["size"] = list(document.size)
        self._props["start"] = _shown(document)
        self._props["letters"] = letters
        self._props["undoable"] = document.can_undo
        self.on("operations", lambda event: self._apply(event.args))

    def _apply(self, message: Any):
        number = message.get("number") if isinstance(message, dict) else None
        if number is not None and number == self._latest.get("number"):
            self._latest["with_lines"] = True  # asked again: they may differ by now
        else:
            self._latest = {"number": number} | _outcome(self.document, message)
        try:
            self._answer(**self._latest)
        except Exception as error:  # without an answer it would be asked for ever
            LOG.exception("%s can't be shown", self.document.path)
            self._answer(number, problem=str(_failed(error)), with_lines=False)

    def show_again(self, problem: str = ""):
        """Show the lines as they are now, after a change made elsewhere."""
        self._answer(None, problem=problem)

    def _answer(
        self,
        number,
        *,
        problem="",
        is_conflict=False,
        is_unsaved=False,
        with_lines=True,
        focus=None,
    ):
        # What was not saved stays to be seen.
        with_lines = with_lines and not (is_conflict or is_unsaved)
        answer = {
            "number": number,
            "problem": problem,
            "is_conflict": is_conflict,
            "is_unsaved": is_unsaved,
            "undoable": self.document.can_undo,
            "lines": _shown(self.document) if with_lines else None,
            "focus": focus,
        }
        self.run_method("done", answer)


def _shown(document: Document) -> list[dict]:
    """Return the lines as the browser takes them: an outline as SVG, and its box."""
    shown = []
    for line in document.lines():
        xs, ys = zip(*line.outline, strict=True) if line.outline else ((), ())
        box = [min(xs), min(ys), max(xs), max(ys)] if line.outline else None
        points = " ".join(f"{x:.10g},{y:.10g}" for x, y in line.outline)
        shown.append(line._asdict() | {"outline": points, "box": box})
    return shown


def _outcome(document: Document, message: Any) -> dict:
    """Make the changes that a browser asks for; return what it is to be told."""
    try:
        is_new_order, focus = apply(document, message)
    except UserError as error:
        return {
            "problem": str(error),
            "is_conflict": isinstance(error, Conflict),
            "is_unsaved": isinstance(error, Unwritten),
        }
    return {"with_lines": is_new_order, "focus": focus}


def apply(document: Document, message: Any) -> tuple[bool, int | None]:
    """Make the changes that a browser asks for, in their order.

    Returns whether it has to be sent all lines, and the key of the one to go to. Raises
    UserError for a message that makes no sense, and for what is not possible, after all
    else: what was typed meanwhile is not lost by it.
    """
    try:
        operations = message["operations"][:MOST_OPERATIONS]
    except (KeyError, TypeError) as error:
        raise _failed(error) from None
    is_new_order, focus, problems = False, None, []
    for operation in operations:
        try:
            key = _apply_one(document, operation)
        except (Conflict, Unwritten):
            raise
        except UserError as error:
            problems.append(error)
        except Exception as error:  # a message that makes no sense, or a bug
            LOG.exception("a change of %s failed", document.path)
            problems.append(_failed(error))
        else:
            is_new_order |= operation["op"] not in ("text", "check")
            focus = focus if key is None else key
    if problems:
        raise problems[0]
    return is_new_order, focus


def _failed(error: Exception) -> UserError:
    return UserError(f"this can't be done: {error!r:.80}")


def _apply_one(document: Document, operation: dict) -> int | None:
    """Make a change; return the key of the line to go to, if it has one."""
    kind, key = operation["op"], operation.get("key")
    if kind == "text":
        return document.set_text(key, str(operation["text"])[:LONGEST_TEXT])
    if kind == "check":
        return document.check(key, bool(operation["is_checked"]))
    if kind == "check_all":
        return document.check_all()
    if kind == "delete":
        return document.delete(key)
    if kind == "move":
        return document.move(key, int(operation["by"]))
    if kind == "add":
        return document.add(operation["points"])
    if kind == "baseline":
        return document.set_baseline(key, operation["points"])
    if kind == "undo":
        return document.undo()
    raise UserError(f"there is no operation {str(kind)[:20]!r}")
