"""The view of all pages: how far each is, a search, and what is done to all."""

import asyncio
import contextlib

from nicegui import events, ui

from ocr_jax.app import frame, splitting, uploads
from ocr_jax.app.networks import Round
from ocr_jax.app.project import PageFile, Summary
from ocr_jax.errors import UserError

DOWNLOADS = {
    "PAGE XML": "page.zip",
    "ALTO XML": "alto.zip",
    "Plain text": "text.zip",
    "Page and text side by side": "html.zip",
    "Lines file of the checked lines": "lines.h5",
}
A_VIEW = 30  # pages that are listed at once
STYLE = """
.pages { width: 100%; max-width: 1100px; margin: 0 auto; padding: 14px 16px 60px; }
.tools { display: flex; gap: 16px; align-items: center; margin-bottom: 12px; }
.tools .total { color: #666; margin-left: auto; }
.rows { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr));
  gap: 10px; }
a.row-page { display: flex; gap: 12px; background: #fff; border: 1px solid #e2ddd2;
  border-radius: 8px; padding: 8px; text-decoration: none; color: inherit;
  align-items: center; }
a.row-page:hover, a.row-page:focus { border-color: #d98e00; outline: none; }
a.row-page img { width: 76px; height: 96px; object-fit: cover; object-position: top;
  background: #e8e5de; border-radius: 4px; flex: none; }
.row-page .about { min-width: 0; flex: 1; }
.row-page .title { font-weight: 600; overflow-wrap: anywhere; }
.row-page .counts { color: #666; font-size: 13px; margin: 3px 0 6px; }
.row-page .problem { color: #b3261e; font-size: 13px; }
.bar { height: 6px; border-radius: 3px; background: #eae6dc; position: relative;
  overflow: hidden; }
.bar div { position: absolute; inset: 0 auto 0 0; }
.bar .read { background: #9fc3df; } .bar .checked { background: #2f9e55; }
.drop { width: 100%; max-width: none !important; box-shadow: none !important;
  border: 1px dashed #bbb4a6; margin-bottom: 14px; background: transparent; }
.drop .q-uploader__subtitle { display: none; }
.tools .q-field { width: 300px; }
.drop .q-uploader__list { min-height: 0; padding: 0; display: none; }
.round { color: #444; margin-bottom: 10px; }
"""


def show(parts: frame.Parts):
    """Draw the list of pages."""
    ui.add_css(STYLE)
    with frame.header(parts.title):
        _actions(parts)
    with ui.element("div").classes("pages"):
        _upload(parts, lambda: refresh())
        state = {"words": "", "page": 1, "splits": _split(parts, lambda: shown())}

        @ui.refreshable
        def rows():
            if not state["splits"]:
                _rows(parts, state, rows.refresh)

        async def search(event: events.ValueChangeEventArguments):
            words = event.value or ""
            # Not for its result: it reads the files, and keeps what they say.
            with contextlib.suppress(UserError):  # the list of pages says it
                await asyncio.to_thread(_listed, parts, words)
            if words != (field.value or ""):
                return  # more was typed meanwhile, and may have been found first
            state.update(words=words, page=1)
            rows.refresh()

        async def refresh():
            rows.refresh()
            await _count(parts, total)

        async def shown():
            state["splits"] = False
            await refresh()

        _round(parts, refresh)
        with ui.element("div").classes("tools"):
            field = ui.input(placeholder="Search names and texts", on_change=search)
            field.props('dense outlined debounce=250 clearable type="search"')
            total = ui.label().classes("total")
        rows()
        ui.timer(0.1, lambda: _count(parts, total), once=True)


def _actions(parts: frame.Parts):
    def begin(again: bool):
        if parts.round and not parts.round.is_over:
            return
        parts.round = Round(parts.project, parts.networks, again)

    with (
        ui.button("Read").props(
            "no-caps dense flat color=white icon-right=expand_more"
        ),
        ui.menu(),
    ):
        ui.menu_item("Pages that are not read", lambda: begin(False))
        ui.menu_item("All lines that no person wrote", lambda: begin(True))
    if not parts.is_trial:
        ui.link("Train", "/train")
    with (
        ui.button("Download").props(
            "no-caps dense flat color=white icon-right=expand_more"
        ),
        ui.menu(),
    ):
        for text, name in DOWNLOADS.items():
            ui.menu_item(text, lambda name=name: ui.navigate.to(f"/download/{name}"))


