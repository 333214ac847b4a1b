"""How well lines are read however they were cut out of their page.

    python experiments/benchmarks/cut_lines.py PAGES [--enlarged=3]

PAGES is a folder of images with PAGE or ALTO XML. Lines are cut as rectangles, and
along their outline onto white, black or transparent ground, saved as PNG and as JPEG.
The last row is read as `transcribe --lines=xml` does. --enlarged makes the pages larger
first, as finer scans are.
"""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from rapidfuzz.distance import Levenshtein

from ocr_jax import charset, decoders, errors, run_names
from ocr_jax.recognizer import Recognizer
from ocr_jax.sources.pages import any_format, line_cutting, locating

SHORTEST = 8  # characters; shorter texts are numbers and marks
WAYS = ("rectangle", "white", "white, JPEG", "black", "black, JPEG", "transparent")


def main():
    """Print a row with the CER of each way to cut."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path)
    run_names.add_network_flags(parser)
    parser.add_argument("--decoder", choices=decoders.NAMES, default="greedy")
    parser.add_argument("--lines", type=int, default=300, help="drawn, with seed 1")
    parser.add_argument("--enlarged", type=float, default=1.0)
    args = parser.parse_args()
    recognizer = Recognizer.load(run_names.resolve(args.workdir), args.decoder)
    lines = drawn(args)
    texts = [charset.written(line.text)[0] for _, line in lines]
    print(f"| {len(lines)} lines cut | CER | read as nothing |\n|---|---|---|")
    for way in WAYS:
        images = [cut(gray, line.outline, way) for gray, line in lines]
        print_row(way, texts, recognizer.read(images, on_error="skip"))
    height = recognizer.best.height
    by_outline = [
        line_cutting.cut_or_nothing(gray, line, np.ones(2), height=height)
        for gray, line in lines
    ]
    print_row("the page, by outline", texts, recognizer.read_lines(by_outline))


def drawn(args) -> list[tuple[np.ndarray, line_cutting.TextLine]]:
    """Return lines in the pixels of their page (H, W), which stands before each."""
    found, _ = locating.find(args.pages, tuple(any_format.PARSERS))
    lines = []
    for page in found:
        if page.problem:
            continue
        parse = any_format.PARSERS[page.head.format]
        gray, described, scale = line_cutting.open_page(page.path, page.image, parse)
        by = args.enlarged
        gray = cv2.resize(gray, None, fx=by, fy=by, interpolation=cv2.INTER_CUBIC)
        lines += [
            (
                gray,
                line._replace(
                    outline=line.outline * scale * by,
                    baseline=line.baseline * scale * by,
                ),
            )
            for line in described.lines
            if len(charset.normalize(line.text)) >= SHORTEST and len(line.outline) > 2
        ]
    chosen = np.random.default_rng(1).permutation(len(lines))[: args.lines]
    return [lines[index] for index in chosen]


def cut(gray: np.ndarray, outline: np.ndarray, way: str) -> bytes | np.ndarray:
    """Return an image of the line, or the bytes of a JPEG."""
    limit = gray.shape[::-1]
    left, top = np.clip(np.floor(outline.min(axis=0)).astype(int), 0, limit)
    right, bottom = np.clip(np.ceil(outline.max(axis=0)).astype(int) + 1, 0, limit)
    image = gray[top:bottom, left:right]
    if way == "rectangle":
        return image
    inside = np.zeros_like(image)
    corners = np.round(outline - (left, top)).astype(np.int32)
    cv2.fillPoly(inside, [corners], 1)
    if way == "transparent":
        return np.dstack([image, image, image, 255 * inside])
    ground = 255 if way.startswith("white") else 0
    image = np.where(inside, image, ground).astype(np.uint8)
    return as_jpeg(image) if way.endswith("JPEG") else image


def as_jpeg(image: np.ndarray) -> bytes:
    """Return the image as a JPEG of usual quality."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=75)
    return file.getvalue()


def print_row(way: str, texts: list[str], readings):
    """Print the CER of readings, and how many are empty."""
    pairs = zip(texts, readings, strict=True)
    edits = sum(Levenshtein.distance(text, reading.text) for text, reading in pairs)
    empty = sum(not reading.text for reading in readings)
    print(f"| {way} | {edits / sum(map(len, texts)):.1%} | {empty} |", flush=True)


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
