"""Where the lines of a page stand: columns, verses, letters, lists, notes."""

from collections.abc import Callable

import numpy as np

from ocr_jax.sources.synthetic_pages import clutter, hands, registers
from ocr_jax.sources.synthetic_pages.hands import Plan
from ocr_jax.sources.synthetic_pages.sheets import Box, Pen, Sheet

USUAL_WIDTH = 850.0  # px; hands on smaller pages are smaller
DISTANCE = 0.95, 1.8  # of two lines, h
RULED = 0.3  # of the pages
NOTES, UPWARDS, SLANTED = 0.3, 0.15, 0.2
STAMPED, BLOTTED, DRAWN = 0.2, 0.15, 0.06


def plan(source: hands.Source, width: float, rng: np.random.Generator) -> Plan:
    """Draw what kind of pages of this width to write, and who writes them."""
    kind = str(rng.choice(list(KINDS), p=[share for _, share in KINDS.values()]))
    low, high = np.log(hands.SIZES) + np.log(width / USUAL_WIDTH) / 2
    high -= 0.4 if kind in SMALL else 0.0
    hand = hands.new_hand(source, float(np.exp(rng.uniform(low, high))), rng)
    distance = hand.size * (DISTANCE[0] + np.ptp(DISTANCE) * rng.random() ** 1.5)
    return Plan(
        kind, source, hand, distance, bool(rng.random() < RULED), rng.uniform(0.3, 0.9)
    )


def write(sheet: Sheet, box: Box, plan: Plan, rng: np.random.Generator):
    """Write a page into a box of the sheet, which is its paper."""
    sides = rng.uniform(0.04, 0.16, 4) * [box.width, box.height, box.width, box.height]
    area = box.inside(*sides)
    pen = Pen(sheet, plan.hand, plan.source, rng)
    if rng.random() < 0.4:
        _page_number(pen, area, plan)
    KINDS[plan.kind][0](pen, area, plan)
    if rng.random() < UPWARDS:
        _upwards(pen, box, area, plan)
    elif plan.kind not in ("blank", "register", "table") and rng.random() < NOTES:
        _notes(pen, box, area, plan)
    if rng.random() < SLANTED:
        _slanted(pen, area, plan)
    if rng.random() < STAMPED:
        clutter.stamp(sheet, box.inside(30, 30, 30, 30), rng)
    if rng.random() < BLOTTED:
        clutter.blots(sheet, area, rng)


def column(pen: Pen, area: Box, plan: Plan) -> float:
    """Write paragraphs into a column; return where the last line stands."""
    rng, y = pen.rng, area.top + pen.size
    rows = np.arange(y, area.bottom + 1, plan.distance)
    if plan.is_ruled:
        clutter.ruling(pen.sheet, area, rows + 0.1 * pen.size, rng)
    jitter = 0.03 if plan.is_ruled else 0.06
    fill = rng.uniform(0.3, 1.0) if rng.random() < 0.4 else 1.0
    count = max(3, round(fill * len(rows)))
    indent, left = rng.choice([0.0, 0.0, 1.5, 3.0]) * pen.size, 0.0
    remaining, beside = int(rng.integers(2, 14)), 0
    ragged, has_filler = rng.uniform(0, 2.5) * pen.size, rng.random() < 0.15
    for number, y in enumerate(rows[:count]):
        starts = number == 0 or remaining == 0
        if starts:
            remaining = int(rng.integers(1, 14))
            if beside == 0 and rng.random() < 0.08 and number + 2 < count:
                tall = int(rng.integers(2, 4))
                bottom, height = y + (tall - 1) * plan.distance, tall * plan.distance
                left = clutter.initial(pen, area.left, bottom, 0.8 * height)
                beside = tall
        x = area.left + (left if beside else indent * starts) + rng.normal(0, 1.5)
        beside = max(0, beside - 1)
        remaining -= 1
        width = area.right - x - rng.uniform(0, 1) * ragged
        is_last = remaining == 0 or number + 1 == count
        width *= rng.uniform(0.15, 1.0) if is_last else 1.0
        y += rng.normal(0, jitter * pen.size)
        end = pen.write(pen.line(width), x, y)
        if is_last and has_filler and end < area.right - 2 * pen.size:
            clutter.filler(pen, end + 0.5 * pen.size, y, area.right)
        if rng.random() < 0.01:
            clutter.crossing_out(pen, x, end, y)
        if rng.random() < 0.012 and end - x > 6 * pen.size:
            _between(pen, rng.uniform(x, x + (end - x) / 2), y - 0.75 * pen.size, plan)
    return float(y)


