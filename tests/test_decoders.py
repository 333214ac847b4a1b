"""Language models are built once: later commands load what was built."""

import jax
import numpy as np
import pytest

from ocr_jax import decoders
from ocr_jax.decoding import language_model

NGRAMS = language_model.count([[1, 2, 3], [2, 2]], order=3, num_classes=4)


@pytest.fixture
def cache(compilation_cache):
    return compilation_cache / decoders.BUILT


def build(path, text=b"a model"):
    path.write_bytes(text)
    return decoders.build(path, NGRAMS)


def assert_equal(model, expected):
    for array, other in zip(model, expected, strict=True):
        np.testing.assert_array_equal(array, other)
        assert array.dtype == other.dtype


def test_a_model_is_built_once(cache, tmp_path, monkeypatch):
    built = build(tmp_path / "m.npz")
    assert_equal(built, language_model.build(NGRAMS))
    monkeypatch.setattr(language_model, "build", None)
    assert_equal(build(tmp_path / "m.npz"), built)
    with pytest.raises(TypeError):  # of another file
        build(tmp_path / "m.npz", b"another")


@pytest.mark.parametrize("torn", [b"", b"PK no archive", 0.5])
def test_what_was_kept_and_damaged_is_built_again(cache, tmp_path, torn):
    built = build(tmp_path / "m.npz")
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[: int(len(whole) * torn)] if torn == 0.5 else torn)
    assert_equal(build(tmp_path / "m.npz"), built)
    assert kept.read_bytes() == whole


def test_the_oldest_models_are_not_kept(cache, tmp_path):
    for number in range(decoders.MOST_BUILT + 2):
        build(tmp_path / "m.npz", bytes([number]))
    assert len(list(cache.iterdir())) == decoders.MOST_BUILT


def test_where_nothing_can_be_kept_the_model_is_built(cache, tmp_path):
    cache.parent.write_text("a file")
    assert_equal(build(tmp_path / "m.npz"), language_model.build(NGRAMS))
    jax.config.update("jax_compilation_cache_dir", None)
    assert_equal(build(tmp_path / "m.npz"), language_model.build(NGRAMS))
