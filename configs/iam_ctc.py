"""The lab's line recogniser on IAM: a LeNet slid along the line, an LSTM, CTC.

    python -m ocr_jax.main --config=configs/iam_ctc.py
    python -m ocr_jax.main --config=configs/iam_ctc.py --config.lstm_dim=256

It reads data/iam_lines.h5, a lines file with lines 28 pixels high. The lab reports 40 %
character accuracy after 8 epochs, 60 % after 40; not yet measured here, where IAM's
images are not at hand.
"""

from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "iam_ctc"
    config.lines_file = "data/iam_lines.h5"
    config.height = 28

    config.encoder = "sliding_window"
    config.window_width = 12
    config.window_stride = 5
    config.batch_norm = False
    config.lstm_layers = 1
    config.lstm_dim = 128
    config.bidirectional = False
    config.dropout = 0.2

    config.optimizer = "rmsprop"
    config.learning_rate = 1e-3
    config.schedule = "constant"
    config.warmup_steps = 0
    config.batch_size = 64
    config.num_epochs = 16
    config.early_stop_patience = 3
    return config
