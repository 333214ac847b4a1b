"""Make a lines file of raw data, or look at one.

python -m ocr_jax.prepare folder --source=DIR --out=data/lines.h5
python -m ocr_jax.prepare alto --source=DIR --out=data/lines.h5
python -m ocr_jax.prepare iam --source=DIR --split=aachen --out=data/iam_lines.h5
python -m ocr_jax.prepare fonts --lines=6000 --out=data/fonts.h5
python -m ocr_jax.prepare join --source=MINE.h5 --with=MADE_UP.h5 --out=data/joined.h5
python -m ocr_jax.prepare recombine --source=MINE.h5 --workdir=RUN --out=data/more.h5
python -m ocr_jax.prepare show data/lines.h5 --out=lines.png
python -m ocr_jax.prepare show data/lines.h5 --out=lines.png --augment
"""

import argparse
import collections
import itertools
import multiprocessing
import signal
import sys
from collections.abc import Iterable, Iterator
from concurrent import futures
from concurrent.futures import process
from pathlib import Path

import cv2
import numpy as np
import rich.progress

from ocr_jax import config, errors, sources
from ocr_jax.charset import Charset
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.errors import UserError
from ocr_jax.images import contact_sheet
from ocr_jax.runtime import slots
from ocr_jax.sources import folder, fsdl, join, recombine, tsv
from ocr_jax.sources.emnist import emnist, emnist_lines
from ocr_jax.sources.iam import iam
from ocr_jax.sources.pages import alto, page_xml
from ocr_jax.sources.synthetic import fonts

SOURCES = {
    "folder": folder,
    "tsv": tsv,
    "alto": alto,
    "page": page_xml,
    "iam": iam,
    "fsdl": fsdl,
    "emnist": emnist,
    "emnist_lines": emnist_lines,
    "fonts": fonts,
    "join": join,
    "recombine": recombine,
}
# How many reasons for skipping are shown, and how many names for each.
SHOWN_REASONS = 10
SHOWN_NAMES = 10


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 2 for a mistake, 130 for Ctrl-C."""
    return errors.exit_code(lambda: run(argv))


def run(argv: list[str] | None = None):
    """Run the command that argv names; UserError for a mistake in what it is given."""
    args = _parser().parse_args(argv)
    if args.command == "show":
        augment = args.augment and _strengths(args.augment)
        contact_sheet.draw(
            args.file, args.out, args.split, count=args.count, augment=augment
        )
        with lines_file.LinesFile(args.file) as file:
            print(summary([file.split(name) for name in file.splits], file.charset))
    else:
        _prepare(args)


def _strengths(path: str):
    """The config.augment of a config file; UserError where it varies nothing."""
    strengths = config.load([f"--config={path}"]).augment
    if not strengths.probability:
        raise UserError(
            f"--augment={path}: its config.augment.probability is 0, which varies "
            "nothing: name a config that augments, such as configs/lines_ctc.py"
        )
    return strengths


def summary(splits: list[lines_file.Split], charset: Charset) -> str:
    """Lines, writers, characters and widths of each split, and the charset."""
    rows = [("", "lines", "writers", "characters", "width: least", "median", "most")]
    for split in splits:
        widths = split.widths
        counts = (
            len(split),
            len(set(split.writers) - {""}),
            sum(map(len, split.transcripts)),
            widths.min(),
            int(np.median(widths)),
            widths.max(),
        )
        rows.append((split.name, *(f"{count:,}" for count in counts)))
    table = "\n".join("".join(f"{cell:>13}" for cell in row) for row in rows)
    characters = "".join(charset.characters)
    return f"{table}\n{len(characters)} characters: {characters}"


def _prepare(args: argparse.Namespace):
    source = SOURCES[args.command]
    tasks = source.tasks(args)
    writer = lines_writer.LinesWriter(
        args.out,
        height=args.height,
        source=" ".join([args.command, str(getattr(args, "source", ""))]).strip(),
        license=args.license,
        about=source.about(args) if hasattr(source, "about") else None,
        overwrite=args.overwrite,
    )
    skipped, written = collections.defaultdict(list), collections.Counter()
    with writer:
        for items in _read_all(args, tasks):
            for item in items:
                if isinstance(item, sources.Skipped):
                    skipped[item.reason].append(item.name)
                else:
                    writer.add(*item)
                    written[item[0]] += 1
        reasons = "; ".join(_reasons(skipped)) or "the source holds none"
        if not written:
            raise UserError(f"no line could be read: {reasons}")
        if hasattr(source, "lacking") and (lacking := source.lacking(args, written)):
            raise UserError(f"{lacking}: {reasons}")
    with lines_file.LinesFile(args.out) as file:
        print(f"{args.out}: {written.total():,} lines, {args.height} px high")
        print(summary([file.split(name) for name in file.splits], file.charset))
    if "validation" not in written and hasattr(args, "writer_regex"):
        print(
            "no validation lines, without which nothing can be trained: lines of one "
            "writer stay together, and too few are told apart; see --writer_regex"
        )
    if skipped:
        print(f"skipped: {sum(map(len, skipped.values())):,}")
        print(*_reasons(skipped), sep="\n")


def _reasons(skipped: dict[str, list[str]]) -> list[str]:
    """The commonest reasons, each with how often it came up and a few names."""
    ordered = sorted(skipped.items(), key=lambda item: -len(item[1]))
    parts = []
    for reason, names in ordered[:SHOWN_REASONS]:
        more = " …" if len(names) > SHOWN_NAMES else ""
        shown = ", ".join(names[:SHOWN_NAMES]) + more
        parts.append(f"{len(names):,} x {reason} ({shown})")
    if rest := ordered[SHOWN_REASONS:]:
        count = sum(len(names) for _, names in rest)
        parts.append(f"{count:,} more, for {len(rest)} other reasons")
    return parts


def _read_all(args: argparse.Namespace, tasks: list) -> Iterator[list[sources.Item]]:
    """What each task gives, in the tasks' order, read by several processes."""
    calls = zip(itertools.repeat(args.command), tasks, itertools.repeat(args.height))
    # Forkserver: a fork of a process that has run jax or TensorFlow may hang.
    context = multiprocessing.get_context("forkserver")
    pool = futures.ProcessPoolExecutor(args.workers, context, initializer=_start_worker)
    try:
        yield from rich.progress.track(
            _in_order(pool, calls, ahead=64 * args.workers),
            total=len(tasks),
            description="Preparing",
            disable=not sys.stderr.isatty(),
            console=rich.console.Console(stderr=True),
        )
    except process.BrokenProcessPool:
        raise UserError(
            "a reading process was killed, perhaps for want of memory: try --workers=1"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    pool: futures.Executor, calls: Iterable[tuple], ahead: int
) -> Iterator[list[sources.Item]]:
    """Results in the order of calls, at most `ahead` of them waiting to be taken."""
    pending = collections.deque()
    for call in calls:
        pending.append(pool.submit(_read, *call))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _read(name: str, task, height: int) -> list[sources.Item]:
    try:
        items = SOURCES[name].read(task, height)
    except UserError as error:
        # Without the path, equal reasons are counted as one.
        path, reason = getattr(task, "path", None), str(error)
        reason = reason.replace(str(path), "it") if path else reason
        items = [sources.Skipped(str(getattr(task, "name", task)), reason)]
    return [_writable(item) for item in items]


