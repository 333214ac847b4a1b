"""Character errors and speed of the decoders on the validation lines of a run.

    python -m ocr_jax.tune_decoder --workdir=runs/NAME
    taskset -c 0 python experiments/benchmarks/decoding.py --workdir=runs/NAME

The network has read the lines before. What is timed is the decoding, in batches, and
the counting of its errors; the median of several rounds. Prints a Markdown table.
"""

import functools
import statistics
import time

import jax

from ocr_jax import decoders, errors, trained, tune_decoder
from ocr_jax.data import dataset
from ocr_jax.decoding import beam

WIDTHS = (4, 8, 16, 32, 64)


def main():
    """Read with greedy decoding and with beams of several widths."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    run = trained.open_run(args.workdir)
    data = dataset.load(
        run.best.config, ("validation",), dense_from=run.best.dense_from
    )
    split = data.splits["validation"]
    lines = tune_decoder.read_lines(run, split)
    [guide] = decoders.load("beam", run.workdir, run.best).read.args
    alone = guide._replace(alpha=0.0, beta=0.0)
    search = jax.jit(beam.beam_search, static_argnames="width")
    readers = {"greedy": jax.jit(tune_decoder.search_greedily)}
    readers[f"{beam.WIDTH} prefixes, no language model"] = functools.partial(
        search, alone, width=beam.WIDTH
    )
    for width in WIDTHS:
        readers[f"{width} prefixes"] = functools.partial(search, guide, width=width)
    print("| decoder | CER | lines/s |\n|---|---|---|")
    for name, decoder in readers.items():
        cer, speed = measure(lines, decoder, args.rounds)
        print(f"| {name} | {cer:.2%} | {speed:,.0f} |")


def measure(lines: tune_decoder.Lines, decoder, rounds: int) -> tuple[float, float]:
    """(CER, lines a second) of a decoder, compiled before the clock starts."""
    edits = tune_decoder.count_edits(lines, decoder)
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        tune_decoder.count_edits(lines, decoder)
        seconds.append(time.perf_counter() - started)
    cer = edits.sum() / sum(map(len, lines.transcripts))
    return cer, len(lines.transcripts) / statistics.median(seconds)


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
