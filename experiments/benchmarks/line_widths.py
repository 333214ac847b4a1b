"""What a network reads of lines that are squeezed or stretched, and the best choice.

    python experiments/benchmarks/line_widths.py data/lines.h5 --lines=200

Hands are wider or narrower for their height than those that a network was trained on.
For each lines file this prints the CER at each width, of the readings that the network
is surest of, and of the best ones, which only the transcripts can tell.
"""

from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein

from ocr_jax import charset, decoders, errors, pretrained
from ocr_jax.data import lines_file
from ocr_jax.images.cleaning import CleanLine
from ocr_jax.recognizer import Recognizer

WIDTHS = (0.8, 1.0, 1.25, 1.5)


def main():
    """Read some validation lines of each file at each width; print a row a file."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("lines_files", nargs="+", type=Path)
    parser.add_argument("--workdir", default=pretrained.RECOGNIZER)
    parser.add_argument("--decoder", choices=decoders.NAMES, default="greedy")
    parser.add_argument("--lines", type=int, default=200, help="drawn, with seed 0")
    args = parser.parse_args()
    recognizer = Recognizer.load(args.workdir, args.decoder)
    heads = [*(f"x {width}" for width in WIDTHS), "surest", "best"]
    print(f"| CER of {args.lines} validation lines | " + " | ".join(heads) + " |")
    print("|---" * (1 + len(heads)) + "|")
    for path in args.lines_files:
        rates = measure(recognizer, *drawn(path, args.lines))
        cells = " | ".join(f"{rate:.1%}" for rate in rates)
        print(f"| {path.stem} | {cells} |", flush=True)


def drawn(path: Path, count: int) -> tuple[list[np.ndarray], list[str]]:
    """Return images and transcripts of some validation lines."""
    with lines_file.LinesFile(path) as file:
        split = file.split("validation")
        chosen = np.random.default_rng(0).permutation(len(split))[:count]
        images = [split.image(index) for index in chosen]
        return images, [charset.normalize(split.transcripts[i]) for i in chosen]


def measure(recognizer: Recognizer, images, transcripts) -> list[float]:
    """Return the CER at each width, of the surest readings and of the best ones."""
    lines, edits, sure = [CleanLine(image, 0.0, 1.0) for image in images], [], []
    for width in WIDTHS:
        readings = recognizer.read_lines([line.stretched(width) for line in lines])
        pairs = zip(readings, transcripts, strict=True)
        edits.append([Levenshtein.distance(r.text, text) for r, text in pairs])
        sure.append([reading.weight for reading in readings])
    edits, surest = np.array(edits), np.argmax(sure, axis=0)
    of_surest = edits[surest, np.arange(len(images))]
    rows = [*edits, of_surest, edits.min(axis=0)]
    return [row.sum() / sum(map(len, transcripts)) for row in rows]


if __name__ == "__main__":
    main()
