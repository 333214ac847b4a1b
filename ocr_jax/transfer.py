"""Fine-tuning: go on from the best network of another run, and keep its letters."""

import collections
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import traverse_util

from ocr_jax import config as config_lib
from ocr_jax import config_keys, run_names, train_state, trained, workdirs
from ocr_jax.alike import FIRST_OF, like
from ocr_jax.charset import BLANK, Charset, shown
from ocr_jax.data import dataset
from ocr_jax.errors import UserError

# The output layers: their last axis is the classes.
HEADS = ("head", "head_shortcut")


class Taken(NamedTuple):
    """What was taken over from another network."""

    share: float  # of the parameters
    fresh: list[str]  # arrays that the other run lacks, or has in another shape
    left: list[str]  # arrays of the other run that have no place here
    new_characters: str
    dropped_characters: str
    alike: dict[str, str]  # new character → the known one that it starts as

    def __str__(self) -> str:
        parts = [f"{self.share:.0%} of the parameters taken over"]
        if self.fresh:
            parts.append(f"started fresh: {_counted(self.fresh)}")
        if self.new_characters:
            alike = (map(shown, pair) for pair in self.alike.items())
            starts = [f"{new} starts as {known}" for new, known in alike]
            parts.append(
                f"new characters: '{shown(self.new_characters)}'"
                + (f" ({', '.join(starts)})" if starts else "")
            )
        if self.dropped_characters:
            parts.append(f"dropped characters: '{shown(self.dropped_characters)}'")
        return "; ".join(parts)


def _counted(names: list[str]) -> str:
    counts = collections.Counter(name.split("/")[0] for name in names)
    return ", ".join(f"{part} ({n} arrays)" for part, n in counts.items())


def known_characters(config, workdir: Path) -> Charset:
    """Return the characters of the network that the run in `workdir` goes on from.

    A run keeps them in init_from.json, so that it resumes when that network is gone.
    Raises UserError, naming the command that makes it, if there is no such network.
    """
    if not config.init_from:
        return dataset.NO_CHARACTERS
    record = workdir / "init_from.json"
    if (workdir / "dataset.json").exists():  # resumed
        if not record.exists():  # begun when runs had the characters of their lines
            return dataset.NO_CHARACTERS
        return Charset.described(workdirs.read_json(record))
    network = run_names.resolve(config.init_from)
    if not (network / "dataset.json").exists():
        raise UserError(_missing(config, network))
    trained.refuse_finder(network, workdirs.load_config(network))
    description = workdirs.read_json(network / "dataset.json")
    known = Charset.described(description)
    if jax.process_index() == 0:
        kept = {key: description.get(key, "") for key in ("charset", "direction")}
        workdirs.write_json(record, {"workdir": config.init_from} | kept)
    return known


def _missing(config, network: Path) -> str:
    text = f"config.init_from: {network} is not a workdir of a training"
    if config.init_from_args:
        text += (
            f". This makes it: python -m ocr_jax.main {config.init_from_args} "
            f"--workdir={shlex.quote(str(network))}"
        )
    return text


def kept_classes(
    known: Charset, charset: Charset, lines: dataset.LabelledSplit
) -> np.ndarray:
    """Return the classes of the known characters that no training line has."""
    trained = set().union(*(lines.labels[index].tolist() for index in lines.indices))
    kept = [
        index
        for index, character in enumerate(charset.characters, 1)
        if character in known.characters and index not in trained
    ]
    return np.array(kept, np.int32)


def keeping(
    optimizer: optax.GradientTransformation, classes: np.ndarray
) -> optax.GradientTransformation:
    """Keep the output layers' weights and biases of these classes as they are.

    No line has these characters, so each would teach the network to read none of them.
    The optimizer's state has the same shape as without.
    """
    if len(classes) == 0:
        return optimizer

    def without(tree):
        flat = traverse_util.flatten_dict(tree, sep="/")
        kept = {
            # No scatter, which would be a program of its own to compile.
            name: jnp.where(np.isin(np.arange(array.shape[-1]), classes), 0.0, array)
            if _is_head(name)
            else array
            for name, array in flat.items()
        }
        return traverse_util.unflatten_dict(kept, sep="/")

    def update(gradients, state, params=None):
        changes, state = optimizer.update(without(gradients), state, params)
        return without(changes), state  # weight decay would change them, too

    return optax.GradientTransformation(optimizer.init, update)


