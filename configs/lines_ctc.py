"""Any lines file of real handwriting: convolutions, two bidirectional LSTMs, CTC.

python -m ocr_jax.prepare folder --source=DIR --out=data/lines.h5
python -m ocr_jax.main --config=configs/lines_ctc.py
python -m ocr_jax.main --config=configs/lines_ctc.py --config.lines_file=FILE.h5

On 2,098 lines of French wills of 1914-1918 by 91 hands it reached a CER of 21.8 % (95 %
interval 17.3 to 25.4) on 14 unseen hands, in its epoch 50, 57 minutes after the start,
on two CPU cores at 42 lines/s (23 November 2026; experiments/benchmarks says more).
"""

from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "lines_ctc"
    config.conv_channels = (32, 64, 128, 128)
    config.frame_stride = 8
    config.lstm_dim = 192
    config.dropout = 0.5
    config.num_epochs = 60
    config.learning_rate = 2e-3
    config.warmup_steps = 100
    config.weight_decay = 1e-2

    config.augment.probability = 0.8
    config.augment.slant = 0.3
    config.augment.scale = 0.2
    config.augment.rotation = 1.0
    config.augment.shift = 0.05
    config.augment.elastic = 0.06
    config.augment.stroke = 0.8
    config.augment.contrast = 0.3
    config.augment.noise = 0.03
    return config
