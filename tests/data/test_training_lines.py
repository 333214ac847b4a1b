"""What is said of the characters of a training before it begins."""

import pytest

from ocr_jax import workdirs
from ocr_jax.data import lines_file, lines_writer, training_lines
from ocr_jax.errors import UserError
from tests import fixtures


def prepared(tmp_path, **texts):
    path = tmp_path / "l.h5"
    splits = {
        split: [
            lines_file.Line(fixtures.draw_line("abc"), text, f"{split}{i}")
            for i, text in enumerate(lines)
        ]
        for split, lines in texts.items()
    }
    lines_writer.write_lines(path, splits, height=fixtures.HEIGHT, source="test")
    return fixtures.make_tiny_config(path)


def remarks(config, tmp_path):
    return [*training_lines.remarks(training_lines.load(config, tmp_path / "run"))]


def test_characters_that_train_lacks_or_hardly_has_are_counted(tmp_path):
    config = prepared(
        tmp_path, train=["aaaaa bbbbb", "a b c c", "a a"], validation=["aüü", "Z", "ü"]
    )
    unseen, few = remarks(config, tmp_path)
    assert "only validation has" in unseen and unseen.endswith("ü (3), Z (1)")
    assert few.startswith("fewer than 5 times in train: ") and few.endswith("c (2)")


def test_nothing_is_said_of_characters_that_are_seen_often(tmp_path):
    assert (
        remarks(prepared(tmp_path, train=["a" * 5], validation=["a"]), tmp_path) == []
    )


def test_lines_without_any_text_are_refused(tmp_path):
    config = prepared(tmp_path, train=["a"], validation=["", ""])
    with pytest.raises(UserError, match="validation has no text, all of its"):
        training_lines.load(config, tmp_path / "run")


HEBREW = {"train": ["אבאבאבאבאב"], "validation": ["אב"]}


def test_right_to_left_lines_are_learnt_in_display_order_and_it_is_said(tmp_path):
    config = prepared(tmp_path, **HEBREW)
    data = training_lines.load(config, tmp_path / "run")
    assert data.describe()["direction"] == "rtl"
    label = data.splits["validation"].labels[0]
    assert data.charset.spell(label) == "בא" and data.charset.decode(label) == "אב"
    assert "right-to-left" in remarks(config, tmp_path)[0]


@pytest.mark.parametrize("how", ["config", "an old workdir"])
def test_transcripts_in_display_order_stay_as_they_are(tmp_path, how):
    config = prepared(tmp_path, **HEBREW)
    if how == "config":
        config.text_direction = "display"
    else:
        (tmp_path / "run").mkdir()
        workdirs.write_json(tmp_path / "run" / "dataset.json", {"charset": ["א", "ב"]})
    data = training_lines.load(config, tmp_path / "run")
    assert "direction" not in data.describe()
    assert data.charset.spell(data.splits["validation"].labels[0]) == "אב"


def test_another_direction_than_that_of_the_run_is_refused(tmp_path):
    config = prepared(tmp_path, **HEBREW)
    workdirs.write_json(
        tmp_path / "dataset.json", training_lines.load(config, tmp_path).describe()
    )
    for direction in ("", "rtl"):
        config.text_direction = direction
        training_lines.refuse_other_direction(tmp_path, config)
    for direction in ("ltr", "display"):
        config.text_direction = direction
        with pytest.raises(UserError, match=f"'{direction}', but .* with 'rtl': leave"):
            training_lines.refuse_other_direction(tmp_path, config)
    workdirs.write_json(tmp_path / "dataset.json", {"charset": ["a", "b"]})
    training_lines.refuse_other_direction(tmp_path, config)  # which makes no difference


def test_lines_that_look_like_another_text_are_named(tmp_path):
    config = prepared(tmp_path, train=["אב ab 12 גד", "אב 12 ab גד"], validation=["א"])
    [said] = [r for r in remarks(config, tmp_path) if "looks the same" in r]
    assert "1 train lines" in said and "train1" in said