def taken_over(
    config, shapes: train_state.TrainState, data: dataset.Dataset
) -> tuple[Callable, list[str]]:
    """Return `replace(weights) → weights` with the weights of config.init_from, if any.

    Beside it, what to say of them, a line each. Raises UserError if that network has
    too few of the parameters, or not all of the part that is frozen.
    """
    if not config.init_from:
        return train_state.as_drawn, []
    other = trained.load_best(config.init_from)
    counts = collections.Counter("".join(data.splits["train"].lines.transcripts))
    replace, taken = take_over(other, shapes, data.charset, counts)
    is_random = any(name.split("/")[0] == config.freeze for name in taken.fresh)
    shapes_of_both = (_shapes(other.config, other.height), _shapes(config, data.height))
    differing = "; ".join(config_lib.differences(*shapes_of_both))
    if is_random or taken.share < config.init_from_share:
        problem = f"{config.init_from} is of another shape ({differing})"
        if is_random:
            raise UserError(
                f"config.freeze is {config.freeze!r}, which would freeze random "
                f"weights: {problem}. Take its values, or leave config.freeze empty"
            )
        raise UserError(
            f"config.init_from: {problem} and has {taken.share:.0%} of the parameters, "
            f"of the {config.init_from_share:.0%} that config.init_from_share asks "
            "for. Take its values, or set --config.init_from_share=0 to take what fits"
        )
    remarks = [f"From {config.init_from}: {taken}"]
    if taken.left:
        remarks.append(
            f"config.init_from: {config.init_from} is of another shape ({differing}), "
            f"and these of its weights are left behind: {_counted(taken.left)}. Take "
            "its values to have them all"
        )
    return replace, remarks


def _shapes(config, height: int) -> dict:
    """Return what the shapes of a network's arrays depend on, but the charset."""
    flat = config_lib.flatten(config)
    return {key: flat[key] for key in config_keys.ARCHITECTURE} | {"height": height}


def take_over(
    other: trained.BestModel,
    shapes: train_state.TrainState,
    charset: Charset,
    counts: collections.Counter,
) -> tuple[Callable, Taken]:
    """Return `replace(weights) → weights` with those of `other`, and what it takes.

    Arrays of the same name and shape are taken; of the output layer, the blank and the
    characters that both charsets have. A character that only the training lines have
    starts as the known one that looks like it, and shares its probability.

    counts: of the characters of the training lines.
    """
    theirs = {character: i for i, character in enumerate(other.charset.characters, 1)}
    new = sorted(set(charset.characters) - theirs.keys())
    alike = {
        character: source
        for character in new
        if counts[character] and (source := like(character, theirs))
    }
    started = theirs.keys() | alike.keys()
    sources = {c: alike.get(c, c) for c in charset.characters if c in started}
    ids = {character: i for i, character in enumerate(charset.characters, 1)}
    columns = {BLANK: BLANK} | {ids[c]: theirs[known] for c, known in sources.items()}
    shift = np.log(_shares(sources, counts))
    share = len(columns) / charset.num_classes  # of the output layer
    fresh, left, taken, arrays = [], [], 0.0, {}
    for kind in train_state.WEIGHTS:
        ours = traverse_util.flatten_dict(getattr(shapes, kind), sep="/")
        found = traverse_util.flatten_dict(getattr(other.state, kind), sep="/")
        arrays[kind] = {}
        left += sorted(found.keys() - ours.keys())
        for name, array in ours.items():
            part = _fitting(name, array, found.get(name), list(columns.values()))
            if part is None:
                fresh.append(name)
                continue
            if _is_head(name) and name.endswith("bias"):
                part = part + shift.astype(part.dtype)
            arrays[kind][name] = part
            if kind == "params":
                taken += array.size * (share if _is_head(name) else 1.0)
    report = Taken(
        taken / train_state.count_parameters(shapes),
        fresh,
        left,
        new_characters="".join(new),
        dropped_characters="".join(sorted(theirs.keys() - set(charset.characters))),
        alike=alike,
    )
    return jax.tree_util.Partial(_replace, arrays, np.array(list(columns))), report


def _shares(sources: dict[str, str], counts: collections.Counter) -> np.ndarray:
    """Return the share of each class in what its source had: 1 if it has that alone.

    A letter that no line has keeps all: by chance it is not among these few, and it is
    not trained. Of quotes and dashes, it is the collection's choice.

    sources: character → the known one that it starts as. The blank comes first.
    """
    seen = {character: counts[character] + 0.5 for character in sources}
    total = collections.Counter()
    for character, known in sources.items():
        total[known] += seen[character]
    keep_all = {c for c in sources if not counts[c] and c not in FIRST_OF}
    shares = (
        1.0 if c in keep_all else seen[c] / total[known] for c, known in sources.items()
    )
    return np.array([1.0, *shares])


def _fitting(
    name: str, ours: jax.ShapeDtypeStruct, found: jax.Array | None, classes: list[int]
) -> jax.Array | np.ndarray | None:
    """Return what of the array `found` replaces `ours`: all, these classes or None."""
    if found is None:
        return None
    if _is_head(name) and ours.shape[:-1] == found.shape[:-1]:
        return np.asarray(found)[..., np.array(classes)]
    return found if found.shape == ours.shape else None


def _replace(arrays: dict, classes: jax.Array, weights: dict) -> dict:
    """Put arrays in the place of weights; of the output layer, only `classes`."""
    replaced = {}
    for kind, tree in weights.items():
        flat = traverse_util.flatten_dict(tree, sep="/")
        for name, array in arrays[kind].items():
            whole = array.shape == flat[name].shape
            flat[name] = array if whole else flat[name].at[..., classes].set(array)
        replaced[kind] = traverse_util.unflatten_dict(flat, sep="/")
    return replaced


def _is_head(name: str) -> bool:
    return any(part in HEADS for part in name.split("/"))
