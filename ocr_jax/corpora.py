"""Texts that a language model may be learned from, and the choice of the best."""

import collections
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ocr_jax import alike, decoders, regular_files, run_names, trained
from ocr_jax import charset as charset_lib
from ocr_jax.data import dataset, lines_file
from ocr_jax.decoding import language_model
from ocr_jax.errors import UserError

# How often a run's own text counts beside that of the network that it went on from.
OWN = 8


def conventions(train: dataset.LabelledSplit) -> dict[str, str]:
    """Return what a collection writes for apostrophes and hyphens that it never has."""
    named = zip(train.lines.transcripts, train.lines.line_ids, strict=True)
    own = [text for text, line_id in named if lines_file.is_own(line_id)]
    texts = own or train.lines.transcripts
    return alike.written_instead(collections.Counter("".join(texts)))


def read(
    path: Path, charset: charset_lib.Charset, instead: dict[str, str]
) -> list[np.ndarray]:
    """Encode the lines of a text file that the charset can spell.

    instead: the collection's `conventions`, by which the text is respelled.
    Raises UserError if it can't be read as UTF-8, or has no such line.
    """
    text = regular_files.read_text(path, f"--text={path}")
    text = text.translate(str.maketrans(instead))
    lines = [line for line in map(_written, text.splitlines()) if line]
    spelled = [line for line in lines if not charset.unknown([line])]
    found = f"{len(spelled)} of {len(lines)} lines have known characters only"
    if not spelled:
        raise UserError(f"--text={path}: {found}; name a text of the run's characters")
    print(f"{path}: {found}")
    return [charset.encode(line) for line in spelled]


def _written(text: str) -> str:
    return charset_lib.written(text)[0]


def collect(
    train: dataset.LabelledSplit, texts: Sequence, *, always: bool = False
) -> dict[str, Sequence]:
    """Return the corpora that a model can be learned from, by name, as label ids.

    For a joined file (prepare join), the collection's own lines, each once, are another
    corpus: copies and synthetic lines say less about what people write.
    """
    corpora = {"training transcripts": train.labels}
    named = zip(train.labels, train.lines.line_ids, strict=True)
    own = [label for label, line_id in named if lines_file.is_own(line_id)]
    if 0 < len(own) < len(train.labels):
        corpora["the collection's training transcripts"] = own
    if not texts:
        return corpora
    richer = {f"{name} and texts": [*c, *texts] for name, c in corpora.items()}
    return richer if always else corpora | richer


def language_of_start(
    best: trained.BestModel, instead: dict[str, str]
) -> language_model.NGrams | None:
    """Return the n-grams of the network that a run went on from, in the run's ids.

    instead: the collection's `conventions`, by which they are respelled.
    """
    if not best.config.init_from:
        return None
    path = run_names.resolve(best.config.init_from) / decoders.FILE
    if not path.exists():
        return None
    tuned, num_classes = decoders.read(path), best.charset.num_classes
    ids = {character: i for i, character in enumerate(best.charset.characters, 1)}
    classes = [ids.get(instead.get(c, c), -1) for c in tuned.characters]
    classes = np.array([language_model.BOUNDARY, *classes])
    ngrams, highest = tuned.model.ngrams, language_model.highest_order(num_classes)
    ngrams = language_model.shorten(ngrams, min(ngrams.order, highest))
    return language_model.respell(ngrams, classes, num_classes)


def choose_model(
    corpora: dict[str, Sequence],
    validation: Sequence,
    num_classes: int,
    language: language_model.NGrams | None = None,
) -> decoders.LearntModel:
    """Choose the corpus and order of n-grams with the lowest validation perplexity.

    language: n-grams of other texts, which may be added to each corpus.
    """
    found = {}
    for name, corpus in corpora.items():
        highest = language_model.highest_order(num_classes)
        found[name] = language_model.count(corpus, highest, num_classes)
        if language:
            own = language_model.shorten(found[name], language.order)
            own = own._replace(counts=OWN * own.counts)
            both = language_model.add(own, language)
            found[f"{name}, and the language that the run started with"] = both
    candidates = []
    for name, ngrams in found.items():
        for order in range(1, ngrams.order + 1):
            shorter = language_model.shorten(ngrams, order)
            model = language_model.build(shorter)
            perplexity = language_model.perplexity(model, validation)
            candidates.append(decoders.LearntModel(shorter, name, order, perplexity))
    return min(candidates, key=lambda candidate: candidate.perplexity)
