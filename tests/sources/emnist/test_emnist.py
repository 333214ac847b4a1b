"""Characters and lines of characters: from EMNIST, mocked, and from fonts."""

import argparse
import collections
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow_datasets as tfds

from ocr_jax import prepare
from ocr_jax.data import lines_file
from ocr_jax.sources.emnist import characters, emnist, emnist_lines


def run(tmp_path, *arguments):
    out = tmp_path / "out.h5"
    arguments = [*arguments, f"--out={out}", "--workers=1", "--overwrite"]
    return prepare.main(arguments), out


def splits_of(path):
    with lines_file.LinesFile(path) as file:
        return {name: file.split(name) for name in file.splits}


@pytest.fixture
def mock_emnist(monkeypatch):
    monkeypatch.setattr(characters, "_require_network", lambda url: None)
    with tfds.testing.mock_data(num_examples=500):
        yield


def stored(split):
    """What TFDS gives: images (n, 28, 28, 1), rows and columns exchanged, labels."""
    data = list(tfds.as_numpy(tfds.load("emnist/byclass", split=split)))
    return [one["image"] for one in data], [one["label"] for one in data]


def test_emnist_is_upright(mock_emnist):
    images, labels = stored("train")
    upright, same = characters.emnist("train")
    np.testing.assert_array_equal(upright[0], images[0][:, :, 0].T)
    np.testing.assert_array_equal(same, labels)


def test_emnist_is_balanced_over_digits_and_letters(tmp_path, mock_emnist):
    code, out = run(tmp_path, "emnist", "--per_class=6")
    assert code == 0
    splits = splits_of(out)
    counts = collections.Counter(splits["train"].transcripts)
    assert max(counts.values()) <= 6 and len(counts) > 55
    assert splits["train"].image(0).shape == (28, 28)
    images, labels = characters.emnist("train")
    known = dict(zip(map(bytes, images), labels, strict=True))
    taken = collections.Counter()
    for name in ("train", "validation"):
        split = splits[name]
        for index, transcript in enumerate(split.transcripts):
            image = bytes(split.image(index))
            assert characters.CLASSES[known[image]] == transcript
            taken[image] += 1
    assert set(taken.values()) == {1}


def test_the_lines_in_a_file_are_in_no_order_of_classes(tmp_path, mock_emnist):
    _, out = run(tmp_path, "emnist")
    transcripts = splits_of(out)["train"].transcripts
    assert len(set(transcripts[:40])) > 15


def test_without_emnist_the_other_source_is_named(tmp_path, capsys, monkeypatch):
    def urlopen(url, timeout):
        raise urllib.error.URLError("no route\nto host")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    for command in ("emnist", "emnist_lines"):
        code, out = run(tmp_path, command)
        said = capsys.readouterr().err
        assert code == 2 and not out.exists()
        assert "no route to host" in said and "ocr_jax.prepare --source=fonts" in said
        assert "--config=configs/emnist_mlp.py:fonts" in said
        assert len(said.strip().splitlines()) == 1


def test_fonts_make_the_same_classes(tmp_path):
    code, out = run(tmp_path, "emnist", "--source=fonts", "--per_class=2")
    assert code == 0
    split = splits_of(out)["train"]
    assert collections.Counter(split.transcripts) == dict.fromkeys(
        characters.CLASSES, 2
    )
    assert "Permanent Marker" not in {
        writer
        for writer, character in zip(split.writers, split.transcripts, strict=True)
        if character.islower()
    }
    digest = split.digest
    run(tmp_path, "emnist", "--source=fonts", "--per_class=2")
    assert splits_of(out)["train"].digest == digest
    run(tmp_path, "emnist", "--source=fonts", "--per_class=2", "--seed=1")
    assert splits_of(out)["train"].digest != digest


LINES = ("--lines=12", "--validation_lines=3", "--test_lines=3")


def test_lines_of_emnist_are_set_from_its_characters(tmp_path, mock_emnist):
    code, out = run(
        tmp_path, "emnist_lines", *LINES, "--min_overlap=0", "--max_overlap=0"
    )
    assert code == 0
    splits = splits_of(out)
    assert [len(splits[name]) for name in lines_file.SPLITS] == [12, 3, 3]
    for name in ("train", "test"):
        split = splits[name]
        images, labels = characters.emnist(name)
        known = dict(zip(map(bytes, images), labels, strict=True))
        have = {characters.CLASSES[label] for label in labels}
        for index, transcript in enumerate(split.transcripts):
            line = split.image(index)
            assert line.shape == (28, 28 * len(transcript))
            for place, character in enumerate(transcript):
                glyph = line[:, 28 * place : 28 * place + 28]
                if character == " ":
                    assert not glyph.any()
                elif character in have:
                    assert characters.CLASSES[known[bytes(glyph)]] == character


def test_lines_are_as_long_and_overlap_as_asked(tmp_path):
    options = ("--source=fonts", "--max_length=24", "--min_overlap=0.3")
    code, out = run(tmp_path, "emnist_lines", *LINES, *options)
    assert code == 0
    split = splits_of(out)["train"]
    for index, transcript in enumerate(split.transcripts):
        assert len(transcript) <= 24
        steps = (split.image(index).shape[1] - 28) / (len(transcript) - 1)
        assert steps in (28 - int(28 * share) for share in (0.3, 0.33))


def test_the_same_seed_gives_the_same_lines(tmp_path):
    digests = []
    for seed in (0, 0, 1):
        run(tmp_path, "emnist_lines", *LINES, "--source=fonts", f"--seed={seed}")
        digests.append(splits_of(tmp_path / "out.h5")["train"].digest)
    assert digests[0] == digests[1] != digests[2]


def test_every_character_of_a_line_is_drawn_anew():
    bank = {"train": {"e": np.arange(50)[:, None, None] * np.ones((1, 28, 28))}}
    args = argparse.Namespace(seed=0, max_length=34, min_overlap=0, max_overlap=0.33)
    glyphs = []
    for task in emnist_lines._tasks(args, (20, 0, 0), bank):
        assert [task.text[place] for place in task.glyphs] == ["e"] * task.text.count(
            "e"
        )
        glyphs += [int(glyph[0, 0]) for glyph in task.glyphs.values()]
    assert len(set(glyphs)) > 15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["emnist", "--per_class=-1"], "--per_class"),
        (["emnist_lines", "--max_overlap=1"], "--max_overlap=1"),
        (["emnist_lines", "--min_overlap=0.5"], "--min_overlap=0.5"),
        (["emnist_lines", "--lines=0"], "--lines=0"),
        (["emnist_lines", "--max_length=3"], "--max_length=3"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path, capsys, arguments, message):
    assert run(tmp_path, *arguments, "--source=fonts")[0] == 2
    assert message in capsys.readouterr().err


def test_ranks_number_the_characters_of_each_class():
    labels = np.array([1, 0, 1, 1, 0])
    ranks = emnist._ranks(labels, np.random.default_rng(0))
    assert sorted(ranks[labels == 1]) == [0, 1, 2]
    assert sorted(ranks[labels == 0]) == [0, 1]