def _writable(item: sources.Item) -> sources.Item:
    """The item, or why it is left out: HDF5 keeps no zeros and nothing but UTF-8."""
    if isinstance(item, sources.Skipped):
        return item._replace(name=_shown(item.name), reason=_shown(item.reason))
    line = item[1]
    for text in (line.line_id, line.writer, line.transcript):
        if "\0" in text or _shown(text) != text:
            reason = "a zero byte, or one that is not UTF-8, in its name or transcript"
            return sources.Skipped(_shown(line.line_id), reason)
    return item


def _shown(text: str) -> str:
    """The text, with escapes for bytes of a file's name that are not UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def _start_worker():
    # Ctrl-C is for the parent, which then stops its workers; each has one core.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python -m ocr_jax.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, source in SOURCES.items():
        first_line = source.__doc__.splitlines()[0]
        command = commands.add_parser(name, help=first_line, description=source.__doc__)
        add = command.add_argument
        add("--out", required=True, type=Path, help="the lines file to make")
        add("--height", type=_height, default=64, help="pixels, of every line")
        add("--license", default="", help="kept in the file")
        add("--overwrite", action="store_true", help="replace the lines file")
        add("--workers", type=_count, default=len(slots.cores()), help="processes")
        source.add_flags(command)
    show = commands.add_parser("show", help="Draw lines with their transcripts.")
    show.add_argument("file", type=Path, help="a lines file")
    show.add_argument("--out", required=True, type=Path, help="a PNG to draw on")
    show.add_argument("--split", default="train")
    show.add_argument("--count", type=_count, default=20, help="lines to draw")
    show.add_argument(
        "--augment",
        metavar="CONFIG",
        nargs="?",
        const="lines_ctc",
        help="draw variations too, as this config (default: %(const)s) asks for",
    )
    return parser


def _height(text: str) -> int:
    if not text.isdecimal() or not 8 <= int(text) <= 512:
        raise argparse.ArgumentTypeError(f"{text}: expected 8 to 512 pixels")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
