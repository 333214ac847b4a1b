"""Learn a language model for a trained network, and weigh it for beam search.

    python -m ocr_jax.tune_decoder --workdir=runs/NAME
    python -m ocr_jax.tune_decoder --workdir=runs/NAME --text letters.txt wills.txt

The model is learned from the training transcripts. Texts, and the language of the
network that the run went on from, are added if the validation transcripts are likelier
with them; after `prepare join`, the collection's own are taken alone if that is better.
Both get the apostrophes and hyphens of the collection's transcripts.
From then on, predict, transcribe, the app and Recognizer.load read with it. Scores stay
greedy: main --mode=evaluate needs --decoder=beam.
"""

import argparse
import dataclasses
import functools
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rapidfuzz.distance import Levenshtein

from ocr_jax import charset as charset_lib
from ocr_jax import corpora, decoders, errors, rereading, trained, workdirs
from ocr_jax.data import dataset, pipeline
from ocr_jax.decoding import beam, fusion, greedy, language_model
from ocr_jax.scoring import calibration
from ocr_jax.sources import making

# More validation lines than this would say little more about two numbers.
MOST_LINES = 500
FOLDS = 5
# Of (alpha, beta): where the search begins, and its steps, halved twice. The more a
# model counts, the more must each character be rewarded: errors lie in a valley.
FIRST, STEPS, HALVINGS = (0.5, 1.0), (0.2, 0.5), 2
DIRECTIONS = ((1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))
BATCH = 32


class Lines(NamedTuple):
    """Logits of validation lines, and their transcripts."""

    logits: np.ndarray  # (n, T, C), the shortest lines first
    lengths: np.ndarray  # (n,)
    transcripts: list[str]
    writers: list[str]
    charset: charset_lib.Charset = charset_lib.Charset(())


def tune(
    workdir: Path, texts: Sequence[Path] = (), *, always: bool = False
) -> decoders.TunedDecoder:
    """Tune beam search for a run; write the result to its workdir and return it.

    always: learn from the texts, better or not. Raises UserError if the workdir has no
    best network, was exported or can't be written to, or if its lines file has changed
    since training.
    """
    run = trained.open_run(workdir)
    best = run.best
    dataset.refuse_exported(
        run.workdir, "run tune_decoder on the run that it is of, then export that again"
    )
    workdirs.refuse_unwritable(run.workdir)  # now, and not after minutes
    making.make_missing(best.config, f"restore it: {run.workdir} was trained on it")
    data = dataset.load_unchanged(run.workdir, best.config)
    if not trained.is_finished(run.workdir):
        errors.say(
            f"{run.workdir} is not finished: the decoder is tuned for its best network "
            "so far; tune it again at the end"
        )
    train, validation = data.splits["train"], data.splits["validation"]
    instead = corpora.conventions(train)
    written = [
        line for path in texts for line in corpora.read(path, best.charset, instead)
    ]
    learnt = corpora.choose_model(
        corpora.collect(train, written, always=always),
        validation.labels,
        best.charset.num_classes,
        corpora.language_of_start(best, instead),
    )
    model = jax.tree.map(jnp.asarray, language_model.build(learnt.ngrams))
    lines = read_lines(run, validation)
    weights = choose_weights(model, lines)
    guide = beam.Guide(model, weights.alpha, weights.beta)
    temperature = fit_temperature(guide, lines)
    tuned = decoders.TunedDecoder(learnt, weights, temperature, best.charset.characters)
    decoders.write(run.workdir / decoders.FILE, tuned)
    return tuned


