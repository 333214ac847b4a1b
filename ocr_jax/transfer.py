"""Fine-tuning: start a network from the best network of another run."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from ocr_jax import checkpoints, steps
from ocr_jax.charset import Charset, shown

HEAD = "head"  # the output layer: its last axis is the classes


class Taken(NamedTuple):
    """Which arrays and characters were taken over."""

    arrays: int
    fresh: list[str]  # arrays that the other run lacks, or has in another shape
    new_characters: str
    dropped_characters: str

    def __str__(self) -> str:
        parts = [f"{self.arrays} arrays taken over"]
        if self.fresh:
            parts.append(f"not fitting, started fresh: {', '.join(self.fresh)}")
        if self.new_characters:
            parts.append(f"new characters: '{shown(self.new_characters)}'")
        if self.dropped_characters:
            parts.append(f"dropped characters: '{shown(self.dropped_characters)}'")
        return "; ".join(parts)


def init_from(
    workdir: Path, state: steps.TrainState, charset: Charset
) -> tuple[steps.TrainState, Taken]:
    """Return a fresh state with the weights of the best network in `workdir`.

    Arrays of the same name and shape are taken; of the output layer, the blank and the
    characters that both charsets have. Raises UserError if there is no such network.
    """
    other = checkpoints.load_best(Path(workdir))
    columns = [
        (charset.characters.index(character) + 1, index + 1)
        for index, character in enumerate(other.charset.characters)
        if character in charset.characters
    ]
    columns = np.array([(0, 0), *columns])
    fresh, taken = [], 0
    trees = {}
    for kind in steps.WEIGHTS:
        ours = traverse_util.flatten_dict(getattr(state, kind), sep="/")
        theirs = traverse_util.flatten_dict(getattr(other.state, kind), sep="/")
        for name, array in ours.items():
            found = theirs.get(name)
            if found is not None and name.startswith(HEAD):
                found = _carry_over(array, found, columns)
            if found is None or found.shape != array.shape:
                fresh.append(name)
            else:
                ours[name] = found
                taken += 1
        trees[kind] = traverse_util.unflatten_dict(ours, sep="/")
    ours, theirs = set(charset.characters), set(other.charset.characters)
    report = Taken(
        taken,
        fresh,
        "".join(sorted(ours - theirs)),
        "".join(sorted(theirs - ours)),
    )
    average = trees if state.average else {}
    return state.replace(average=average, **trees), report


def _carry_over(array: jax.Array, found: jax.Array, columns: np.ndarray) -> jax.Array:
    """Return the output layer's `array` with the shared classes' columns of `found`."""
    if array.shape[:-1] != found.shape[:-1]:
        return found
    return jnp.asarray(array).at[..., columns[:, 0]].set(found[..., columns[:, 1]])
