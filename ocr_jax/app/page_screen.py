"""The view of one page: its image, and its lines to be corrected."""

import asyncio

from nicegui import ui

from ocr_jax.app import frame
from ocr_jax.app.page_view import PageView
from ocr_jax.app.project import PageFile
from ocr_jax.errors import UserError

STYLE = """
.page-room { height: calc(100vh - 50px); width: 100%; }
.page-problem { padding: 2em; font-size: 16px; color: #b3261e; }
"""


def show(parts: frame.Parts, name: str):
    """Draw the view of a page."""
    ui.add_css(STYLE)
    try:
        page = parts.project.page(name)
        document = parts.project.open(page)
    except UserError as error:
        with frame.header(name, back=True):
            pass
        ui.label(str(error)).classes("page-problem")
        return
    view = None

    async def read():
        await _read(parts, page, view, buttons)

    with frame.header(page.name, back=True):
        buttons = _buttons(parts, page, read)
    with ui.element("div").classes("page-room"):
        image = frame.url("image", page.name)
        view = PageView(document, image, parts.networks.letters())


def _buttons(parts: frame.Parts, page: PageFile, read) -> list:
    names = [other.name for other in parts.project.pages()]
    here = names.index(page.name)
    spinner = ui.spinner(size="1.4em", color="white")
    spinner.visible = False
    button = frame.button("Read the lines", read)
    button.tooltip(
        "Finds lines where there are none; what a person wrote or checked is kept"
    )
    if here:
        ui.link("‹ Previous", frame.url("page", names[here - 1]))
    if here + 1 < len(names):
        ui.link("Next ›", frame.url("page", names[here + 1]))
    return [spinner, button]


async def _read(parts: frame.Parts, page: PageFile, view: PageView, buttons: list):
    """Find the lines of a page that has none, and read those that are not checked."""
    spinner, button = buttons
    spinner.visible, button.enabled = True, False
    document = view.document
    try:
        if document.lines():
            readings = await asyncio.to_thread(parts.networks.read, document)
            document.set_readings(readings)
        else:
            found = await asyncio.to_thread(parts.networks.find, page.image)
            document.add_found(found.lines)
        view.show_again()
    except UserError as error:
        view.show_again(str(error))
    finally:
        spinner.visible, button.enabled = False, True
