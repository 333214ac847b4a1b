"""What is on pages beside writing: rules, stamps, drawings, blots, initials."""

import math

import cv2
import numpy as np

from ocr_jax.sources.synthetic_pages.sheets import Box, Pen, Sheet

ANYWHERE = "HNPSVFLDB"


def flourish(pen: Pen, x: float, y: float, width: float):
    """Draw a swung line, as below a heading or a name."""
    t = np.linspace(0, 1, 40)
    rng = pen.rng
    swing = np.sin(2 * math.pi * t * rng.integers(3)) * rng.uniform(0.05, 0.35)
    rise = rng.normal(0, 0.05) * t * width
    points = np.stack([x + t * width, y + swing * pen.size + rise], 1)
    pen.sheet.rule(points, pen.hand.darkness * 0.9, int(rng.integers(1, 3)))


def filler(pen: Pen, x: float, y: float, right: float):
    """Fill the rest of a line: with a stroke, dashes or dots."""
    rng, middle = pen.rng, y - 0.2 * pen.size
    kind, darkness = rng.integers(3), pen.hand.darkness * 0.9
    if kind == 0:
        pen.sheet.rule([(x, middle), (right, middle + rng.normal(0, 3))], darkness)
        return
    step, length = (0.9, 0.5) if kind == 1 else (0.45, 0.05)
    for start in np.arange(x, right, step * pen.size):
        end = start + length * pen.size
        pen.sheet.rule([(start, middle), (end, middle)], darkness, 1 + (kind == 2))


def crossing_out(pen: Pen, left: float, right: float, y: float):
    """Strike a part of a line through."""
    left, right = sorted(pen.rng.uniform(left, right, 2))
    middle = y - 0.22 * pen.size + pen.rng.normal(0, 1, 2)
    pen.sheet.rule([(left, middle[0]), (right, middle[1])], pen.hand.darkness, 2)


def initial(pen: Pen, x: float, y: float, height: float) -> float:
    """Draw a large letter that stands at (x, y); return its width."""
    letter, face = pen.rng.choice(list(ANYWHERE)), cv2.FONT_HERSHEY_COMPLEX
    thickness = int(pen.rng.integers(2, 6))
    scale = cv2.getFontScaleFromHeight(face, max(8, round(height)), thickness)
    (width, _), _ = cv2.getTextSize(letter, face, scale, thickness)
    tone, at = round(255 * pen.hand.darkness), (round(x), round(y))
    cv2.putText(pen.sheet.drawn, letter, at, face, scale, tone, thickness, cv2.LINE_AA)
    return width + 0.3 * pen.size


def stamp(sheet: Sheet, box: Box, rng: np.random.Generator):
    """Press a round or oval stamp somewhere on a box."""
    centre = np.array([rng.uniform(*box[::2]), rng.uniform(*box[1::2])])
    axes = rng.uniform(22, 45) * np.array([1.0, rng.uniform(0.6, 1.0)])
    darkness, turn = rng.uniform(0.25, 0.7), rng.uniform(0, 2 * math.pi)
    around = np.linspace(0, 2 * math.pi, 48)
    circle = np.stack([np.cos(around), np.sin(around)], 1)
    for share in (1.0, rng.uniform(0.55, 0.9)):
        sheet.rule(centre + share * axes * circle, darkness, int(rng.integers(1, 3)))
    for angle in np.arange(0, 2 * math.pi, 0.3):  # letters, too small to be read
        foot = np.array([math.cos(angle + turn), math.sin(angle + turn)])
        ends = [centre + share * axes * foot for share in (0.72, 0.86)]
        sheet.rule(ends + rng.normal(0, 2, (2, 2)), darkness, 2)
    for _ in range(int(rng.integers(2, 6))):
        sheet.rule(centre + axes * rng.normal(0, 0.25, (4, 2)), darkness, 1)


def drawing(sheet: Sheet, box: Box, rng: np.random.Generator):
    """Sketch curves in a box: a drawing, or strokes to try a pen."""
    low, size = np.array(box[:2]), np.array([box.width, box.height])
    for _ in range(int(rng.integers(3, 14))):
        middle, extent = rng.uniform(0.15, 0.85, 2), rng.uniform(0.02, 0.2, 2)
        t = np.linspace(0, rng.uniform(1, 2 * math.pi), 40)
        turns = rng.integers(1, 3, 2)
        shape = np.stack([np.cos(turns[0] * t), np.sin(turns[1] * t)], 1)
        points = low + size * np.clip(middle + extent * shape, 0, 1)
        sheet.rule(points, rng.uniform(0.4, 0.9), int(rng.integers(1, 4)))


def blots(sheet: Sheet, box: Box, rng: np.random.Generator):
    """Spill a few drops of ink."""
    for _ in range(int(rng.integers(1, 8))):
        at = round(rng.uniform(*box[::2])), round(rng.uniform(*box[1::2]))
        radius = int(rng.integers(1, 7))
        tone = round(255 * rng.uniform(0.4, 0.95))
        cv2.circle(sheet.drawn, at, radius, tone, -1, cv2.LINE_AA)


def ruling(sheet: Sheet, box: Box, rows: np.ndarray, rng: np.random.Generator):
    """Rule a box below rows y; sometimes with lines at its sides."""
    darkness = rng.uniform(0.06, 0.35)
    for y in rows:
        sheet.rule([(box.left, y), (box.right, y)], darkness)
    if rng.random() < 0.5:
        for x in (box.left, box.right)[: rng.integers(1, 3)]:
            sheet.rule([(x, box.top - 40), (x, box.bottom + 40)], darkness)
