"""Configs: every file in configs/ builds its network; mistakes are one clear line."""

import importlib.util
import pathlib
import re

import jax
import jax.numpy as jnp
import pytest

from ocr_jax import config as config_lib
from ocr_jax import models
from ocr_jax.config_keys import KEYS, RENAMED, Key
from ocr_jax.errors import UserError

ROOT = pathlib.Path(__file__).parent.parent
FILES = sorted((ROOT / "configs").glob("[!_]*.py"))


def get_config(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, module.get_config()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_config_is_valid_documented_and_builds_its_network(path):
    module, config = get_config(path)
    config_lib.check(config)
    assert f"--config=configs/{path.name}" in module.__doc__
    model = models.build_model(config, num_classes=80)
    if config.encoder == "page":  # see models/test_page.py
        return
    height = config.height or 64
    arguments = jnp.zeros((2, height, 300)), jnp.array([300, 200])
    shapes = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), *arguments)
    )
    logits, lengths = shapes[0]
    assert logits.shape == (2, int(model.frames(300)), 80)
    assert lengths.shape == (2,)


@pytest.mark.parametrize("size", get_config(ROOT / "configs/iam_best.py")[0].SIZES)
def test_every_size_of_the_best_network_is_valid(size):
    config = config_lib.load([f"--config={ROOT}/configs/iam_best.py:{size}"])
    assert (config.name, config.init_from) == (f"iam_best_{size}", "")


@pytest.mark.parametrize("stage", get_config(ROOT / "configs/lines_best.py")[0].STAGES)
def test_both_stages_of_the_best_recipe_are_valid(stage):
    config = config_lib.load([f"--config={ROOT}/configs/lines_best.py:{stage}"])
    assert config.init_from == ("runs/synthetic" if stage == "real" else "")


def test_a_stage_that_there_is_not_is_named_beside_those_there_are():
    with pytest.raises(UserError, match="no stage late: expected one of synthetic"):
        config_lib.load([f"--config={ROOT}/configs/lines_best.py:late"])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("encoder", "convv", "expected one of conv, upright_conv"),
        ("dropout", 1.5, "dropout is 1.5: expected 0 to 0.95"),
        ("batch_size", 0, "batch_size is 0"),
        ("frame_stride", 3, "power of two"),
        ("frame_stride", 64, "allow 32 at most"),
        ("conv_channels", (), "conv_channels is .*: expected numbers from 1 to 65536"),
        ("conv_channels", (16, 0), "conv_channels is .*: expected numbers from 1"),
        ("height", None, "height is None: expected 0 to 1024"),
        ("learning_rate", -1.0, "learning_rate"),
        ("learning_rate", float("nan"), "learning_rate is nan"),
        ("lines_file", "", "lines_file is empty"),
        ("conv_channels", (True, 8), "conv_channels is .*: expected numbers from 1"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_expected(key, value, message):
    config = config_lib.default_config()
    config[key] = value
    with pytest.raises(UserError, match=message):
        config_lib.check(config)


def test_a_finder_of_lines_has_no_part_to_freeze():
    config = config_lib.load(["--config=page_lines"])
    config.init_from, config.freeze = "pretrained:page_lines", "encoder"
    message = "config.freeze is 'encoder', but config.encoder is 'page': leave config"
    with pytest.raises(UserError, match=message):
        config_lib.check(config)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("c.lstm_dmi = 3", "there is no config.lstm_dmi: did you mean config.lstm_dim"),
        ("c.unlock()\n    del c.dropout", "has no dropout: start from default_config"),
        ("c.update({'nothing': 1})", "there is no config.nothing$"),
        ("c.wandb.mod = ''", "there is no config.mod: did you mean config.mode"),
        ("c.nothing.at_all", "there is no config.nothing"),
        ("import json; json.nothing", "module 'json' has no attribute 'nothing'"),
        ("import nothing", "No module named 'nothing'"),
        ("raise ValueError('no size x')", "file of --config: ValueError: no size x$"),
    ],
)
def test_a_mistake_in_a_config_file_is_named(tmp_path, body, message):
    path = tmp_path / "mine.py"
    path.write_text(
        "from ocr_jax.config import default_config\n"
        f"def get_config():\n    c = default_config()\n    {body}\n    return c\n"
    )
    for overrides in ([], ["--config.lstm_dim=3"]):
        with pytest.raises(UserError, match=message):
            config_lib.load([f"--config={path}", *overrides])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lstm_dim=abc", "config.lstm_dim is 'abc': expected a whole number"),
        ("lstm_dim=", "config.lstm_dim is '': expected a whole number"),
        ("dropout=1e-3x", "config.dropout is '1e-3x': expected a number"),
        ("bidirectional=maybe", "config.bidirectional is 'maybe': expected true or f"),
        ("conv_channels[0]=7", r"config.conv_channels\[0\] is a part of a value: set"),
        ("wandb=offline", "config.wandb has keys of its own: .* --config.wandb.mode="),
        ("augment.foo=1", "there is no config.augment.foo$"),
        (
            "augment.blurr=1",
            "no config.augment.blurr: did you mean config.augment.blur",
        ),
        (
            "aug.probability=1",
            "no config.aug.probability: did you mean config.augment.probability",
        ),
    ],
)
def test_an_override_that_is_wrong_is_named_with_what_is_expected(override, message):
    with pytest.raises(UserError, match=message):
        config_lib.load(["--config=configs/lines_ctc.py", f"--config.{override}"])


