"""Any lines file of real handwriting: convolutions, two bidirectional LSTMs, CTC.

python -m ocr_jax.prepare folder --source=DIR --out=data/lines.h5
python -m ocr_jax.main --config=configs/lines_ctc.py
python -m ocr_jax.main --config=configs/lines_ctc.py --config.lines_file=FILE.h5

Trained on 2,098 lines by 91 writers of French wills (1914-1918), it reached a CER of
18.6 % (95 % interval 14.7 to 21.7) on 14 unseen writers, 51 minutes after the start, on
two CPU cores at 97 lines/s. With the language model of ocr_jax.tune_decoder the CER is
15.9 % (12.4 to 18.7). 25 November 2026; details in experiments/benchmarks/README.md.
"""

from ocr_jax import recipes
from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "lines_ctc"
    recipes.handwriting_network(config)
    recipes.handwriting_training(config)
    config.dropout = 0.5
    config.num_epochs = 130
    recipes.handwriting_augmentation(config, probability=0.5, mask=0.05)
    return config
