"""Pages in columns with drawn rules: tables of short cells, registers of entries."""

import numpy as np

from ocr_jax.sources.synthetic_pages import clutter
from ocr_jax.sources.synthetic_pages.hands import Plan
from ocr_jax.sources.synthetic_pages.sheets import Box, Pen

# What cells hold, and how wide their columns are, h.
WIDTHS = {
    "number": 2.5,
    "date": 6.0,
    "name": 5.0,
    "word": 6.0,
    "time": 3.0,
    "full name": 9.0,
    "words": 12.0,
}
FILLED = 0.6, 1.0  # share of a column's cells
PAD = 0.35  # h, between a rule and a cell


def table(pen: Pen, area: Box, plan: Plan):
    """Write rows of short cells, one line each."""
    rng = pen.rng
    columns = _columns(pen, area, list(WIDTHS))
    area = _frame(pen, area, columns, plan)
    filled = [rng.uniform(*FILLED) for _ in columns]
    rows = np.arange(area.top + pen.size, area.bottom, plan.distance)
    if plan.is_ruled or rng.random() < 0.4:
        for y in rows + 0.3 * pen.size:
            pen.sheet.rule([(area.left, y), (area.right, y)], plan.darkness / 2)
    last = len(rows) if rng.random() < 0.6 else int(rng.integers(1, len(rows) + 1))
    for y in rows[:last]:
        for (kind, left, right), share in zip(columns, filled, strict=True):
            if rng.random() < share:
                _cell(pen, kind, left, right, y + rng.normal(0, 0.05 * pen.size))


def entries(pen: Pen, area: Box, plan: Plan):
    """Write entries of several lines in a wide column, with short cells beside."""
    rng = pen.rng
    narrow = ["number", "date", "name", "time"]
    columns = _columns(pen, area, narrow, wide=True)
    area = _frame(pen, area, columns, plan)
    has_rules, y = rng.random() < 0.5, area.top + pen.size
    at_end = rng.random(len(columns)) < 0.3
    while y < area.bottom:
        count = int(rng.integers(1, 8))
        rows = y + plan.distance * np.arange(count)
        rows = rows[rows < area.bottom]
        for (kind, left, right), ends in zip(columns, at_end, strict=True):
            if kind == "entry":
                _entry(pen, left, right, rows)
            elif rng.random() < 0.8:
                _cell(pen, kind, left, right, rows[-1 if ends else 0])
        y = rows[-1] + rng.uniform(1.0, 2.2) * plan.distance
        if has_rules:
            left, right = next((c[1], c[2]) for c in columns if c[0] == "entry")
            middle = rows[-1] + 0.5 * pen.size
            right = left + rng.uniform(0.3, 1.0) * (right - left)
            ends = [(left, middle), (right, middle)]
            pen.sheet.rule(ends, plan.darkness, int(rng.integers(1, 4)))


def _columns(pen: Pen, area: Box, kinds: list[str], *, wide: bool = False):
    """Return (kind, left, right) of columns that fill the area."""
    rng, chosen, used = pen.rng, [], 0.0
    room = area.width / pen.size * (rng.uniform(0.25, 0.6) if wide else 1.0)
    while len(chosen) < 9:
        kind = str(rng.choice(kinds))
        if used + WIDTHS[kind] > room:
            break
        chosen.append(kind)
        used += WIDTHS[kind]
    if wide or not chosen:
        chosen.insert(int(rng.integers(len(chosen) + 1)), "entry" if wide else "words")
    shares = np.array([WIDTHS.get(kind, 0.0) for kind in chosen])
    shares *= rng.uniform(0.85, 1.25, len(chosen))
    if wide:
        shares[chosen.index("entry")] = max(8.0, area.width / pen.size - shares.sum())
    shares = np.concatenate([[0], np.cumsum(shares / shares.sum())])
    ends = area.left + area.width * shares
    return list(zip(chosen, ends[:-1], ends[1:], strict=True))


def _frame(pen: Pen, area: Box, columns, plan: Plan) -> Box:
    """Draw the rules and the head of a table; return the area below the head."""
    rng, size = pen.rng, pen.size
    top = area.top
    if rng.random() < 0.7:
        lines = int(rng.integers(1, 3))
        for _, left, right in columns:
            for number in range(lines if right - left > 4 * size else 1):
                text = pen.phrase(1 if right - left < 6 * size else 2)
                y = top + (1.1 + 1.1 * number) * size
                _fitted(pen, text, left, right, y, 0.5)
        top += (lines * 1.1 + 0.8) * size
        if rng.random() < 0.8:
            pen.sheet.rule([(area.left, top), (area.right, top)], plan.darkness, 2)
    if rng.random() < 0.85:
        thickness, is_double = int(rng.integers(1, 4)), rng.random() < 0.15
        xs = [left for _, left, _ in columns] + [area.right]
        for x in xs if rng.random() < 0.6 else xs[1:-1]:
            lean = rng.normal(0, 2)
            ends = np.array([(x, area.top), (x + lean, area.bottom)])
            pen.sheet.rule(ends, plan.darkness, thickness)
            if is_double:
                pen.sheet.rule(ends + np.array([4, 0]), plan.darkness, 1)
    if rng.random() < 0.5:
        for y in (area.top, area.bottom):
            pen.sheet.rule([(area.left, y), (area.right, y)], plan.darkness, 2)
    return Box(area.left, top, area.right, area.bottom)


def _cell(pen: Pen, kind: str, left: float, right: float, y: float):
    rng = pen.rng
    text = _text(pen, kind, right - left - 2 * PAD * pen.size)
    is_number = kind in ("number", "time")
    end = _fitted(pen, text, left, right, y, rng.choice([0.5, 1.0]) if is_number else 0)
    has_room = kind in ("full name", "words") and end < right - 3 * pen.size
    if has_room and rng.random() < 0.1:
        clutter.filler(pen, end + 0.5 * pen.size, y, right - PAD * pen.size)


def _text(pen: Pen, kind: str, width: float) -> str:
    if kind == "words":
        return pen.line(width * pen.rng.uniform(0.4, 1.0))
    if kind == "full name":
        return f"{pen.fill('name')} {pen.fill('name')}"
    return pen.phrase(1) if kind == "word" else pen.fill(kind)


def _entry(pen: Pen, left: float, right: float, rows: np.ndarray):
    """Write lines of text into a column, the last one short."""
    width = right - left - 2 * PAD * pen.size
    for y in rows:
        share = pen.rng.uniform(0.2, 1.0) if y == rows[-1] else 1.0
        y += pen.rng.normal(0, 0.05 * pen.size)
        pen.write(pen.line(share * width), left + PAD * pen.size, y)


def _fitted(
    pen: Pen, text: str, left: float, right: float, y: float, aligned: float
) -> float:
    """Write a cell, cut to its column; return its end. aligned: 0 left, 1 right."""
    width = right - left - 2 * PAD * pen.size
    while len(text) > 1 and pen.length(text) > width:
        text = text.rpartition(" ")[0] or text[:-1]
    x = left + PAD * pen.size + aligned * max(0.0, width - pen.length(text))
    return pen.write(text, x, y)
