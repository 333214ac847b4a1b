"""Shows a page and its text side by side: one HTML file, which needs no other."""

import base64
import html

import cv2
import numpy as np

from ocr_jax.readings import Page, Reading

LONG = 1600  # pixels of the shown image's longer side
QUALITY = 80
# Characters with a lower confidence than this are marked, the less sure the darker.
SURE = 0.9

STYLE = """
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; background: #f4f3f0; }
main { display: flex; align-items: flex-start; }
.page { flex: 3; position: sticky; top: 0; max-height: 100vh; }
.page svg { display: block; width: 100%; max-height: 100vh; }
ol { flex: 2; margin: 0; padding: 1em 1em 1em 3.5em; }
li { padding: 0 .3em; border-radius: 3px; color: #222; }
li::marker { color: #999; font-size: .75em; }
polygon { fill: #1769aa; fill-opacity: .08; stroke: #1769aa; stroke-opacity: .5; }
polygon.on { fill: #ffb300; fill-opacity: .35; }
li.on { background: #ffe6a7; }
"""
SCRIPT = """
for (const part of document.querySelectorAll('[data-line]')) {
  const pair = document.querySelectorAll(`[data-line="${part.dataset.line}"]`);
  const light = on => pair.forEach(one => one.classList.toggle('on', on));
  part.addEventListener('mouseenter', () => light(true));
  part.addEventListener('mouseleave', () => light(false));
  part.addEventListener('click', () => pair.forEach(
    one => one !== part && one.scrollIntoView({block: 'center', behavior: 'smooth'})));
}
"""


def page_html(page: Page, gray: np.ndarray, name: str) -> bytes:
    """Return HTML of a page and its image (H, W)."""
    width, height = page.size
    title, image = html.escape(name), _data_url(gray)
    lines = [
        f'<polygon data-line="{number}" points="{_points(line.outline)}"/>'
        for number, line in enumerate(page.lines)
    ]
    texts = [
        f'<li data-line="{number}" dir="auto">{_marked(line.reading)}</li>'
        for number, line in enumerate(page.lines)
    ]
    return "\n".join(
        [
            '<!doctype html><html><head><meta charset="utf-8">',
            f"<title>{title}</title><style>{STYLE}</style></head><body><main>",
            f'<div class="page"><svg viewBox="0 0 {width} {height}">',
            f'<image href="{image}" width="{width}" height="{height}"/>',
            *lines,
            "</svg></div><ol>",
            *texts,
            f"</ol></main><script>{SCRIPT}</script></body></html>",
        ]
    ).encode()


def _marked(reading: Reading) -> str:
    """Return a reading as HTML, its unsure characters marked."""
    parts = []
    for part in reading.characters:
        text = html.escape(part.text)
        if part.confidence < SURE and not part.text.isspace():
            shade = round(0.8 * (1.0 - part.confidence / SURE) + 0.15, 2)
            sure = f"{part.confidence:.0%}"
            text = (
                f'<span style="background:rgba(220,60,40,{shade})" title="{sure}">'
                f"{text}</span>"
            )
        parts.append(text)
    return "".join(parts) or "&nbsp;"


def _points(outline: np.ndarray) -> str:
    return " ".join(f"{x:.0f},{y:.0f}" for x, y in outline)


def _data_url(gray: np.ndarray) -> str:
    factor = min(1.0, LONG / max(gray.shape))
    size = [max(1, round(side * factor)) for side in gray.shape[::-1]]
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