def read_lines(run: trained.OpenRun, split: dataset.LabelledSplit) -> Lines:
    """Compute the logits of a split's lines, of MOST_LINES if there are more."""
    every = -(-len(split) // MOST_LINES)
    split = dataclasses.replace(split, indices=split.indices[::every])
    config = run.best.config
    split = rereading.at_surest_widths(
        run.logits_step, run.state, split, config, run.mesh
    )
    rows = split.plan(config, epoch=0)
    batches = pipeline.batches(split, rows, config, run.mesh)
    found = []
    for row, batch in zip(rows, batches, strict=True):
        outputs = jax.device_get(run.logits_step(run.state, batch))
        for index, logits, length in zip(row.indices, *outputs, strict=False):
            found.append((index, logits[:length]))
    found.sort(key=lambda line: len(line[1]))
    size, classes = found[-1][1].shape
    padded = np.zeros((len(found), size, classes), np.float32)
    for row, (_, logits) in zip(padded, found, strict=True):
        row[: len(logits)] = logits
    return Lines(
        logits=padded,
        lengths=np.array([len(logits) for _, logits in found]),
        transcripts=[split.lines.transcripts[index] for index, _ in found],
        writers=[split.lines.writers[index] for index, _ in found],
        charset=run.best.charset,
    )


def choose_weights(
    model: language_model.LanguageModel, lines: Lines
) -> decoders.SearchWeights:
    """Choose alpha and beta with the fewest character errors on these lines.

    Errors on the lines that chose the weights are optimistic; cer_crossed is not.
    """
    search = jax.jit(beam.beam_search)

    @functools.cache
    def edits(alpha, beta):
        guide = beam.Guide(model, alpha, beta)
        return count_edits(lines, functools.partial(search, guide))

    def choose(chosen):
        return pattern_search(lambda *weights: edits(*weights)[chosen].sum())

    alpha, beta = choose(slice(None))
    size = len(lines.transcripts)
    writers = lines.writers if len(set(lines.writers)) > 1 else range(size)
    folds = np.unique(writers, return_inverse=True)[1] % FOLDS
    crossed = [
        edits(*choose(folds != fold))[folds == fold].sum() for fold in set(folds)
    ]
    chars = max(1, sum(map(len, lines.transcripts)))
    greedily = count_edits(lines, jax.jit(search_greedily))
    return decoders.SearchWeights(
        alpha=alpha,
        beta=beta,
        lines=size,
        cer_greedy=float(greedily.sum() / chars),
        cer_without_model=float(edits(0.0, 0.0).sum() / chars),
        cer=float(edits(alpha, beta).sum() / chars),
        cer_crossed=float(sum(crossed) / chars),
    )


def search_greedily(logits, lengths):
    """Decode greedily, with the outputs of `beam_search`."""
    decoded = greedy.greedy_decode(logits, lengths)
    return decoded.labels, decoded.lengths


def count_edits(lines: Lines, search) -> np.ndarray:
    """Count the edits (n,) between transcripts and the readings of `search`."""
    edits = []
    for start in range(0, len(lines.transcripts), BATCH):
        rows = slice(start, start + BATCH)
        found = jax.device_get(search(lines.logits[rows], lines.lengths[rows]))
        for text, read, length in zip(lines.transcripts[rows], *found, strict=True):
            reading = lines.charset.decode(read[:length])
            edits.append(Levenshtein.distance(text, reading))
    return np.array(edits)


def fit_temperature(guide: beam.Guide, lines: Lines) -> float:
    """Fit the temperature that calibrates beam-search character confidences."""

    @jax.jit
    def read(guide, logits, lengths):
        path, fused = fusion.beam_path(guide, logits, lengths)
        decoded = greedy.read_path(path, fused, lengths)

        def at(temperature):
            return greedy.read_path(path, fused, lengths, temperature).confidences

        return decoded, jax.lax.map(at, calibration.TEMPERATURES)

    readings, confidences = [], []
    for start in range(0, len(lines.transcripts), BATCH):
        rows = slice(start, start + BATCH)
        found = jax.device_get(read(guide, lines.logits[rows], lines.lengths[rows]))
        for row, length in enumerate(found[0].lengths):
            text, order = lines.charset.read(found[0].labels[row, :length])
            readings.append(text)
            confidences.append(found[1][:, row, order])
    right = calibration.right_characters(lines.transcripts, readings)
    return calibration.fit_temperature(np.concatenate(confidences, axis=1), right)


def pattern_search(cost: Callable[[float, float], float]) -> tuple[float, float]:
    """Find the point of least cost from FIRST, halving STEPS when none helps.

    From Hooke and Jeeves, ""Direct search" solution of numerical and statistical
    problems" (1961).
    """
    point, size = FIRST, 1.0
    for _ in range(HALVINGS + 1):
        while True:
            best = min([point, *_around(point, size)], key=lambda at: cost(*at))
            if best == point:
                break
            point = best
        size /= 2
    return point


def _around(point: tuple[float, float], size: float) -> list[tuple[float, float]]:
    """Yield the neighbours of a point, rounded so that equal points are equal."""
    (alpha, beta), (a, b) = point, STEPS
    moved = [(alpha + x * size * a, beta + y * size * b) for x, y in DIRECTIONS]
    return [(round(max(0.0, alpha), 4), round(beta, 4)) for alpha, beta in moved]


def describe(workdir: Path, tuned: decoders.TunedDecoder) -> str:
    """Describe a run's tuned decoder for people."""
    remark = ""
    if tuned.weights.cer_crossed > tuned.weights.cer_greedy:
        remark = (
            "\nIt reads worse than greedy: use --decoder=greedy, or remove "
            f"{decoders.FILE}"
        )
    return (
        "{text}: {order}-grams, perplexity {perplexity:.2f} on the validation lines\n"
        "CER of {lines} validation lines:\n"
        "  {cer_greedy:.2%}  greedy\n"
        "  {cer_without_model:.2%}  beam search without the language model\n"
        "  {cer:.2%}  with it (alpha {alpha:g}, beta {beta:g}, chosen on these lines)\n"
        "  {cer_crossed:.2%}  with it, weights of each writer chosen on the others\n"
        "Read with it: python -m ocr_jax.predict --workdir={workdir} IMAGE{remark}"
    ).format(
        remark=remark,
        workdir=shlex.quote(str(workdir)),
        **tuned.model._asdict(),
        **tuned.weights._asdict(),
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 2 for a mistake."""
    return errors.exit_code(lambda: _run(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = errors.ArgumentParser(
        prog="python -m ocr_jax.tune_decoder", description=__doc__
    )
    parser.add_argument("--workdir", required=True, help="workdir of a run")
    parser.add_argument(
        "--text", nargs="+", default=[], help="text files to learn from as well"
    )
    parser.add_argument(
        "--always",
        action="store_true",
        help="learn from the texts even if the validation lines are likelier without "
        "them: for a network that is to read other collections, too",
    )
    return parser


def _run(args: argparse.Namespace):
    if args.always and not args.text:
        raise errors.UserError("--always is for --text: name texts, or leave it out")
    print(
        describe(args.workdir, tune(Path(args.workdir), args.text, always=args.always))
    )


if __name__ == "__main__":
    sys.exit(main())
