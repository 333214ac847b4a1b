"""How often pages that lie on their side or upside down are read the right way up.

    python experiments/benchmarks/turned_pages.py PAGES --every=2

PAGES is a folder of upright pages with ALTO or PAGE XML. Each page is turned four ways
and read; a line says which are turned back as they must be, the last how many.
"""

from pathlib import Path

import whole_pages

from ocr_jax import errors, run_names
from ocr_jax.page_reader import PageReader
from ocr_jax.pages import turning
from ocr_jax.sources.pages import any_format, locating

WAYS = (0, 90, 180, 270)  # degrees, clockwise


def main():
    """Read every page four ways; print which are right."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take one page in so many")
    run_names.add_network_flags(parser)
    args = parser.parse_args()
    reader = PageReader.load(args.workdir, finder=args.finder)
    found, _ = locating.find(args.pages, tuple(any_format.PARSERS))
    right = {degrees: 0 for degrees in WAYS}
    pages = [page for page in found if not page.problem][:: args.every]
    for page in pages:
        gray, *_ = whole_pages.open_page(page)
        answers = {degrees: way_back(reader, gray, degrees) for degrees in WAYS}
        for degrees, answer in answers.items():
            right[degrees] += (degrees + answer) % 360 == 0
        print(page.path.name, answers, flush=True)
    print(f"right of {len(pages)} pages, by degrees: {right}")


def way_back(reader: PageReader, gray, degrees: int) -> int:
    """Turn a page; return by how many degrees the reader turns it."""
    return reader.read_gray(turning.turn(gray, degrees).image).turned


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
