"""The lab's network on synthetic lines composed of EMNIST characters.

    python -m ocr_jax.main --config=configs/emnist_lines_ctc.py --workdir=runs/emnist
    python -m ocr_jax.main --config=emnist_lines_ctc:fonts --workdir=runs/emnist

The first run makes data/emnist_lines.h5 from EMNIST. `:fonts` works offline: it
composes the lines of characters in handwriting fonts, in data/emnist_lines_fonts.h5.

With fonts, five epochs reached a CER of 15.7 % on test lines in 47 minutes on one CPU
core (19 lines/s; 24 November 2026). That run used AdamW with a cosine schedule. This
file now has the lab's optimiser, with which two epochs leave a CER of 46.4 % on
validation lines after 12 minutes (30 November 2026). configs/iam_finetune.py continues
from this run; experiments/README.md shows how much the start helps iam_ctc.py.
"""

from ocr_jax import recipes
from ocr_jax.config import default_config


def get_config(characters="emnist"):
    config = default_config()
    config.name = "emnist_lines_ctc"
    recipes.emnist_or_fonts(config, "emnist_lines", characters)
    recipes.lab_network(config)
    recipes.lab_training(config)
    config.num_epochs = 10
    return config
