"""The lab's last idea: pre-train on lines of EMNIST characters, then fine-tune on IAM.

    python -m ocr_jax.main --config=configs/emnist_lines_ctc.py --workdir=runs/emnist
    python -m ocr_jax.main --config=configs/iam_finetune.py

It differs from iam_ctc.py in `init_from` alone. Add `--config.freeze=encoder` to train
only the LSTM and the output layer. After two passes over lines of characters in fonts,
eight epochs on IAM reach a CER of 33.0 % on its validation lines, where iam_ctc.py has
39.2 % (30 November 2026; experiments/README.md).
"""

from ocr_jax import recipes
from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "iam_finetune"
    config.init_from = "runs/emnist"
    config.init_from_args = "--config=configs/emnist_lines_ctc.py"
    recipes.lab_network(config)
    recipes.iam_lines(config, height=28, split="lab")
    recipes.lab_training(config)
    config.num_epochs = 16
    config.early_stop_patience = 3
    return config