def _prose(pen: Pen, area: Box, plan: Plan):
    column(pen, _headed(pen, area, plan), plan)


def _columns(pen: Pen, area: Box, plan: Plan):
    area = _headed(pen, area, plan)
    gap = pen.rng.uniform(0.8, 2.5) * pen.size
    count = 3 if area.width > 22 * pen.size and pen.rng.random() < 0.2 else 2
    width = (area.width - (count - 1) * gap) / count
    for number in range(count):
        left = area.left + number * (width + gap)
        column(pen, Box(left, area.top, left + width, area.bottom), plan)
        if number and plan.darkness > 0.7:
            x = left - gap / 2
            ends = [(x, area.top), (x, area.bottom)]
            pen.sheet.rule(ends, plan.darkness / 2)


def _verses(pen: Pen, area: Box, plan: Plan):
    """Write short lines of different lengths, in stanzas."""
    rng, y = pen.rng, _headed(pen, area, plan).top + pen.size
    length, stanza = rng.uniform(0.4, 0.8) * area.width, int(rng.integers(3, 9))
    number, is_apart = 0, rng.random() < 0.3  # the first letters
    while y < area.bottom:
        number += 1
        x = area.left + (number % 2 == 0) * rng.choice([0, 0, 1]) * pen.size
        text = pen.line(rng.uniform(0.6, 1.0) * length)
        pen.write(f"{text[0]} {text[1:]}" if is_apart else text, x, y)
        y += plan.distance * (1.7 if number % stanza == 0 else 1.0)


def _letter(pen: Pen, area: Box, plan: Plan):
    """Write a place and date, a greeting, a text and a name."""
    rng, size = pen.rng, pen.size
    date = pen.fill("date")
    x = max(area.left, area.right - pen.length(date) - rng.uniform(0, 4) * size)
    pen.write(date, x, area.top + size)
    top = area.top + size + rng.uniform(1.2, 3) * plan.distance
    pen.write(pen.phrase(2), area.left + rng.uniform(0, 4) * size, top)
    foot = area.top + rng.uniform(0.4, 1.0) * area.height
    body = Box(area.left, top + 0.6 * plan.distance, area.right, foot)
    y = column(pen, body, plan) + rng.uniform(1.3, 2.5) * plan.distance
    x = area.left + rng.uniform(0.4, 0.7) * area.width
    pen.write(pen.fill("name"), x, y)
    if rng.random() < 0.5:
        clutter.flourish(pen, x, y + 0.5 * size, rng.uniform(2, 7) * size)


def _scattered(pen: Pen, area: Box, plan: Plan):
    """Write a few words here and there: a title, an envelope, a cover."""
    rng = pen.rng
    y = area.top + pen.size + rng.uniform(0, 0.2) * area.height
    for _ in range(int(rng.integers(1, 7))):
        other = pen.other(plan.other_hand(rng.uniform(0.7, 1.8), rng))
        text = other.phrase(int(rng.integers(1, 5)))
        room = max(0.0, area.width - other.length(text))
        other.write(text, area.left + rng.uniform(0.1, 0.9) * room, y)
        y += rng.uniform(1.3, 6) * plan.distance
        if y > area.bottom:
            break
    if rng.random() < 0.4:
        share = rng.uniform(0.3, 0.6)
        top = min(y, area.bottom - 120)
        box = Box(area.left, top, area.left + share * area.width, area.bottom)
        clutter.drawing(pen.sheet, box, rng)


def _blank(pen: Pen, area: Box, plan: Plan):
    """Leave the page blank, or nearly."""
    if plan.is_ruled:
        rows = np.arange(area.top, area.bottom, plan.distance)
        clutter.ruling(pen.sheet, area, rows, pen.rng)
    if pen.rng.random() < 0.3:
        clutter.drawing(pen.sheet, area, pen.rng)


