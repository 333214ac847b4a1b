"""Learn to read synthetic handwriting in minutes: no data needed, no accelerator.

python -m ocr_jax.main --config=configs/quickstart.py
"""

from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "quickstart"
    config.lines_file = "data/quickstart.h5"
    config.source = "fonts --lines=6000 --height=32"
    config.conv_channels = (16, 32, 64)
    config.num_epochs = 6
    config.wandb.mode = "disabled"
    return config
