"""The view of trainings: begin one, watch it, and read with what it has learnt."""

import asyncio

from nicegui import ui

from ocr_jax.app import frame
from ocr_jax.app.networks import Round
from ocr_jax.app.training import Status, Trainings
from ocr_jax.errors import UserError

EPOCHS = 0  # the fewer lines, the more, as configs/lines_ctc.py has it
STYLE = """
.train { width: 100%; max-width: 860px; margin: 0 auto; padding: 18px 16px 60px; }
.train p { color: #444; margin: 0 0 10px; }
.train .begin { display: flex; gap: 12px; align-items: center; margin-bottom: 20px; }
.train .run { background: #fff; border: 1px solid #e2ddd2; border-radius: 8px;
  padding: 12px 14px; margin-bottom: 12px; }
.train .title { font-weight: 600; } .train .said { color: #666; font-size: 13px; }
.train .choices { display: flex; gap: 8px; margin-top: 8px; align-items: center; }
.train .gain { color: #1d7a3a; }
"""


def show(parts: frame.Parts):
    """Draw the view."""
    ui.add_css(STYLE)
    trainings = parts.trainings
    with frame.header("Train", back=True):
        pass
    with ui.element("div").classes("train"):
        try:
            found = [parts.project.summary(page) for page in parts.project.pages()]
        except UserError as error:
            ui.label(str(error))
            return
        checked, pages = (
            sum(s.checked for s in found),
            sum(s.checked > 0 for s in found),
        )
        ui.label(
            f"{checked:,} lines on {pages:,} pages are checked. A training learns "
            "from four fifths of these pages; the others show what it has learnt. It "
            "goes on when this window, or the app, is closed."
        ).style("color: #444; margin-bottom: 12px")

        @ui.refreshable
        def listed():
            for name in trainings.names():
                _run(parts, trainings, name)
            ui.label(f"Lines are read with {parts.networks.workdir}").classes("said")

        _begin(parts, trainings, listed.refresh)
        listed()


def _begin(parts: frame.Parts, trainings: Trainings, refresh):
    async def begin():
        button.enabled = False
        note = ui.notification("Cutting the lines …", spinner=True, timeout=None)
        try:
            network = parts.networks.workdir
            await asyncio.to_thread(
                trainings.start, network, int(epochs.value or EPOCHS)
            )
        except UserError as error:
            _tell(error)
        finally:
            note.dismiss()
            button.enabled = True
        refresh()

    with ui.element("div").classes("begin"):
        epochs = ui.number(
            "Epochs (0: by the number of lines)",
            value=EPOCHS,
            min=0,
            max=10_000,
            precision=0,
        )
        epochs.props("outlined stack-label").style("width: 260px")
        button = frame.button("Train on the checked lines", begin, color="amber-4")


def _run(parts: frame.Parts, trainings: Trainings, name: str):
    """Draw a training, and keep it up to date."""
    with ui.element("div").classes("run"):
        title, said = ui.label().classes("title"), ui.label().classes("said")
        bar = ui.linear_progress(0, show_value=False).props("color=green-6 rounded")
        chart = ui.echart(_chart([])).style("height: 150px")
        gain = ui.label().classes("gain")
        with ui.element("div").classes("choices"):
            buttons = _buttons(parts, trainings, name, gain)
        shown: dict = {"cers": None}

        def update():
            try:
                status = trainings.status(name)
            except UserError as error:
                title.text = str(error)
                return
            title.text, said.text = describe(status), status.said
            said.visible = status.state != "finished"
            bar.value = status.epoch / max(status.epochs, 1)
            for state, button in buttons:
                button.visible = status.state == state
            chart.visible = bool(status.cers)
            if shown["cers"] != status.cers:
                shown["cers"] = status.cers
                chart.options.update(_chart(status.cers))
                chart.update()

        update()
        ui.timer(2.0, update)


def _buttons(parts: frame.Parts, trainings: Trainings, name: str, gain: ui.label):
    """Draw the buttons of a training; return each with the state it is for."""

    def attempt(action):
        try:
            action(name)
        except UserError as error:
            _tell(error)

    async def read_again():
        # It waits for a page that is being read: meanwhile the app goes on.
        if not _is_reading(parts):
            await asyncio.to_thread(parts.networks.use, str(trainings.workdir(name)))
        if _is_reading(parts):
            ui.notify("Pages are being read already")
            return
        parts.round = Round(parts.project, parts.networks, again=True)
        ui.navigate.to("/")

    async def compare():
        from ocr_jax.app import gains  # it imports JAX, which takes seconds

        gain.text = "Reading the held-out lines …"
        try:
            gain.text = str(await asyncio.to_thread(gains.of, trainings, name))
        except UserError as error:
            gain.text = str(error)

    return [
        ("running", frame.button("Stop", lambda: attempt(trainings.stop))),
        ("stopped", frame.button("Go on", lambda: attempt(trainings.resume))),
        ("finished", frame.button("What did it gain?", compare)),
        ("finished", frame.button("Read all unchecked lines again", read_again)),
    ]


def _is_reading(parts: frame.Parts) -> bool:
    return bool(parts.round and not parts.round.is_over)


def describe(status: Status) -> str:
    """Say in a line how far a training is."""
    parts = [f"{status.name}: {status.state}", f"epoch {status.epoch}"]
    if status.epochs:
        parts[-1] += f"/{status.epochs}"
    if status.cers:
        parts.append(f"CER {status.cers[-1]:.1%} (best {min(status.cers):.1%})")
    if status.state == "running" and status.minutes_left is not None:
        left = status.minutes_left
        parts.append("less than a minute left" if left < 1 else f"{left:.0f} min left")
    return " · ".join(parts)


def _chart(cers: list[float]) -> dict:
    points = [[epoch, round(100 * cer, 2)] for epoch, cer in enumerate(cers, 1)]
    return {
        "grid": {"left": 48, "right": 12, "top": 14, "bottom": 26},
        "xAxis": {"type": "value", "min": 1, "minInterval": 1},
        "yAxis": {"type": "value", "min": 0, "axisLabel": {"formatter": "{value} %"}},
        "series": [{"type": "line", "data": points, "symbolSize": 5}],
        "tooltip": {"trigger": "axis"},
        "animation": False,
    }


def _tell(error: UserError):
    ui.notify(str(error), type="negative", position="top", timeout=8000)
