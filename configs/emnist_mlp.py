"""Single characters: dense layers over the image.

    python -m ocr_jax.main --config=configs/emnist_mlp.py
    python -m ocr_jax.main --config=configs/emnist_mlp.py --config.layer_size=256
    python -m ocr_jax.main --config=configs/emnist_mlp.py:fonts

The first run makes data/emnist.h5 from EMNIST. `:fonts` works offline: it draws the
characters in handwriting fonts, in data/emnist_fonts.h5. With fonts, two layers reached
an accuracy of 82.6 % on test characters (96.3 % in the top three), and four layers
84.0 % (97.2 %), each in less than a minute on one CPU core.
"""

from ocr_jax import recipes
from ocr_jax.config import default_config


def get_config(characters="emnist"):
    config = default_config()
    config.name = "emnist_mlp"
    recipes.single_characters(config, characters=characters)
    config.encoder = "mlp"
    config.num_layers = 3
    config.layer_size = 128
    config.num_epochs = 10
    return config
