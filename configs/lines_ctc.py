"""Any lines file of real handwriting, from the network that ships: the config to use.

python -m ocr_jax.prepare folder --source=DIR --out=data/lines.h5
python -m ocr_jax.main --config=configs/lines_ctc.py
python -m ocr_jax.main --config=configs/lines_ctc.py --config.lines_file=FILE.h5
python -m ocr_jax.main --config=configs/lines_ctc.py:hands-large
python -m ocr_jax.main --config=configs/lines_ctc.py:nothing

It goes on from pretrained:hands (docs/models/hands.md), for more epochs the fewer
lines there are; with :hands-large from a network of four LSTM layers, whose passes take
1.6 times as long. With :nothing it starts from random weights: convolutions with frames
of 8 pixels, two bidirectional LSTMs, CTC.

On French wills (1914-1918), it reached a CER of 17.0 % (95 % interval 13.6 to 20.2) on
14 unseen writers from 214 lines, and of 14.4 % (11.1 to 17.5) from 2,098 lines by 91
writers in 21 minutes of one CPU core, with --config.num_epochs=10; with :hands-large of
15.0 % from 214 lines. 30 November 2026; see docs/models/hands.md.
From nothing, all lines gave 18.6 % after 51 minutes on two cores: see
experiments/studies/RESULTS.md.
"""

from ocr_jax import pretrained, recipes
from ocr_jax.config import default_config

# Network that comes with the package → its LSTM layers.
LAYERS = {"hands": 2, "hands-large": 4}


def get_config(start="hands"):
    config = default_config()
    config.name = "lines_ctc"
    recipes.handwriting_network(config)
    recipes.handwriting_training(config)
    recipes.handwriting_augmentation(config, probability=0.5, mask=0.05)
    if start == "nothing":
        config.dropout = 0.5
        config.num_epochs = 130
    elif start in LAYERS:
        config.init_from = f"{pretrained.PREFIX}{start}"
        config.encoder = "upright_conv"
        config.lstm_layers = LAYERS[start]
        config.num_epochs = 0
        config.dropout = 0.3
    else:
        expected = ", ".join((*LAYERS, "nothing"))
        raise ValueError(f"no start {start}: expected one of {expected}")
    return config
