"""Read pages, correct them and train on the corrections, in a browser.

    python -m ocr_jax.app FOLDER
    python -m ocr_jax.app --workdir=runs/NAME

FOLDER holds page images. The text of each is in XML beside it; trainings are in
FOLDER/runs. Without a folder you try a network: drop a line or a page on the box.
"""

import argparse
import contextlib
import re
import secrets
import tempfile
from pathlib import Path

from ocr_jax import errors, extras, run_names
from ocr_jax.errors import UserError


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 2 for a mistake, 130 for Ctrl-C."""
    return errors.exit_code(lambda: _run(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(prog="python -m ocr_jax.app", description=__doc__)
    add = parser.add_argument
    add("folder", nargs="?", type=Path, help="folder of page images; made if missing")
    run_names.add_network_flags(parser)
    add("--host", default="127.0.0.1", help="address to serve (default: %(default)s)")
    add("--port", type=int, default=8420, help="0: any (default: %(default)s)")
    add(
        "--token",
        default="",
        help="word without which no browser gets in (default: none; a random one where "
        "--host lets other machines in)",
    )
    add("--no_browser", action="store_true", help="open no browser")
    return parser


def _run(args: argparse.Namespace):
    server = extras.load("ocr_jax.app.server")
    token = args.token
    if not re.fullmatch(r"[\w-]*", token, re.ASCII):
        raise UserError(
            "--token takes letters, digits, - and _ only: a cookie keeps it"
        )
    if args.host not in ("127.0.0.1", "localhost", "::1"):
        token = token or secrets.token_urlsafe(16)
        errors.say(
            f"--host={args.host}: whoever reaches this address and knows the token can "
            "read and change the pages"
        )
    with _folder(args.folder) as folder:
        server.serve(
            server.parts(folder, args.workdir, args.finder, args.folder is None),
            host=args.host,
            port=args.port,
            token=token,
            show=not args.no_browser,
        )


@contextlib.contextmanager
def _folder(folder: Path | None):
    """Return the project's folder; one to try a network in is gone at the end."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="ocr_jax_app_") as temporary:
            yield Path(temporary)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: {errors.reason(error, folder)}") from None
    yield folder
