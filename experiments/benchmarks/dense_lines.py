"""What it brings to read dense lines again, stretched, and what it costs.

    python experiments/benchmarks/dense_lines.py data/lines.h5 --lines=200

For each lines file this prints the CER of validation lines, and lines a second, for
each width that dense lines are stretched to at most; 1 reads all lines once.
"""

import time
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein

from ocr_jax import charset, decoders, errors, pretrained
from ocr_jax.data import lines_file, stretching
from ocr_jax.images.cleaning import CleanLine
from ocr_jax.recognizer import Recognizer


def main():
    """Read some validation lines of each file in both ways; print a row a file."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("lines_files", nargs="+", type=Path)
    parser.add_argument("--workdir", default=pretrained.RECOGNIZER)
    parser.add_argument("--decoder", choices=decoders.NAMES)
    parser.add_argument("--lines", type=int, default=200, help="drawn, with seed 0")
    parser.add_argument(
        "--widest", type=float, nargs="+", default=(1.0, stretching.WIDEST)
    )
    args = parser.parse_args()
    recognizer = Recognizer.load(args.workdir, args.decoder)
    heads = [f"up to x {widest:g}, lines/s" for widest in args.widest]
    print("| CER of validation lines | " + " | ".join(heads) + " |")
    print("|---" * (1 + len(heads)) + "|")
    for path in args.lines_files:
        lines, transcripts = drawn(path, args.lines)
        cells = []
        for widest in args.widest:
            stretching.WIDEST = widest
            recognizer.read_lines(lines)  # compiles
            started = time.perf_counter()
            readings = recognizer.read_lines(lines)
            speed = len(lines) / (time.perf_counter() - started)
            pairs = zip(readings, transcripts, strict=True)
            edits = sum(Levenshtein.distance(r.text, text) for r, text in pairs)
            cells.append(f"{edits / sum(map(len, transcripts)):.1%}, {speed:.0f}")
        print(
            f"| {len(lines)} of {path.stem} | " + " | ".join(cells) + " |", flush=True
        )


def drawn(path: Path, count: int) -> tuple[list[CleanLine], list[str]]:
    """Return some validation lines and their transcripts."""
    with lines_file.LinesFile(path) as file:
        split = file.split("validation")
        chosen = np.random.default_rng(0).permutation(len(split))[:count]
        lines = [CleanLine(split.image(index), 0.0, 1.0) for index in chosen]
        return lines, [charset.normalize(split.transcripts[i]) for i in chosen]


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
