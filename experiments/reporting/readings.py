"""Readings of the same lines by several runs, side by side, their errors marked."""

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image
from rapidfuzz.distance import Levenshtein

from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from reporting import runs as runs_lib

LINES_A_VIEW = 15
MOST_RUNS = 8
MISSING = "·"
VIEWS = {
    "worst": "the worst lines",
    "differ": "where the runs differ most",
    "sample": "a sample, from worst to best",
}


def section(runs: Sequence[runs_lib.Run], split: str) -> str:
    """The lines of each view as HTML, "" where no run has kept its readings.

    Of more than MOST_RUNS runs, the best are shown.
    """
    read = [run for run in runs if run.lines is not None]
    if not read:
        return ""
    counts = [run.counts() for run in read]
    edits = np.array([each.char_edits for each in counts])
    best = np.sort(np.argsort(edits.sum(axis=1), kind="stable")[:MOST_RUNS])
    left_out = f" of the {MOST_RUNS} best runs" if len(best) < len(read) else ""
    read = [read[place] for place in best]
    errors = edits[best] / np.maximum(counts[0].chars, 1)
    places = views(errors)
    shown = sorted(set().union(*places.values()))
    pictures = images(read, split, shown)
    options = "".join(
        f'<option value="{view}">{VIEWS[view]}</option>' for view in places
    )
    blocks = [
        _line(read, index, errors[:, index], places, pictures.get(index, ""))
        for index in shown
    ]
    return (
        f"<h2>Readings{left_out}</h2>"
        f'<p><label>Show <select id="view">{options}</select></label></p>'
        '<p class="key"><mark>wrong</mark> <mark class="insert">too many</mark> '
        f'<mark class="delete">{MISSING}</mark> missing. Rest the pointer on a mark to '
        "see what is written.</p>"
        f'<div id="lines">{"".join(blocks)}</div>'
    )


def views(errors: np.ndarray) -> dict[str, list[int]]:
    """The lines of each view in its order, from the CER (runs, n) of every line."""
    order = np.argsort(-errors.mean(axis=0), kind="stable")
    spread = errors.max(axis=0) - errors.min(axis=0)
    count = min(LINES_A_VIEW, len(order))
    by_view = {"worst": order[:count]}
    if len(errors) > 1:
        by_view["differ"] = np.argsort(-spread, kind="stable")[:count]
    even = np.linspace(0, len(order) - 1, count).round().astype(int)
    by_view["sample"] = order[even]
    return {view: indices.tolist() for view, indices in by_view.items()}


def marked(transcript: str, reading: str) -> str:
    """The reading as HTML, with marks where it differs from the transcript."""
    parts = []
    for step in Levenshtein.opcodes(transcript, reading):
        written = html.escape(transcript[step.src_start : step.src_end])
        shown = html.escape(reading[step.dest_start : step.dest_end])
        if step.tag != "equal":
            hint = f"written: {written}" if written else "nothing is written here"
            shown = shown or MISSING * (step.src_end - step.src_start)
            shown = f'<mark class="{step.tag}" title="{hint}">{shown}</mark>'
        parts.append(shown)
    return "".join(parts)


def images(
    runs: Sequence[runs_lib.Run], split_name: str, indices: Sequence[int]
) -> dict[int, str]:
    """The lines' images, index → data URI, as far as a lines file is at hand."""
    for path in dict.fromkeys(run.config["lines_file"] for run in runs):
        try:
            with lines_file.LinesFile(path) as file:
                split = file.split(split_name, in_memory=False)
        except UserError:
            continue
        places = {line_id: place for place, line_id in enumerate(split.line_ids)}
        uris = {}
        for index in indices:
            line = runs[0].lines[index]
            place = places.get(line.line_id)
            # A file prepared anew may call other lines by the same names.
            if place is not None and split.transcripts[place] == line.transcript:
                uris[index] = _data_uri(split.image(place))
        if uris:  # another run's file may have the lines
            return uris
    return {}


def _data_uri(image: np.ndarray) -> str:
    """A line image (H, W) as a PNG, dark ink on white."""
    png = io.BytesIO()
    Image.fromarray(255 - image).save(png, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


def _line(
    runs: Sequence[runs_lib.Run],
    index: int,
    errors: np.ndarray,
    places: dict[str, list[int]],
    picture: str,
) -> str:
    """One line: its image, its transcript, and what each run reads."""
    line = runs[0].lines[index]
    label = " · ".join(filter(None, [line.line_id, line.writer]))
    ranks = [
        f' data-{view}="{indices.index(index)}"'
        for view, indices in places.items()
        if index in indices
    ]
    rows = [_row("transcript", html.escape(line.transcript), "")]
    rows += [
        _row(run.name, marked(line.transcript, run.lines[index].reading), f"{cer:.0%}")
        for run, cer in zip(runs, errors, strict=True)
    ]
    image = f'<img src="{picture}" alt="">' if picture else ""
    return (
        f'<div class="line"{"".join(ranks)}><span class="faint">{html.escape(label)}, '
        f"average CER {errors.mean():.0%}</span>{image}"
        f"<table>{''.join(rows)}</table></div>"
    )


def _row(name: str, said: str, cer: str) -> str:
    return (
        f'<tr><td>{html.escape(name)}</td><td class="said">{said}</td>'
        f'<td class="cer">{cer}</td></tr>'
    )
