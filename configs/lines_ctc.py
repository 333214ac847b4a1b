"""Any lines file of real handwriting: convolutions, two bidirectional LSTMs, CTC.

python -m ocr_jax.prepare folder --source=DIR --out=data/lines.h5
python -m ocr_jax.main --config=configs/lines_ctc.py
python -m ocr_jax.main --config=configs/lines_ctc.py --config.lines_file=FILE.h5

On 2,098 lines of French wills of 1914-1918 by 91 hands it reached a CER of 18.6 % (95 %
interval 14.7 to 21.7) on 14 unseen hands, 51 minutes after the start, on two CPU cores
at 97 lines/s; 15.9 % (12.4 to 18.7) with the language model of ocr_jax.tune_decoder (25
November 2026; experiments/README.md says more).
"""

from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "lines_ctc"
    config.conv_channels = (32, 64, 128, 128)
    config.frame_stride = 8
    config.lstm_dim = 192
    config.dropout = 0.5

    config.shortcut_weight = 0.1
    config.num_epochs = 130
    config.learning_rate = 2e-3
    config.warmup_steps = 100
    config.weight_decay = 1e-2
    config.ema_decay = 0.999

    config.augment.probability = 0.5
    config.augment.slant = 0.3
    config.augment.scale = 0.2
    config.augment.rotation = 1.0
    config.augment.shift = 0.05
    config.augment.elastic = 0.06
    config.augment.grid = 0.15
    config.augment.stroke = 0.8
    config.augment.bleed = 0.3
    config.augment.ruled_lines = 0.3
    config.augment.blur = 0.5
    config.augment.contrast = 0.3
    config.augment.noise = 0.03
    config.augment.mask = 0.05
    return config
