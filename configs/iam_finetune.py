"""The lab's last idea: trained on EMNIST lines first, then on IAM.

    python -m ocr_jax.main --config=configs/emnist_lines_ctc.py --workdir=runs/emnist
    python -m ocr_jax.main --config=configs/iam_finetune.py

Add `--config.freeze=encoder` to train the recurrent and output layers alone. Not yet
measured here, where IAM's images are not at hand.
"""

from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "iam_finetune"
    config.lines_file = "data/iam_lines.h5"
    config.height = 28
    config.init_from = "runs/emnist"

    config.encoder = "sliding_window"
    config.window_width = 12
    config.window_stride = 5
    config.batch_norm = False
    config.lstm_layers = 1
    config.lstm_dim = 128
    config.bidirectional = False

    config.batch_size = 64
    config.num_epochs = 16
    config.early_stop_patience = 3
    return config
