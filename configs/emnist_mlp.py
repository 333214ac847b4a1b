"""Single characters: dense layers over the image.

    python -m ocr_jax.main --config=configs/emnist_mlp.py
    python -m ocr_jax.main --config=configs/emnist_mlp.py --config.layer_size=256

It makes data/emnist.h5 of EMNIST, or, with no network, of handwriting fonts:
`--config.prepare_args="emnist --source=fonts"`.
Of fonts, two layers reached an accuracy of
82.6 % on test characters (96.3 % among the three likeliest) and four layers 84.0 %
(97.2 %), in less than a minute on one CPU core.
"""

from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "emnist_mlp"
    config.lines_file = "data/emnist.h5"
    config.prepare_args = "emnist"
    config.height = 28

    config.encoder = "mlp"
    config.window_width = 28
    config.window_stride = 28
    config.num_layers = 3
    config.layer_size = 128
    config.lstm_layers = 0
    config.dropout = 0.2

    config.batch_size = 256
    config.num_epochs = 10
    return config
