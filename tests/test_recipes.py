"""Recipes: what each config file changes of the defaults, spelt out."""

import pathlib

import pytest

from ocr_jax import config as config_lib
from ocr_jax.errors import UserError

CONFIGS = pathlib.Path(__file__).parent.parent / "configs"
LAB = {
    "height": 28,
    "encoder": "sliding_window",
    "batch_norm": False,
    "lstm_layers": 1,
    "bidirectional": False,
    "optimizer": "rmsprop",
    "schedule": "constant",
    "warmup_steps": 0,
    "batch_size": 64,
}
IAM = LAB | {
    "lines_file": "data/iam_28.h5",
    "prepare_args": "iam --source=data/raw/iam --split=lab --height=28 "
    "--out=data/iam_28.h5",
    "num_epochs": 16,
    "early_stop_patience": 3,
}
HANDWRITING = {
    "conv_channels": [32, 64, 128, 128],
    "frame_stride": 8,
    "lstm_dim": 192,
    "shortcut_weight": 0.1,
    "learning_rate": 2e-3,
    "warmup_steps": 100,
    "weight_decay": 1e-2,
    "ema_decay": 0.999,
    "augment.slant": 0.3,
    "augment.scale": 0.2,
    "augment.rotation": 1.0,
    "augment.shift": 0.05,
    "augment.elastic": 0.06,
    "augment.grid": 0.15,
    "augment.stroke": 0.8,
    "augment.bleed": 0.3,
    "augment.ruled_lines": 0.3,
    "augment.blur": 0.5,
    "augment.contrast": 0.3,
    "augment.noise": 0.03,
}
BEST = HANDWRITING | {"augment.probability": 0.8, "augment.mask": 0.1, "dropout": 0.3}
IAM_BEST = HANDWRITING | {
    "name": "iam_best",
    "lines_file": "data/iam_64.h5",
    "prepare_args": "iam --source=data/raw/iam --split=aachen --height=64 "
    "--out=data/iam_64.h5",
    "height": 64,
    "init_from": "pretrained:hands-large",
    "encoder": "upright_conv",
    "lstm_layers": 4,
    "learning_rate": 1e-3,
    "dropout": 0.2,
    "num_epochs": 9,
    "augment.probability": 0.5,
    "augment.mask": 0.05,
}
IAM_SMALL = (
    IAM_BEST
    | BEST
    | {
        "name": "iam_best_small",
        "init_from": "",
        "encoder": "conv",
        "lstm_layers": 2,
        "learning_rate": 2e-3,
        "num_epochs": 200,
        "warmup_steps": 500,
    }
)
# What each file changes of the defaults.
EXPECTED = {
    "iam_ctc.py": IAM | {"name": "iam_ctc"},
    "iam_finetune.py": IAM
    | {
        "name": "iam_finetune",
        "init_from": "runs/emnist",
        "init_from_args": "--config=configs/emnist_lines_ctc.py",
    },
    "emnist_lines_ctc.py": LAB
    | {
        "name": "emnist_lines_ctc",
        "lines_file": "data/emnist_lines.h5",
        "prepare_args": "emnist_lines --out=data/emnist_lines.h5",
        "num_epochs": 10,
    },
    "emnist_lines_ctc.py:fonts": LAB
    | {
        "name": "emnist_lines_ctc",
        "lines_file": "data/emnist_lines_fonts.h5",
        "prepare_args": "emnist_lines --source=fonts --out=data/emnist_lines_fonts.h5",
        "num_epochs": 10,
    },
    "lines_ctc.py": HANDWRITING
    | {
        "name": "lines_ctc",
        "init_from": "pretrained:hands",
        "encoder": "upright_conv",
        "num_epochs": 0,
        "dropout": 0.3,
        "augment.probability": 0.5,
        "augment.mask": 0.05,
    },
    "lines_ctc.py:hands-large": HANDWRITING
    | {
        "name": "lines_ctc",
        "init_from": "pretrained:hands-large",
        "encoder": "upright_conv",
        "lstm_layers": 4,
        "num_epochs": 0,
        "dropout": 0.3,
        "augment.probability": 0.5,
        "augment.mask": 0.05,
    },
    "lines_ctc.py:nothing": HANDWRITING
    | {
        "name": "lines_ctc",
        "dropout": 0.5,
        "num_epochs": 130,
        "augment.probability": 0.5,
        "augment.mask": 0.05,
    },
    "lines_best.py:synthetic": BEST
    | {
        "name": "lines_synthetic",
        "lines_file": "data/synthetic.h5",
        "prepare_args": "fonts --text=data/lines.h5 --lines=20000 --style=varied "
        "--out=data/synthetic.h5",
        "dropout": 0.5,
        "num_epochs": 2,
        "ema_decay": 0.99,
    },
    "lines_best.py": BEST
    | {
        "name": "lines_best",
        "lines_file": "data/joined.h5",
        "init_from": "runs/synthetic",
        "init_from_args": "--config=configs/lines_best.py:synthetic",
        "num_epochs": 3,
    },
    "iam_best.py": IAM_BEST,
    "iam_best.py:small": IAM_SMALL,
    "iam_best.py:tiny": IAM_SMALL
    | {
        "name": "iam_best_tiny",
        "conv_channels": [16, 32, 64, 128],
        "column_max": True,
        "lstm_dim": 128,
    },
    "iam_best.py:base": IAM_SMALL
    | {
        "name": "iam_best_base",
        "conv_channels": [32, 64, 128, 256],
        "residual_blocks": 2,
        "column_max": True,
        "lstm_layers": 3,
        "lstm_dim": 256,
    },
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_config_file_changes_these_defaults_and_no_other(name):
    config = config_lib.flatten(config_lib.load([f"--config={CONFIGS / name}"]))
    defaults = config_lib.flatten(config_lib.default_config())
    assert config == defaults | EXPECTED[name]


@pytest.mark.parametrize("name", ["emnist_mlp", "emnist_lenet", "emnist_lines_ctc"])
def test_fonts_change_the_lines_file_alone(name):
    one, other = (
        config_lib.load([f"--config={CONFIGS / name}.py{characters}"])
        for characters in ("", ":fonts")
    )
    changes = [text.split(":")[0] for text in config_lib.differences(one, other)]
    assert changes == ["lines_file", "prepare_args"]
    with pytest.raises(UserError, match="no characters font: expected one of emnist"):
        config_lib.load([f"--config={CONFIGS / name}.py:font"])


@pytest.mark.parametrize("name", ["lines_ctc", "lines_best", "iam_best"])
def test_a_misspelt_argument_of_a_config_is_refused(name):
    with pytest.raises(UserError, match=r"no st.* nothng: expected one of"):
        config_lib.load([f"--config={CONFIGS / name}.py:nothng"])


def test_fine_tuning_differs_from_the_labs_run_in_its_start_alone():
    one, other = (
        config_lib.load([f"--config={CONFIGS / name}.py"])
        for name in ("iam_ctc", "iam_finetune")
    )
    changes = [text.split(":")[0] for text in config_lib.differences(one, other)]
    assert changes == ["init_from", "init_from_args", "name"]
