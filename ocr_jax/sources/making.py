"""Makes a lines file from what a source reads."""

import argparse
import collections
import dataclasses
import fcntl
import shlex
from pathlib import Path

import numpy as np

from ocr_jax import charset as charset_lib
from ocr_jax import errors, locks, sources
from ocr_jax.charset import Charset
from ocr_jax.data import lines_file, lines_writer, pages_file
from ocr_jax.errors import UserError, reason
from ocr_jax.runtime import slots
from ocr_jax.sources import (
    folder,
    fsdl,
    join,
    join_pages,
    left_out,
    recombine,
    splitting,
    tsv,
    worker_pool,
)
from ocr_jax.sources.emnist import emnist, emnist_lines
from ocr_jax.sources.iam import iam
from ocr_jax.sources.pages import alto, any_format, page_xml, whole_pages
from ocr_jax.sources.synthetic import fonts
from ocr_jax.sources.synthetic_pages import source as synthetic_pages

SOURCES = {
    "folder": folder,
    "tsv": tsv,
    "pages": any_format,
    "alto": alto,
    "page": page_xml,
    "whole_pages": whole_pages,
    "iam": iam,
    "fsdl": fsdl,
    "emnist": emnist,
    "emnist_lines": emnist_lines,
    "fonts": fonts,
    "synthetic_pages": synthetic_pages,
    "join": join,
    "recombine": recombine,
}

# What to do where a training has no lines file and cannot make it.
IN_TRAINING = (
    "name another with --config.lines_file=FILE.h5. To start without data, use "
    "--config=configs/quickstart.py"
)


def add_commands(commands):
    """Add a command for each source to a parser's sub-commands."""
    for name, source in SOURCES.items():
        first_line = source.__doc__.splitlines()[0]
        command = commands.add_parser(name, help=first_line, description=source.__doc__)
        add = command.add_argument
        kind = "pages" if hasattr(source, "make") else "lines"
        made = f"{'lines or pages' if source is join else kind} file"
        add("--out", required=True, type=Path, help=f"{made} to write")
        add("--overwrite", action="store_true", help=f"replace an existing {made}")
        add(
            "--workers",
            type=count,
            default=len(slots.cores()),
            help="processes (default: all cores)",
        )
        if kind == "lines":
            height = _add_line_flags(command)
        source.add_flags(command)
        if kind == "lines" and command.get_default("height") is None:
            height.help = "line height in pixels (default: that of --source)"


def _add_line_flags(command: argparse.ArgumentParser) -> argparse.Action:
    """Add the flags that a pages file has no use for; return that of the height."""
    height = command.add_argument(
        "--height",
        type=_height,
        default=64,
        help="line height in pixels (default: %(default)s)",
    )
    command.add_argument(
        "--license",
        default="",
        help="licence to record in the file (default: none)",
    )
    return height


def count(text: str) -> int:
    """Parse a number of 1 or more for an option."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return int(text)


def _height(text: str) -> int:
    if not text.isdecimal() or not 8 <= int(text) <= 512:
        raise argparse.ArgumentTypeError(f"{text}: expected 8 to 512 pixels")
    return int(text)


def make(args: argparse.Namespace):
    """Make the lines file that a source's parsed options describe; print a summary.

    Raises UserError, and leaves no file, if no line could be read.
    """
    lines_writer.check_output(args.out, args.overwrite)
    source = SOURCES[args.command]
    if source is join and pages_file.is_one(args.source):
        source = join_pages
    if hasattr(source, "make"):
        return source.make(args)
    tasks = source.tasks(args)
    writer = lines_writer.LinesWriter(
        args.out,
        height=args.height,
        source=" ".join([args.command, str(getattr(args, "source", ""))]).strip(),
        license=args.license,
        about=source.metadata(args) if hasattr(source, "metadata") else None,
        overwrite=args.overwrite,
    )
    skipped, written = [], collections.Counter()
    dropped = collections.Counter()
    with writer:
        for items in worker_pool.read_all(
            source.read, tasks, args.height, args.workers
        ):
            for item in items:
                if isinstance(item, sources.Skipped):
                    skipped.append(item)
                else:
                    writer.add(item[0], _readable(item[1], dropped))
                    written[item[0]] += 1
        why = "; ".join(left_out.reasons(skipped)) or "the source holds none"
        if not written:
            raise UserError(f"no line could be read: {why}")
        if hasattr(source, "lacking") and (lacking := source.lacking(args, written)):
            raise UserError(f"{lacking}: {why}")
    with lines_file.LinesFile(args.out) as file:
        print(f"{args.out}: {written.total():,} lines, {args.height} px high")
        splits = [file.split(name, in_memory=False) for name in file.splits]
        print(summary(splits, file.charset))
    if isinstance(tasks, sources.Tasks):
        print(f"splits: {tasks.splits}")
    if dropped:
        print(
            "characters that can't be seen, left out of the transcripts: "
            f"{charset_lib.counted(dropped)}"
        )
    if "validation" not in written and hasattr(args, "writer_regex"):
        print(splitting.no_validation("lines"))
    left_out.report(skipped, args.out)


def _readable(line: lines_file.Line, dropped: collections.Counter) -> lines_file.Line:
    """Leave out characters that can't be seen, and add them to those `dropped`."""
    transcript, unseen = charset_lib.written(line.transcript)
    dropped.update(unseen)
    return dataclasses.replace(line, transcript=transcript)


def summary(splits: list[lines_file.Split], charset: Charset) -> str:
    """Summarise lines, writers, characters and widths per split, and the charset."""
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
    characters = charset.characters
    return f"{table}\n{len(characters)} characters: {charset_lib.shown(characters)}"


def make_missing(config, advice: str = IN_TRAINING):
    """Make config.lines_file with config.prepare_args if it is missing.

    Several runs that want the same file make it once. advice: what else the user can
    do. Raises UserError if config.prepare_args is empty, or has an --out that names
    another file.
    """
    path = Path(config.lines_file)
    if path.exists():
        return
    args = _prepare_args(config)
    if args is None:
        raise UserError(
            f"{path} does not exist. Make it with python -m ocr_jax.prepare (--help "
            f"lists the sources), or {advice}"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"config.lines_file is {path}: {reason(error)}") from None
    lost = "runs that start together may make the same lines file several times"
    with locks.folder(path.parent, fcntl.LOCK_EX, lost):
        if not path.exists():
            print(f"{path} is missing; making it: prepare {config.prepare_args}")
            make(args)


def _prepare_args(config) -> argparse.Namespace | None:
    """Parse config.prepare_args; None if they do not make config.lines_file."""
    if not config.prepare_args:
        return None
    try:
        command, *options = shlex.split(config.prepare_args)
    except ValueError as error:
        raise UserError(
            f"config.prepare_args is {config.prepare_args!r}: {error}"
        ) from None
    parser = errors.ArgumentParser(prog="config.prepare_args")
    add_commands(parser.add_subparsers(dest="command", required=True))
    out = f"--out={config.lines_file}"
    args = parser.parse_args([command, out, *options])
    return args if args.out == Path(config.lines_file) else None
