"""Write a trained network as one file, with what is needed to read with it.

    python -m ocr_jax.export --workdir=runs/NAME --out=FOLDER
    python -m ocr_jax.export --workdir=runs/NAME --out=FOLDER --dtype=float16

FOLDER is used like a workdir: by predict, tune_decoder and config.init_from. It has the
weights as safetensors, in half the size as float16, and a few JSON files.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from ocr_jax import checkpoints, decoders, errors, run_names, weights, workdirs
from ocr_jax import config as config_lib
from ocr_jax.errors import UserError, reason

# What of a workdir a reader needs beside the weights, if it is there.
COPIED = ("dataset.json", "calibration.json", decoders.FILE)
# Config values that are paths of the machine that trained the network.
PATHS = ("lines_file", "prepare_args", "init_from")


def export(workdir: str | os.PathLike, out: Path, dtype: str = "float32"):
    """Write the folder `out` with the best network of a run.

    workdir: see run_names. dtype: one of weights.DTYPES. Raises UserError if there is
    no such network, or if `out` exists.
    """
    if out.exists():
        raise UserError(f"--out={out} exists already: name a new folder")
    best, source = checkpoints.load_best(workdir), run_names.resolve(workdir)
    config, default = workdirs.load_config(source), config_lib.default_config()
    for key in PATHS:
        config[key] = default[key]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
        try:
            weights.write(partial / weights.FILE, best.state, dtype)
            workdirs.write_json(partial / "config.json", config.to_dict())
            for name in COPIED:
                if (source / name).exists():
                    shutil.copyfile(source / name, partial / name)
            partial.chmod(0o755)
            os.rename(partial, out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise UserError(f"--out={out}: {reason(error, out)}") from None


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 2 for a mistake."""
    return errors.exit_code(lambda: _run(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python -m ocr_jax.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workdir", required=True, help=run_names.HELP)
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")
    parser.add_argument(
        "--dtype",
        choices=weights.DTYPES,
        default="float32",
        help="of the weights (default: float32)",
    )
    return parser


def _run(args: argparse.Namespace):
    export(args.workdir, args.out, args.dtype)
    size = (args.out / weights.FILE).stat().st_size
    print(
        f"{args.out}: {size / 1e6:.1f} MB of weights\n"
        f"Read an image: python -m ocr_jax.predict --workdir={args.out} IMAGE"
    )


if __name__ == "__main__":
    sys.exit(main())
