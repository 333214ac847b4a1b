"""Every path that frames can take, for tests: the reference of all that is CTC."""

import itertools
import math


def collapse(path):
    """The label of a path: repeats merged, blanks (0) dropped."""
    return tuple(key for key, _ in itertools.groupby(path) if key)


def every_path(log_probs):
    """(path, its log-probability) of all paths through log_probs (T, C)."""
    frames, classes = log_probs.shape
    for path in itertools.product(range(classes), repeat=frames):
        yield path, float(sum(log_probs[t, c] for t, c in enumerate(path)))


def label_scores(log_probs):
    """label → log p(label | line), for every label that some path spells."""
    sums = {}
    for path, score in every_path(log_probs):
        label = collapse(path)
        sums[label] = sums.get(label, 0.0) + math.exp(score)
    return {label: math.log(total) for label, total in sums.items()}
