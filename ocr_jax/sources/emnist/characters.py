"""Images (28, 28) of single characters: EMNIST's, or drawn in handwriting fonts.

EMNIST (Cohen et al., 2017) comes from TensorFlow Datasets, which downloads it once.
"""

import contextlib
import urllib.error
import urllib.request

import numpy as np

from ocr_jax import extras
from ocr_jax.errors import UserError, one_line
from ocr_jax.sources.synthetic import fonts, handwriting, typefaces

CLASSES = (
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # EMNIST's order
)
SIZE = 28
BATCH = 4096  # images loaded at once


def emnist(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Load (images (n, 28, 28) uint8, class ids (n,)) of emnist/byclass, upright.

    split: train or test. Raises UserError if EMNIST is unavailable.
    """
    extras.require("tensorflow")
    import tensorflow_datasets as tfds  # slow to import, and needs TensorFlow

    try:
        builder = tfds.builder("emnist/byclass")
        if not builder.is_prepared():
            _require_network(builder.info.homepage)
        data = tfds.load("emnist/byclass", split=split).batch(BATCH)
        batches = list(tfds.as_numpy(data))
    except Exception as error:  # a network failure or a broken download
        raise UserError(
            f"tensorflow-datasets can't load EMNIST ({one_line(error, 80)}): "
            "without a network, fonts draw the same characters: give ocr_jax.prepare "
            "--source=fonts, or ocr_jax.main a config with :fonts after its name, "
            "such as --config=configs/emnist_mlp.py:fonts"
        ) from None
    images = np.concatenate([batch["image"][..., 0] for batch in batches])
    # EMNIST stores its images transposed.
    return images.transpose(0, 2, 1), np.concatenate([b["label"] for b in batches])


def _require_network(url: str):
    """Raise OSError at once without a network: a download would retry for minutes."""
    with contextlib.suppress(urllib.error.HTTPError):  # the server answered
        urllib.request.urlopen(url, timeout=10).close()


def draw(character: str, font: str, rng: np.random.Generator) -> np.ndarray:
    """Draw the character in a handwriting font, as in EMNIST: (28, 28) uint8."""
    image = handwriting.draw(character, font, SIZE, rng)
    excess = max(0, image.shape[1] - SIZE)
    image = image[:, excess // 2 : excess // 2 + SIZE]
    room = SIZE - image.shape[1]
    return np.pad(image, ((0, 0), (room // 2, room - room // 2)))


def fonts_of(character: str) -> list[str]:
    """Return the fonts that can draw the character in its own case."""
    return [
        font
        for font in fonts.FONTS
        if character in typefaces.characters(font)
        and not (font in fonts.CAPITALS_ONLY and character.islower())
    ]
