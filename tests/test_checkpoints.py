"""The file of a language model: the same for the same, and whole or refused."""

import types

import numpy as np
import pytest

from ocr_jax import decoders
from ocr_jax.charset import Charset
from ocr_jax.decoding import language_model
from ocr_jax.errors import UserError


def test_a_saved_model_is_the_same_again_byte_by_byte(tmp_path):
    ngrams = language_model.count([[1, 2, 3], [3, 300]], 3, 400)
    paths = [tmp_path / name for name in ("a.npz", "b.npz")]
    for path in paths:
        decoders.write(path, ngrams, {"alpha": 0.5, "text": "é"})
    assert paths[0].read_bytes() == paths[1].read_bytes()
    loaded, about = decoders.read(paths[0])
    for found, expected in zip(loaded, ngrams, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert about == {"alpha": 0.5, "text": "é"}


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_torn_file_is_refused(tmp_path, share):
    path = tmp_path / "model.npz"
    decoders.write(path, language_model.count([[1, 2, 3]] * 9, 3, 4), {})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match="can't be read"):
        decoders.read(path)


def test_a_damaged_byte_is_noticed(tmp_path):
    path = tmp_path / "model.npz"
    decoders.write(path, language_model.count([[1, 2, 3]] * 9, 3, 4), {})
    content = bytearray(path.read_bytes())
    content[80] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match="can't be read"):
        decoders.read(path)


def test_a_model_of_other_characters_is_refused(tmp_path):
    ngrams = language_model.count([[1, 2]], 2, 3)
    decoders.write(tmp_path / decoders.FILE, ngrams, {"characters": ["a", "b"]})
    best = types.SimpleNamespace(charset=Charset(("a", "c")))
    with pytest.raises(UserError, match="other characters"):
        decoders.load("beam", tmp_path, best)