def _headed(pen: Pen, area: Box, plan: Plan) -> Box:
    """Write a heading above a text, sometimes; return the area that is left."""
    rng = pen.rng
    if rng.random() > 0.35:
        return area
    above = pen.other(plan.other_hand(rng.uniform(1.0, 1.7), rng))
    text = above.phrase(int(rng.integers(1, 5)))
    y = area.top + above.size
    room = max(0.0, area.width - above.length(text))
    x = area.left + rng.choice([0.0, 0.5, 0.5]) * room
    end = above.write(text, x, y)
    if rng.random() < 0.4:
        clutter.flourish(above, x, y + 0.5 * above.size, end - x)
    return area.inside(0, above.size + rng.uniform(0.3, 1.5) * plan.distance, 0, 0)


def _page_number(pen: Pen, area: Box, plan: Plan):
    rng = pen.rng
    small = pen.other(plan.other_hand(rng.uniform(0.7, 1.0), rng))
    x = area.left + rng.choice([0.0, 0.5, 0.95]) * area.width
    y = area.top - rng.uniform(0.3, 0.9) * pen.size
    small.write(str(rng.integers(1, 400)), x, y)


def _between(pen: Pen, x: float, y: float, plan: Plan):
    """Write a word between two lines."""
    if plan.distance > 1.3 * pen.size:
        small = pen.hand._replace(size=max(8, round(0.6 * pen.size)))
        pen.other(small).write(pen.phrase(1), x, y)


def _notes(pen: Pen, box: Box, area: Box, plan: Plan):
    """Write notes beside the text, on the side where there is more room."""
    rng = pen.rng
    hand = plan.other_hand(rng.uniform(0.5, 0.8), rng)
    note, gap = pen.other(hand), 0.6 * pen.size
    sides = (
        (box.left + gap, area.left - gap),
        (area.right + gap, box.right - gap),
    )
    left, right = max(sides, key=lambda side: side[1] - side[0])
    if right - left < 3.5 * hand.size:
        return
    y = area.top + rng.uniform(0.5, 6) * plan.distance
    while y < area.bottom:
        for _ in range(int(rng.integers(1, 5))):
            note.write(note.line(right - left), left, y)
            y += 1.15 * hand.size
        y += rng.uniform(2, 14) * plan.distance


def _upwards(pen: Pen, box: Box, area: Box, plan: Plan):
    """Write lines up along the left margin."""
    rng = pen.rng
    hand = plan.other_hand(rng.uniform(0.5, 0.9), rng)
    note = pen.other(hand)
    rows = int((area.left - box.left - 0.8 * hand.size) // (1.2 * hand.size))
    for number in range(min(rows, int(rng.integers(1, 4)))):
        x = box.left + (1.2 + 1.2 * number) * hand.size  # where letters stand
        y = area.bottom - rng.uniform(0, 0.2) * area.height
        width = rng.uniform(0.2, 0.6) * area.height
        note.write(note.line(width), x, y, 90.0)


def _slanted(pen: Pen, area: Box, plan: Plan):
    """Write a line that rises across the foot of the page, if that is empty."""
    rng, lowest = pen.rng, area.top
    for line in pen.sheet.lines:
        if area.left <= line.baseline[:, 0].mean() <= area.right:
            lowest = max(lowest, line.baseline[:, 1].max())
    room = area.bottom - lowest - pen.size
    if room < 4 * pen.size:
        return
    degrees = rng.uniform(15, 60)
    angle = np.radians(degrees)
    length = min(0.8 * room / np.sin(angle), 0.9 * area.width / np.cos(angle))
    pen.write(pen.line(length), area.left + pen.size, area.bottom, degrees)


# What writes a page of each kind, and how many of them are.
KINDS: dict[str, tuple[Callable[[Pen, Box, Plan], None], float]] = {
    "prose": (_prose, 0.33),
    "columns": (_columns, 0.14),
    "register": (registers.entries, 0.13),
    "table": (registers.table, 0.14),
    "letter": (_letter, 0.09),
    "verses": (_verses, 0.08),
    "scattered": (_scattered, 0.06),
    "blank": (_blank, 0.03),
}
SMALL = ("columns", "register", "table")
