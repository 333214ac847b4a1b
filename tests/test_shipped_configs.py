"""A config is found by its path, or by its name wherever ocr_jax is installed."""

import pytest

from ocr_jax import config, shipped_configs
from ocr_jax.errors import UserError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "value", ["quickstart", "quickstart.py", "configs/quickstart.py"]
)
def test_outside_a_checkout_a_name_finds_the_config_that_is_shipped(value):
    assert config.load([f"--config={value}"]).name == "quickstart"
    for flag in ("--config", "-config"):
        loaded = config.load([flag, value, "--config.lstm_dim=7"])
        assert (loaded.name, loaded.lstm_dim) == ("quickstart", 7)


def test_a_name_takes_an_argument():
    assert config.load(["--config=iam_best:tiny"]).name == "iam_best_tiny"


def test_a_file_at_hand_comes_before_the_one_that_is_shipped(tmp_path):
    (tmp_path / "configs").mkdir()
    own = tmp_path / "configs" / "quickstart.py"
    own.write_text(shipped_configs.paths()["lines_ctc"].read_text())
    assert config.load(["--config=configs/quickstart.py"]).name == "lines_ctc"


@pytest.mark.parametrize("value", ["quickstrat", "configs/quickstrat.py"])
def test_a_misspelt_name_is_one_line_with_the_nearest_and_all_others(value):
    with pytest.raises(UserError) as error:
        config.load([f"--config={value}"])
    message = str(error.value)
    assert value in message and "Did you mean quickstart?" in message
    assert all(name in message for name in shipped_configs.paths())
    assert "\n" not in message


@pytest.mark.parametrize("value", ["elsewhere/quickstart.py", "__init__", "x"])
def test_what_is_neither_a_file_nor_a_name_is_refused(value):
    with pytest.raises(UserError, match="no such file"):
        config.load([f"--config={value}"])
