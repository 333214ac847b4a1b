"""How well and how fast whole pages are read, beside the same with the true lines.

    python experiments/benchmarks/whole_pages.py PAGES
    python experiments/benchmarks/whole_pages.py PAGES --kraken_python=PYTHON

PAGES is a folder of images with ALTO or PAGE XML. For each page this measures F1 of the
found baselines, seconds to find and to read, and the CER of its text: as a whole in
reading order, by the best assignment of found to true lines, and of the true lines.
Where annotation is partial, lines that are there count as mistakes. Kraken finds lines
with the network that comes with it.
"""

import dataclasses
import json
import resource
import subprocess
import time
from pathlib import Path

import numpy as np

from ocr_jax import charset, errors, page_reader, run_names
from ocr_jax.data import pages_file
from ocr_jax.images import page_size
from ocr_jax.pages import finder, line_reading, page_scores, page_texts
from ocr_jax.recognizer import Recognizer
from ocr_jax.scoring import page_metrics
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
    reader.read_gray(open_page(pages[0])[0])  # compiles
    rows = [measure(page, reader) for page in pages]
    if args.kraken_python:
        for row, kraken in zip(rows, with_kraken(pages, args), strict=True):
            row |= kraken
    for row in rows:
        print(json.dumps(row))
    print(json.dumps(means(rows)))
    if args.out:
        args.out.write_text(json.dumps({"pages": rows, "means": means(rows)}, indent=1))


def open_page(page: locating.Found):
    """Return a page's image (H, W), its lines with baselines, and their scale."""
    parse = any_format.PARSERS[page.head.format]
    gray, described, scale = line_cutting.open_page(page.path, page.image, parse)
    lines = [line for line in described.lines if len(line.baseline) > 1]
    return gray, lines, scale


def measure(page: locating.Found, reader: page_reader.PageReader) -> dict:
    """Find and read a page; compare with its lines and texts."""
    gray, lines, scale = open_page(page)
    baselines = [line.baseline * scale for line in lines]
    texts = [
        pages_file.Text(charset.written(line.text)[0], line.outline * scale)
        for line in lines
    ]
    started, before = time.perf_counter(), time.process_time()
    found = line_reading.in_order(reader.finder.find(gray), gray.shape[1])
    finding, processor = time.perf_counter() - started, time.process_time() - before
    read = line_reading.read_found(reader.recognizer, gray, found)
    whole = time.perf_counter() - started
    counts = page_texts.score(reader.recognizer, gray, read, baselines, texts)
    return {
        **dataclasses.asdict(score(page.name, gray, found, baselines, counts)),
        "seconds_finding": finding,
        "processor_seconds_finding": processor,
        "seconds": whole,
    }


def score(name, gray, found, baselines, counts) -> page_metrics.PageScore:
    """Score found lines at the size at which pages are looked at."""
    factor = page_size.LONG / max(gray.shape)
    true = [pages_file.Line(baseline, 0.0, 0.0) for baseline in baselines]
    scaled = ([line.scaled(factor) for line in lines] for lines in (found, true))
    return page_scores.row(name, *scaled, counts)


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
        gray, lines, scale = open_page(page)
        baselines = [line.baseline * scale for line in lines]
        found = [
            pages_file.Line(np.array(baseline, float), 0.0, 0.0)
            for baseline in answer["baselines"]
        ]
        scores = score(page.name, gray, found, baselines, {})
        rows.append(
            {
                "kraken_f1": scores.f1,
                "kraken_precision": scores.precision,
                "kraken_recall": scores.recall,
                "kraken_seconds_finding": answer["seconds"],
                "kraken_processor_seconds_finding": answer["processor_seconds"],
                "kraken_gigabytes": answer["gigabytes"],
            }
        )
    return rows


def means(rows: list[dict]) -> dict:
    """Return means over pages, CERs over all letters, and the most memory."""
    names = {field.name for field in dataclasses.fields(page_metrics.PageScore)}
    scores = [{key: row[key] for key in row if key in names} for row in rows]
    others = [key for key in rows[0] if key not in names]
    averaged = {key: float(np.mean([row[key] for row in rows])) for key in others}
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    found = page_metrics.summary(page_metrics.from_json(scores))
    return found | averaged | {"gigabytes": used}


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