def _upload(parts: frame.Parts, refresh):
    async def keep(event: events.UploadEventArguments):
        try:
            if event.file.size() > uploads.LARGEST:
                raise UserError(uploads.TOO_LARGE)
            content = await event.file.read()
            folder = parts.project.folder
            names = await asyncio.to_thread(
                uploads.add, folder, event.file.name, content
            )
        except UserError as error:
            ui.notify(str(error), type="negative", position="top", timeout=8000)
            return
        if parts.is_trial:
            await _read_new(parts, names)
            ui.navigate.to(frame.url("page", names[0]))
        else:
            await refresh()  # to load the view anew would cut off the other files

    def refuse():
        ui.notify(uploads.TOO_LARGE, type="negative")

    box = ui.upload(
        label="Drop a line or a page here"
        if parts.is_trial
        else "Drop images, TIFFs or PDFs here",
        multiple=not parts.is_trial,
        auto_upload=True,
        on_upload=keep,
        on_rejected=refuse,
        max_file_size=uploads.LARGEST,
    )
    box.props("flat color=transparent text-color=dark").classes("drop")


def _split(parts: frame.Parts, done) -> bool:
    """Split what has several pages, and call done; return whether there is any."""
    try:
        waiting = splitting.waiting(parts.project.folder)
    except UserError:
        return False  # the list of pages says it
    text = ui.label().classes("round")

    async def split():
        problems = []
        for path in waiting:
            text.text = f"Splitting {path.name} into its pages …"
            try:
                await asyncio.to_thread(splitting.split, path)
            except UserError as error:
                problems.append(f"{path.name} is left as it is: {error}")
        text.text = "; ".join(problems)
        await done()

    text.visible = bool(waiting)
    if waiting:
        ui.timer(0.1, split, once=True)
    return bool(waiting)


async def _read_new(parts: frame.Parts, names: list[str]):
    """Read pages that were dropped to try a network on them."""
    note = ui.notification("Reading …", spinner=True, timeout=None, position="top")
    try:
        for name in names:
            page = parts.project.page(name)
            found = await asyncio.to_thread(parts.networks.find, page.image)
            parts.project.open(page).add_found(found.lines)
    except UserError as error:
        ui.notify(str(error), type="negative", position="top", timeout=8000)
    finally:
        note.dismiss()


def _round(parts: frame.Parts, refresh):
    """Show how far the reading of all pages is."""
    with ui.row(align_items="center").classes("round") as row:
        text = ui.label()
        stop = frame.button("Stop", lambda: parts.round and parts.round.stop())
    row.visible = False
    seen = {"done": -1}

    async def update():
        now = parts.round
        row.visible = now is not None
        if not now:
            return
        text.text = f"{now.done} of {now.total} pages read"
        if now.problems:
            text.text += f"; {len(now.problems)} could not be: {now.problems[-1]}"
        stop.visible = not now.is_over
        if seen["done"] not in (-1, now.done):
            await refresh()
        seen["done"] = now.done

    ui.timer(1.0, update)


async def _count(parts: frame.Parts, total: ui.label):
    """Say how much there is, and how much of it is checked."""
    try:
        found = await asyncio.to_thread(_summaries, parts)
    except UserError as error:
        total.text = str(error)
        return
    lines, checked = sum(s.lines for s in found), sum(s.checked for s in found)
    pages = "1 page" if len(found) == 1 else f"{len(found):,} pages"
    total.text = f"{pages}, {checked:,} of {lines:,} lines checked"


def _summaries(parts: frame.Parts) -> list[Summary]:
    return [parts.project.summary(page) for page in parts.project.pages()]


def _listed(parts: frame.Parts, words: str) -> list[PageFile]:
    project = parts.project
    return list(project.search(words)) if words else project.pages()


def _rows(parts: frame.Parts, state: dict, refresh):
    try:
        words = state["words"]
        pages = _listed(parts, words)
    except UserError as error:
        ui.label(str(error))
        return
    first = A_VIEW * (state["page"] - 1)
    with ui.element("div").classes("rows"):
        for page in pages[first : first + A_VIEW]:
            _row(page, parts.project.summary(page))
    if not pages:
        ui.label("No page has these words." if words else "No pages yet.")
    if len(pages) > A_VIEW:

        def turn(event):
            state["page"] = event.value
            refresh()

        last = -(-len(pages) // A_VIEW)
        numbers = ui.pagination(1, last, value=state["page"], on_change=turn)
        numbers.props("max-pages=9").style("margin-top: 14px")


def _row(page: PageFile, summary: Summary):
    with ui.element("a").classes("row-page") as link:
        link.props["href"] = frame.url("page", page.name)
        image = ui.element("img")
        image.props["src"] = frame.url("thumbnail", page.name)
        image.props["loading"] = "lazy"
        image.props["alt"] = ""
        with ui.element("div").classes("about"):
            ui.label(page.name).classes("title")
            if summary.problem:
                ui.label(summary.problem).classes("problem")
                return
            ui.label(
                f"{summary.lines} lines · {summary.read} read · {summary.checked} "
                "checked"
                if summary.lines
                else "not read yet"
            ).classes("counts")
            with ui.element("div").classes("bar"):
                for kind in ("read", "checked"):
                    share = getattr(summary, kind) / max(summary.lines, 1)
                    ui.element("div").classes(kind).style(f"width: {share:.1%}")
