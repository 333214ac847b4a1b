"""How well and how fast whole pages are read, beside the same with the true lines.

    python experiments/benchmarks/whole_pages.py PAGES
    python experiments/benchmarks/whole_pages.py PAGES --kraken_python=PYTHON

PAGES is a folder of images with ALTO or PAGE XML. For each page this measures F1 of the
found baselines, seconds to find and to read, and the CER of its text: as a whole in
reading order, by the best assignment of found to true lines, and of the true lines.
Where annotation is partial, lines that are there count as mistakes. Kraken finds lines
with the network that comes with it.
"""

import json
import resource
import subprocess
import time
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy.optimize import linear_sum_assignment

from ocr_jax import charset, errors, page_reader, run_names
from ocr_jax.data.pages_file import Line
from ocr_jax.images import page_size
from ocr_jax.pages import baseline_scores, finder, reading_order
from ocr_jax.recognizer import Recognizer
from ocr_jax.sources.pages import any_format, line_cutting, locating

KRAKEN = Path(__file__).with_name("peers") / "kraken_lines.py"


def main():
    """Measure, and print a table and the means."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path)
    run_names.add_network_flags(parser)
    parser.add_argument("--kraken_python", help="a Python that can import kraken")
    parser.add_argument("--out", type=Path, help="JSON of all rows")
    args = parser.parse_args()
    found, _ = locating.find(args.pages, tuple(any_format.PARSERS))
    pages = [page for page in found if not page.problem]
    reader = page_reader.PageReader(
        finder.load(args.finder), Recognizer.load(args.workdir)
    )
    reader.read_gray(_open(pages[0])[0])  # compiles
    rows = [measure(page, reader) for page in pages]
    if args.kraken_python:
        for row, kraken in zip(rows, with_kraken(pages, args), strict=True):
            row |= kraken
    for row in rows:
        print(json.dumps(row))
    print(json.dumps(means(rows)))
    if args.out:
        args.out.write_text(json.dumps({"pages": rows, "means": means(rows)}, indent=1))


def _open(page: locating.Found):
    parse = any_format.PARSERS[page.head.format]
    gray, described, scale = line_cutting.open_page(page.path, page.image, parse)
    lines = [line for line in described.lines if len(line.baseline) > 1]
    return gray, lines, scale


def measure(page: locating.Found, reader: page_reader.PageReader) -> dict:
    """Find and read a page; compare with its lines and texts."""
    gray, lines, scale = _open(page)
    started = time.perf_counter()
    found = reader.finder.find(gray)
    ordered = [found[i] for i in reading_order.order(found, gray.shape[1])]
    finding = time.perf_counter() - started
    read = reader.read_lines(gray, ordered)
    whole = time.perf_counter() - started
    images = [
        reader.cut(gray, line.baseline * scale, line.outline * scale) for line in lines
    ]
    given = [reading.text for reading in reader.recognizer.read_lines(images)]
    true = [charset.normalize(line.text) for line in lines]
    texts = [line.reading.text for line in read.lines]
    scores = score(gray, found, lines, scale)
    return {
        "page": page.name,
        "lines": len(lines),
        "found": len(found),
        "f1": scores.f1,
        "precision": scores.precision,
        "recall": scores.recall,
        "seconds_finding": finding,
        "seconds": whole,
        "letters": sum(map(len, true)),
        "errors_whole": Levenshtein.distance("\n".join(texts), "\n".join(true)),
        "errors_assigned": assigned_errors(texts, true),
        "errors_true_lines": sum(map(Levenshtein.distance, given, true)),
    }


def score(gray, found: list[Line], lines, scale) -> baseline_scores.Scores:
    """Score found lines at the size at which pages are looked at."""
    factor = page_size.LONG / max(gray.shape)
    return baseline_scores.score(
        [line.baseline * factor for line in found],
        [line.baseline * scale * factor for line in lines],
    )


def assigned_errors(texts: list[str], true: list[str]) -> int:
    """Return the errors if each text stands for one true line at most, or for none."""
    size = len(texts) + len(true)
    costs = np.zeros((size, size))
    for row, text in enumerate(texts):
        costs[row, : len(true)] = [Levenshtein.distance(text, one) for one in true]
        costs[row, len(true) :] = len(text)
    costs[len(texts) :, : len(true)] = [len(one) for one in true]
    return int(costs[linear_sum_assignment(costs)].sum())


def with_kraken(pages: list[locating.Found], args) -> list[dict]:
    """Return F1 and seconds of Kraken's finder, in a process of its own."""
    images = [str(page.image) for page in pages]
    done = subprocess.run(
        [args.kraken_python, KRAKEN, *images],
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(row) for row in done.stdout.splitlines() if row[:1] == "{"]
    rows = []
    for page, answer in zip(pages, answers, strict=True):
        gray, lines, scale = _open(page)
        found = [Line(np.array(b, float), 0.0, 0.0) for b in answer["baselines"]]
        scores = score(gray, found, lines, scale)
        rows.append(
            {
                "kraken_f1": scores.f1,
                "kraken_precision": scores.precision,
                "kraken_recall": scores.recall,
                "kraken_seconds_finding": answer["seconds"],
                "kraken_gigabytes": answer["gigabytes"],
            }
        )
    return rows


def means(rows: list[dict]) -> dict:
    """Return means over pages, CERs over all letters, and the most memory."""
    letters = sum(row["letters"] for row in rows)
    shares = ("f1", "precision", "recall", "seconds")
    averaged = [key for key in rows[0] if any(name in key for name in shares)]
    summary = {key: float(np.mean([row[key] for row in rows])) for key in averaged}
    for kind in ("whole", "assigned", "true_lines"):
        summary[f"cer_{kind}"] = sum(row[f"errors_{kind}"] for row in rows) / letters
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return summary | {"gigabytes": used}


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
