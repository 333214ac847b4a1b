"""Reading batches of 64 lines: ours, PyTorch's with the same weights, and Kraken's.

    python experiments/benchmarks/predict.py [--kraken_python=.venv-peers/bin/python]

The network is that of configs/lines_ctc.py, the lines are 64 x 704 pixels. Network and
greedy decoding, on all devices, are timed to the ids of the characters; `Recognizer`
goes on to text, confidences and places. Kraken, in a process and environment of its own
(see peers/), reads the same lines, enlarged to its 120 pixels, with its own network.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import jax
import numpy as np
import step
import timing
from rapidfuzz.distance import Levenshtein
from timing import torch

from ocr_jax import charset, decoders, errors, inference, trained
from ocr_jax.decoding import greedy
from ocr_jax.images import cleaning
from ocr_jax.recognizer import Recognizer
from ocr_jax.runtime import devices, huge_pages

LINES = 64
KRAKEN = Path(__file__).parent / "peers" / "ketos_reading.py"
# Edits between two readings of the same weights: rounding may tip a frame.
ALLOWED = 0.01


def main():
    """Compare what is read, then time it."""
    parser = timing.parser(__doc__, rounds=15)
    parser.add_argument("--kraken_python", help="of an environment that has Kraken")
    args = parser.parse_args()
    timing.begin(args, LINES)
    config, batch = step.make_work("lines", LINES, quick=args.quick)
    work = "reading, {} x {} x {}".format(*batch["image"].shape)
    ways = make_ways(config, batch)
    timing.agree(work, ways)
    require_same_readings(ways)
    ways["ours, Recognizer"] = by_recognizer(config, batch)
    medians = timing.race(ways, args.rounds)
    if args.kraken_python:
        medians["Kraken, not in turns"] = by_kraken(args, batch["image"])
    timing.print_head()
    timing.print_rows(work, medians)
    if not args.kraken_python:
        print("\nKraken was left out: no --kraken_python.")


def make_ways(config, batch) -> dict[str, timing.Way]:
    """Ways to read the batch: each gives (logits (B, T, C), a list of ids a line)."""
    ways = {"ours": _by_jax(config, batch)}
    if torch:
        ways["torch"] = _by_torch(config, batch)
        ways["torch, channels_last"] = _by_torch(config, batch, channels_last=True)
    return ways


def require_same_readings(ways: dict[str, timing.Way]):
    """Exit where two ways read other characters."""
    expected, *others = (way.run()[1] for way in ways.values())
    for actual in others:
        edits = sum(map(Levenshtein.distance, expected, actual))
        if edits > ALLOWED * sum(map(len, expected)):
            raise SystemExit(f"{edits} characters are read in different ways")


def _only_logits(given):
    return given[:1]


def _by_jax(config, batch) -> timing.Way:
    model, _, state = step.make_state(config, batch["image"].shape[1])
    mesh = devices.make_mesh(len(batch["image"]))
    state = devices.replicate(state, mesh)

    @jax.jit
    def read(state, images, widths):
        logits, lengths = inference.predict_logits(model, state, images, widths)
        decoded = greedy.greedy_decode(logits, lengths)
        return logits, decoded.labels, decoded.lengths

    def run():
        placed = devices.shard(batch, mesh)
        logits, *decoded = read(state, placed["image"], placed["width"])
        labels, lengths = jax.device_get(decoded)
        return logits, [
            list(ids[:length]) for ids, length in zip(labels, lengths, strict=True)
        ]

    return timing.Way(run, _only_logits)


def _by_torch(config, batch, *, channels_last: bool = False) -> timing.Way:
    height = batch["image"].shape[1]
    twin = step.make_twin(config, height, step.make_state(config, height)[2].params)
    twin.eval()
    if channels_last:
        twin.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run():
        logits = twin(torch.from_numpy(batch["image"]).to(timing.device()))
        paths = logits.argmax(2).cpu().numpy()
        first = np.diff(paths, axis=1, prepend=charset.BLANK) != 0
        is_read = first & (paths != charset.BLANK)
        return logits, [
            list(path[kept]) for path, kept in zip(paths, is_read, strict=True)
        ]

    return timing.Way(run, _only_logits)


def by_recognizer(config, batch) -> timing.Way:
    """The project's own way from lines to readings, in batches of its choice."""
    height = batch["image"].shape[1]
    model, _, state = step.make_state(config, height)
    letters = charset.Charset(tuple(map(chr, range(0x400, 0x400 + step.CLASSES - 1))))
    best = trained.BestModel(config, letters, height, model, state, 1.0)
    recognizer = Recognizer(best, decoders.load("greedy", "", best))
    lines = [cleaning.CleanLine(image, 0.0, 1.0) for image in batch["image"]]
    return timing.Way(lambda: recognizer.read_lines(lines) and None)


def by_kraken(args, images: np.ndarray) -> tuple[float, float]:
    """Median (seconds, processor seconds) of Kraken's network on the lines."""
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file.name, images)
        flags = [f"--lines={file.name}", f"--rounds={args.rounds}"]
        flags += [f"--threads={args.threads}", f"--device={timing.device()}"]
        command = [args.kraken_python, KRAKEN, *flags]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return tuple(json.loads(done.stdout))


if __name__ == "__main__":
    huge_pages.restart_with_huge_pages()
    raise SystemExit(errors.exit_code(main))