@pytest.mark.parametrize("key", ["x", "wandb.x", "x.y", "wandb.x.y"])
def test_a_key_that_does_not_exist_is_named(key):
    with pytest.raises(UserError, match=r"\bx\b"):
        config_lib.load(["--config=configs/lines_ctc.py", f"--config.{key}=1"])


def test_there_are_few_keys_beside_those_of_augmentation():
    names = [name for name in KEYS if not name.startswith("augment.")]
    assert len(names) <= 50


def test_the_defaults_are_those_of_the_table():
    config = config_lib.default_config()
    config_lib.check(config)
    defaults = config_lib.flatten(config)
    assert defaults == config_lib.flatten({k.name: k.default for k in KEYS.values()})


@pytest.mark.parametrize("default", [1, 0.5, (1, 2)])
def test_a_number_without_a_range_cannot_be_a_key(default):
    with pytest.raises(ValueError, match="config key x is a number: give low and high"):
        Key("x", default, "help")
    with pytest.raises(ValueError, match=r"default of config key x is .*: expected"):
        Key("x", default, "help", low=10, high=20)
    assert Key("x", default, "help", low=0, high=20).accepted == "0 to 20"


@pytest.mark.parametrize("key", KEYS.values(), ids=lambda key: key.name)
def test_every_key_has_help_and_a_heading(key):
    assert key.help and key.group
    assert not key.is_number or key.low < key.high


def test_the_page_of_keys_is_up_to_date():
    assert (ROOT / "configs/README.md").read_text() == config_lib.markdown()


def test_the_description_of_a_config_has_its_values_and_what_keys_accept():
    config = config_lib.default_config()
    config.lstm_dim, config.augment.noise = 192, 0.1
    text = config_lib.describe(config)
    assert all(f"--config.{name}=" in text for name in KEYS)
    for line in (
        r"--config.lstm_dim=192 +units per direction \(1 to 8,192; default: 128\)",
        r"--config.augment.noise=0.1 .*default: 0.0",
        r"--config.optimizer=adamw .*\(adamw, adam, rmsprop, sgd\)",
    ):
        assert re.search(line, text)


def test_an_old_name_is_a_key_no_more_and_its_new_name_is_one():
    for old, new in RENAMED.items():
        assert old not in KEYS and new in KEYS
        assert old.rpartition(".")[0] in (new.rpartition(".")[0], "distributed")


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_refused_with_the_new_one(old, new, tmp_path):
    message = f"^config.{re.escape(old)} is now config.{re.escape(new)}$"
    for argument in (f"--config.{old}=1", f"-config.{old}"):
        with pytest.raises(UserError, match=message):
            config_lib.load(["--config=configs/lines_ctc.py", argument])
    path = tmp_path / "mine.py"
    for change in (f"c.{old} = 1", f"c.{old}", f"c.update({nested(old)})"):
        path.write_text(
            "from ocr_jax.config import default_config\n"
            f"def get_config():\n    c = default_config()\n    {change}\n    return c\n"
        )
        with pytest.raises(UserError) as raised:
            config_lib.load([f"--config={path}"])
        said = str(raised.value)
        # A file that names a group which is gone gets no further than the group.
        assert re.match(message, said) or said == (
            f"config.{old.rpartition('.')[0]} is now config.{new}"
        )


def nested(key):
    """A value under a dotted key: {"a": {"b": 1}} for a.b."""
    group, _, name = key.rpartition(".")
    return {group: {name: 1}} if group else {name: 1}
