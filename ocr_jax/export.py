"""Write a trained network as a folder of small files, with what reading needs.

    python -m ocr_jax.export --workdir=runs/NAME --out=FOLDER
    python -m ocr_jax.export --workdir=runs/NAME --out=FOLDER --dtype=float16
    python -m ocr_jax.export --workdir=runs/NAME --out=FOLDER --format=onnx
    python -m ocr_jax.export --workdir=runs/NAME --out=FOLDER --format=stablehlo

As safetensors, FOLDER is used like a workdir: by predict, transcribe and
config.init_from; it has the language model, too, if tune_decoder made one before, and
main --mode=evaluate takes it with --lines_file. As ONNX it has a network that
onnxruntime runs on lines of any width, and read.py, which reads images with it greedily
and without ocr_jax. As StableHLO it has a program for JAX on CPUs, GPUs and TPUs.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from ocr_jax import config as config_lib
from ocr_jax import (
    decoders,
    errors,
    extras,
    onnx_graph,
    run_names,
    stablehlo,
    trained,
    weights,
    workdirs,
)
from ocr_jax.errors import UserError, reason
from ocr_jax.pages import finder

# What of a workdir a reader needs beside the weights, if it is there.
COPIED = ("dataset.json", "calibration.json", decoders.FILE)
# How an image is read with what was written.
HINTS = {
    "safetensors": "python -m ocr_jax.predict --workdir={out} IMAGE",
    "onnx": "python {out}/read.py {out}/recogniser.onnx IMAGE",
}
# Config keys of the training alone: paths of its machine, and what init_from allows.
LEFT_OUT = ("lines_file", "prepare_args", "init_from", "freeze")


def export(
    workdir: str | os.PathLike,
    out: Path,
    form: str = "safetensors",
    dtype: str = "float32",
):
    """Write the folder `out` with the best network of a run.

    workdir: see run_names. form: one of FORMATS. dtype: one of weights.DTYPES, of
    safetensors. Raises UserError if there is no such network, if the format has no
    place for it, or if `out` exists.
    """
    run_names.refuse_as_new("--out", out)
    if out.exists():
        raise UserError(f"--out={out} exists already: name a new folder")
    source = run_names.resolve(workdir)
    if workdirs.load_config(source).encoder == "page":
        if form != "safetensors":
            raise UserError(
                f"--format={form} is for recognisers: {workdir} finds lines"
            )
        best = finder.load(source)
    else:
        best = trained.load_best(source)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
        try:
            FORMATS[form](best, source, partial, dtype)
            partial.chmod(0o755)
            os.rename(partial, out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise UserError(f"--out={out}: {reason(error, out)}") from None


def _safetensors(
    best: trained.BestModel | finder.Finder, source: Path, folder: Path, dtype: str
):
    config, default = workdirs.load_config(source), config_lib.default_config()
    for key in LEFT_OUT:
        config[key] = default[key]
    weights.write(folder / workdirs.WEIGHTS, best.state, dtype)
    workdirs.write_json(folder / "config.json", config.to_dict())
    for name in COPIED:
        if (source / name).exists():
            shutil.copyfile(source / name, folder / name)


def _onnx(best: trained.BestModel, source: Path, folder: Path, dtype: str):
    extras.require("onnx")
    model = onnx_graph.build(best).SerializeToString()
    workdirs.write_bytes(folder / "recogniser.onnx", model)
    code = Path(__file__).parent
    shutil.copyfile(code / "onnx_reader.py", folder / "read.py")
    if best.charset.direction:
        shutil.copyfile(code / "display_order.py", folder / "display_order.py")


def _stablehlo(best: trained.BestModel, source: Path, folder: Path, dtype: str):
    workdirs.write_bytes(folder / "recogniser.stablehlo", stablehlo.serialize(best))
    shutil.copyfile(source / "dataset.json", folder / "dataset.json")


FORMATS = {"safetensors": _safetensors, "onnx": _onnx, "stablehlo": _stablehlo}


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 2 for a mistake."""
    return errors.exit_code(lambda: _run(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(prog="python -m ocr_jax.export", description=__doc__)
    parser.add_argument("--workdir", required=True, help=run_names.HELP)
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="safetensors",
        help="what to write (default: safetensors)",
    )
    parser.add_argument(
        "--dtype",
        choices=weights.DTYPES,
        default="float32",
        help="of the weights in safetensors (default: float32)",
    )
    return parser


def _run(args: argparse.Namespace):
    if args.format != "safetensors" and args.dtype != "float32":
        raise UserError(f"--dtype={args.dtype} is for --format=safetensors")
    export(args.workdir, args.out, args.format, args.dtype)
    size = sum(path.stat().st_size for path in args.out.iterdir())
    out = shlex.quote(str(args.out))
    print(f"{args.out}: {size / 1e6:.1f} MB")
    is_finder = workdirs.load_config(run_names.resolve(args.workdir)).encoder == "page"
    if is_finder:
        print(f"Read a page: python -m ocr_jax.transcribe --finder={out} PAGE")
    elif hint := HINTS.get(args.format):
        print(f"Read an image: {hint.format(out=out)}")


if __name__ == "__main__":
    sys.exit(main())
