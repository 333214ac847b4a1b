"""What a language model is learned from."""

import types

import numpy as np
import pytest

from ocr_jax import corpora, decoders, pretrained
from ocr_jax.charset import Charset
from ocr_jax.decoding import language_model
from ocr_jax.errors import UserError
from tests import fixtures


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "more.txt"
    path.write_text("abc\n\ncab  bac\nabcx\n acb\n", encoding="utf-8")
    return path


def test_a_text_of_the_lines_own_kind_lowers_the_perplexity():
    training, validation = [[1, 2], [2, 1]] * 3, [[1, 2, 3, 3, 2, 1]] * 4
    more, other = [[3, 2, 1, 2, 3, 3, 2]] * 20, [[4] * 30] * 20
    texts = {"training": training, "more": training + more}
    assert corpora.choose_model(texts, validation, 5).text == "more"
    texts = {"training": training, "other": training + other}
    learnt = corpora.choose_model(texts, training, 5)
    assert learnt.text == "training"
    model = language_model.build(learnt.ngrams)
    assert learnt.perplexity == language_model.perplexity(model, training)


def test_of_a_joined_file_the_collections_lines_alone_are_a_choice():
    ids = ("page*a/1", "2*", "page*a/1*2", "2**2", "+made_up/1")
    labels = [[1], [2], [1], [2], [3]]
    lines = types.SimpleNamespace(line_ids=ids)
    train = types.SimpleNamespace(labels=labels, lines=lines)
    assert corpora.collect(train, [[4]]) == {
        "training transcripts": labels,
        "the collection's training transcripts": [[1], [2]],
        "training transcripts and texts": [*labels, [4]],
        "the collection's training transcripts and texts": [[1], [2], [4]],
    }
    assert [*corpora.collect(train, [[4]], always=True)] == [
        "training transcripts and texts",
        "the collection's training transcripts and texts",
    ]
    lines.line_ids = tuple("abcde")
    assert [*corpora.collect(train, [])] == ["training transcripts"]


def test_lines_that_the_charset_cannot_spell_are_left_out_and_counted(text, capsys):
    labels = corpora.read(text, Charset(tuple(fixtures.LETTERS)), {})
    assert [len(label) for label in labels] == [3, 3]
    assert "2 of 4 lines" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("caf\xe9\n".encode("latin-1"), "is not UTF-8 text: save it as UTF-8"),
        ("abc\n".encode("utf-16"), "is not UTF-8 text: save it as UTF-8"),
        (b"", "0 of 0 lines have known characters only; name a text of"),
        (b"xyz\n", "0 of 1 lines have known characters only; name a text of"),
    ],
)
def test_a_text_of_which_nothing_can_be_learned_is_refused(tmp_path, content, message):
    path = tmp_path / "more.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"more.txt:? {message}"):
        corpora.read(path, Charset(tuple(fixtures.LETTERS)), {})


def test_texts_get_the_quotes_of_the_collection_alone(tmp_path):
    """Copies and synthetic lines of a joined file have others, perhaps."""
    lines = types.SimpleNamespace(
        line_ids=("a", "b", "+font/1"), transcripts=("l’un", "l’autre", "it's")
    )
    instead = corpora.conventions(types.SimpleNamespace(lines=lines))
    assert instead["'"] == "’"
    (tmp_path / "text").write_text("l'un\n")
    charset = Charset(tuple("lun’'"))
    [label] = corpora.read(tmp_path / "text", charset, instead)
    assert charset.decode(label) == "l’un"


def test_the_language_of_the_first_network_is_a_choice_too():
    """Its characters have other numbers, and one that the run lacks."""
    theirs = language_model.count([[1, 2, 3], [2, 3, 1]] * 20, 3, 5)
    ours = np.array([0, 3, 1, 2, -1])
    language = language_model.respell(theirs, ours, 4)
    training, validation = [[3, 1]], [[3, 1, 2]] * 4
    texts = {"training": training}
    learnt = corpora.choose_model(texts, validation, 4, language)
    assert learnt.text == "training, and the language that the run started with"
    assert corpora.choose_model(texts, training, 4, language).text == "training"


def test_a_run_from_the_network_that_ships_knows_its_language():
    config = types.SimpleNamespace(init_from=pretrained.RECOGNIZER)
    charset = Charset(tuple("éab"))
    best = types.SimpleNamespace(config=config, charset=charset)
    found = corpora.language_of_start(best, {})
    shipped = decoders.read(pretrained.folder("hands") / decoders.FILE).model.ngrams
    assert 0 < found.counts.sum() < shipped.counts.sum()
    assert found.num_classes == 4 and found.keys.max() < 4**found.order
    config.init_from = ""
    assert corpora.language_of_start(best, {}) is None


def test_the_language_of_the_first_network_gets_the_quotes_of_the_collection():
    config = types.SimpleNamespace(init_from=pretrained.RECOGNIZER)
    charset = Charset(tuple("’'abcdefghijklmnopqrstuvwxyz "))
    best = types.SimpleNamespace(config=config, charset=charset)
    kept, respelled = (
        language_model.shorten(corpora.language_of_start(best, instead), 1)
        for instead in ({}, {"'": "’"})
    )
    assert 1 not in kept.keys and 2 in kept.keys
    assert 2 not in respelled.keys and 1 in respelled.keys
