"""Make a lines file or a pages file from raw data, or draw what is in one.

python -m ocr_jax.prepare folder --source=DIR --out=data/lines.h5
python -m ocr_jax.prepare tsv --source=TABLE.tsv --out=data/lines.h5
python -m ocr_jax.prepare pages --source=DIR --out=data/lines.h5
python -m ocr_jax.prepare whole_pages --source=DIR --out=data/pages.h5
python -m ocr_jax.prepare iam --source=DIR --height=64 --out=data/iam_64.h5
python -m ocr_jax.prepare fonts --lines=6000 --out=data/fonts.h5
python -m ocr_jax.prepare synthetic_pages --pages=500 --out=data/synthetic_pages.h5
python -m ocr_jax.prepare join --source=MINE.h5 --with=SYNTHETIC.h5 --out=data/joined.h5
python -m ocr_jax.prepare recombine --source=MINE.h5 --workdir=RUN --out=data/more.h5
python -m ocr_jax.prepare show data/lines.h5 --out=lines.png
python -m ocr_jax.prepare show data/lines.h5 --out=lines.png --augment
python -m ocr_jax.prepare show data/pages.h5 --out=pages.png
python -m ocr_jax.prepare show page.jpg --out=page.png
"""

import argparse
import os
import sys
from pathlib import Path

from ocr_jax import config, errors, pretrained
from ocr_jax.data import lines_file, pages_file
from ocr_jax.errors import UserError
from ocr_jax.images import contact_sheet, page_images
from ocr_jax.sources import making


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 2 for a mistake, 130 for Ctrl-C."""
    return errors.exit_code(lambda: run(argv))


def run(argv: list[str] | None = None):
    """Run the command that argv names. Raises UserError for a mistake."""
    args = _parser().parse_args(argv)
    if args.command == "show":
        _show(args)
    else:
        making.make(args)


def _show(args: argparse.Namespace):
    # Unlike Path.is_dir, os.path.isdir doesn't raise in a folder that is closed.
    is_image = args.file.suffix.lower() in page_images.SUFFIXES
    is_image |= os.path.isdir(args.file)
    split = args.split or "train"
    if is_image or pages_file.is_one(args.file):
        if args.augment:
            raise UserError("--augment is for lines files: pages are drawn as they are")
        from ocr_jax.pages import page_sheet  # imports jax

        if is_image:
            if args.split:
                raise UserError(
                    "--split is for lines and pages files: images have none"
                )
            finder = args.finder or pretrained.FINDER
            images = {"count": args.count, "finder": finder}
            page_sheet.draw_images([args.file], args.out, **images)
        else:
            pages = {"count": args.count, "finder": args.finder}
            page_sheet.draw_file(args.file, args.out, split, **pages)
        return
    if args.finder:
        raise UserError("--finder is for pages: lines are drawn as they are")
    training = args.augment and _varying(args.augment)
    contact_sheet.draw(args.file, args.out, split, count=args.count, config=training)
    with lines_file.LinesFile(args.file) as file:
        print(making.summary([file.split(name) for name in file.splits], file.charset))


def _varying(path: str):
    """Load a config file. Raises UserError if its training varies no lines."""
    training = config.load([f"--config={path}"])
    if not training.augment.probability:
        raise UserError(
            f"--augment={path}: its config.augment.probability is 0, which varies "
            "nothing: name a config that augments, such as configs/lines_ctc.py"
        )
    return training


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python -m ocr_jax.prepare", description=__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    making.add_commands(commands)
    show = commands.add_parser("show", help="Draw lines, or pages with theirs.")
    show.add_argument("file", type=Path, help="a lines or pages file, or page images")
    show.add_argument("--out", required=True, type=Path, help="the PNG to write")
    show.add_argument("--split", help="of a lines or pages file (default: train)")
    show.add_argument(
        "--count",
        type=making.count,
        default=20,
        help="lines or pages to draw (default: 20)",
    )
    show.add_argument(
        "--augment",
        metavar="CONFIG",
        nargs="?",
        const="lines_ctc",
        help="also draw each line as this config stretches and augments it (default: "
        "%(const)s)",
    )
    show.add_argument(
        "--finder",
        default="",
        help="draw where this finds the lines of pages, too: a workdir, or what ships "
        f"(default: {pretrained.FINDER} for images, none for a pages file)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
