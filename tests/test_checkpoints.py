"""The file of a language model: the same for the same, and whole or refused."""

import types

import numpy as np
import pytest

from ocr_jax import decoders
from ocr_jax.charset import Charset
from ocr_jax.decoding import language_model
from ocr_jax.errors import UserError


def tuned(ngrams, characters=("a", "é")):
    return decoders.TunedDecoder(
        decoders.LearntModel(ngrams, "a text", 3, 4.5),
        decoders.SearchWeights(0.5, 1.0, 9, 0.4, 0.3, 0.1, 0.2),
        1.25,
        tuple(characters),
    )


def test_a_saved_model_is_the_same_again_byte_by_byte(tmp_path):
    ngrams = language_model.count([[1, 2, 3], [3, 300]], 3, 400)
    paths = [tmp_path / name for name in ("a.npz", "b.npz")]
    for path in paths:
        decoders.write(path, tuned(ngrams))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    loaded = decoders.read(paths[0])
    for found, expected in zip(loaded.model.ngrams, ngrams, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert loaded._replace(model=None) == tuned(None)._replace(model=None)
    assert loaded.model[1:] == tuned(None).model[1:]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_torn_file_is_refused(tmp_path, share):
    path = tmp_path / "model.npz"
    decoders.write(path, tuned(language_model.count([[1, 2, 3]] * 9, 3, 4)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match="can't be read"):
        decoders.read(path)


def test_a_damaged_byte_is_noticed(tmp_path):
    path = tmp_path / "model.npz"
    decoders.write(path, tuned(language_model.count([[1, 2, 3]] * 9, 3, 4)))
    content = bytearray(path.read_bytes())
    content[80] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match="can't be read"):
        decoders.read(path)


def test_a_model_of_other_characters_is_refused(tmp_path):
    ngrams = language_model.count([[1, 2]], 2, 3)
    decoders.write(tmp_path / decoders.FILE, tuned(ngrams, "ab"))
    best = types.SimpleNamespace(charset=Charset(("a", "c")))
    with pytest.raises(UserError, match="other characters"):
        decoders.load("beam", tmp_path, best)
