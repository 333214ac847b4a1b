"""Draws which characters are read as which."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

NOTHING = "∅"  # a character that was read as nothing


def matrix(
    transcripts: Sequence[str], readings: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    """(shares (n, n), characters): of row i's images, the share read as column j.

    Transcripts are single characters; what is read as several counts as the first.
    """
    found = [reading[:1] or NOTHING for reading in readings]
    characters = sorted({*transcripts, *found})
    places = {character: place for place, character in enumerate(characters)}
    counts = np.zeros((len(characters), len(characters)))
    for transcript, reading in zip(transcripts, found, strict=True):
        counts[places[transcript], places[reading]] += 1
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), characters


def draw(path: Path, transcripts: Sequence[str], readings: Sequence[str]):
    """Write the confusion matrix as a PNG."""
    from matplotlib import figure  # half a second that only this takes

    shares, characters = matrix(transcripts, readings)
    picture = figure.Figure(figsize=(11, 10), layout="constrained")
    axes = picture.subplots()
    # Roots: a confusion of one in a hundred should be seen beside the diagonal.
    image = axes.imshow(np.sqrt(shares), cmap="magma", vmin=0, vmax=1)
    places = range(len(characters))
    axes.set_xticks(places, characters, fontsize=8)
    axes.set_yticks(places, characters, fontsize=8)
    axes.set(xlabel="read as", ylabel="is")
    bar = picture.colorbar(image, shrink=0.7, label="share of the character's images")
    shown = np.array([0, 0.01, 0.05, 0.2, 0.5, 1])
    bar.set_ticks(np.sqrt(shown), labels=[f"{share:.0%}" for share in shown])
    picture.savefig(path, dpi=100)
