"""The finder of lines on whole pages: a U-Net that draws where baselines run.

python -m ocr_jax.prepare whole_pages --source=DIR --out=data/pages.h5
python -m ocr_jax.main --config=configs/page_lines.py
"""

from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "page_lines"
    config.lines_file = "data/pages.h5"
    config.encoder = "page"
    config.conv_channels = (24, 48, 64, 96, 128)
    config.batch_size = 8
    config.num_epochs = 24
    config.learning_rate = 2e-3
    config.warmup_steps = 100
    config.weight_decay = 1e-2
    config.grad_clip = 1.0
    config.ema_decay = 0.998
    return config
