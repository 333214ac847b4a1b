"""Single characters: a LeNet, which is a sliding window with one place to go.

    python -m ocr_jax.main --config=configs/emnist_lenet.py

It makes data/emnist.h5 of EMNIST, or, with no network, of handwriting fonts:
`--config.prepare_args="emnist --source=fonts"`.
Of fonts, it reached an accuracy of 96.7 % on
test characters (99.8 % among the three likeliest) in eleven minutes on one busy CPU
core.
"""

from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "emnist_lenet"
    config.lines_file = "data/emnist.h5"
    config.prepare_args = "emnist"
    config.height = 28

    config.encoder = "sliding_window"
    config.window_width = 28
    config.window_stride = 28
    config.batch_norm = False
    config.lstm_layers = 0
    config.dropout = 0.2

    config.batch_size = 256
    config.num_epochs = 6
    return config
