"""Configs: every file in configs/ builds its network; mistakes are one clear line."""

import importlib.util
import pathlib

import jax
import jax.numpy as jnp
import pytest

from ocr_jax import config as config_lib
from ocr_jax import models
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
    assert config.name == f"iam_best_{size}"


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
        ("encoder", "convv", "expected one of conv, sliding_window"),
        ("dropout", 1.5, "dropout is 1.5: expected 0.0 to 0.95"),
        ("batch_size", 0, "batch_size is 0"),
        ("frame_stride", 3, "power of two"),
        ("frame_stride", 64, "reach 32 at most"),
        ("conv_channels", (), "conv_channels"),
        ("learning_rate", -1.0, "learning_rate"),
        ("learning_rate", float("nan"), "learning_rate is nan"),
        ("lines_file", "", "lines_file is empty"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_expected(key, value, message):
    config = config_lib.default_config()
    config[key] = value
    with pytest.raises(UserError, match=message):
        config_lib.check(config)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("c.lstm_dmi = 3", "there is no config.lstm_dmi: did you mean config.lstm_dim"),
        ("c.unlock()\n    del c.dropout", "has no dropout: start from default_config"),
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


@pytest.mark.parametrize("key", ["x", "wandb.x", "x.y", "wandb.x.y"])
def test_a_key_that_does_not_exist_is_named(key):
    with pytest.raises(UserError, match=r"\bx\b"):
        config_lib.load(["--config=configs/lines_ctc.py", f"--config.{key}=1"])


def test_there_are_few_keys_beside_those_of_groups():
    keys = config_lib.flatten(config_lib.default_config())
    assert len([key for key in keys if "." not in key]) <= 44


def test_every_range_is_of_a_key_that_exists_and_holds_its_default():
    keys = config_lib.flatten(config_lib.default_config())
    assert set(config_lib.RANGES) | set(config_lib.CHOICES) <= set(keys)
    for key, (low, high) in config_lib.RANGES.items():
        assert low <= keys[key] <= high


def test_every_key_has_a_comment():
    keys = config_lib.flatten(config_lib.default_config())
    assert {key for key, *_ in config_lib.table()} == set(keys)


def test_the_readme_lists_every_key_with_its_default_and_comment():
    readme = (ROOT / "README.md").read_text()
    for key, default, comment in config_lib.table():
        assert f"| `{key}` | `{default}` | {comment} |" in readme, key
