"""What the views share: the app's parts, and the frame around each view."""

import contextlib
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

from nicegui import ui

from ocr_jax.app.networks import Networks, Round
from ocr_jax.app.project import Project
from ocr_jax.app.training import Trainings

STYLE = """
body { background: #f4f3f0; color: #222; }
.nicegui-content { padding: 0; gap: 0; width: 100%; }
header.app { background: #2d3a45; color: #fff; display: flex; align-items: center;
  gap: 14px; padding: 8px 16px; width: 100%; height: 50px; }
header.app a { color: #fff; text-decoration: none; }
header.app .name { font-weight: 600; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.q-btn.plain { border: 1px solid #cfcac0; min-height: 32px; padding: 0 10px;
  display: inline-flex; align-items: center; }
.q-btn.plain .q-btn__content { line-height: 1.3; align-content: center; }
header.app .end { margin-left: auto; display: flex; gap: 8px; align-items: center; }
"""


@dataclass
class Parts:
    """What a running app works with."""

    project: Project
    networks: Networks
    trainings: Trainings
    title: str
    is_trial: bool = False  # a network is tried: there is no folder to keep
    round: Round | None = None


def url(kind: str, name: str) -> str:
    """Return the address of a page's view or image."""
    return f"/{kind}/{urllib.parse.quote(name, safe='')}"


@contextlib.contextmanager
def header(title: str, back: bool = False) -> Iterator[None]:
    """Draw the bar on top of a view; what is drawn inside stands at its right end."""
    ui.add_css(STYLE)
    with ui.element("header").classes("app"):
        if back:
            ui.link("← Pages", "/").props('title="Esc"')
        ui.label(title).classes("name")
        with ui.element("div").classes("end"):
            yield


def button(text: str, action, color: str = "white") -> ui.button:
    """Draw a plain button."""
    made = ui.button(text, on_click=action, color=color)
    return made.classes("plain").props("no-caps dense unelevated text-color=dark")
