r"""The best recipe for IAM: on from the network that ships, in most papers' split.

python -m ocr_jax.main --config=configs/iam_best.py
python -m ocr_jax.main --config=configs/iam_best.py:base

The first run makes data/iam_64.h5, lines 64 pixels high, from the IAM downloads in
data/raw/iam; README.md says where to get them. pretrained:hands-large has seen no line
of IAM and no English in ink.

It reached a CER of 4.2 % (95 % interval 3.4 to 5.1) on the validation lines and 6.3 %
(5.4 to 7.3) on the test lines, 2.4 and 3.9 % with 6-grams of its transcripts, the Brown
corpus and novels, after nine epochs in 58 minutes on a CPU core beside other work.
30 November 2026; see docs/iam.md.

:tiny, :small and :base start from random weights. None of them has been trained to its
end: 200 epochs take hours on a GPU. Synthetic and recombined lines may be added as in
lines_best.py.
"""

from ocr_jax import pretrained, recipes
from ocr_jax.config import default_config

# Parameters, with the 80 classes of IAM: 0.8, 1.9 and 7.8 million.
SIZES = {
    "tiny": {
        "conv_channels": (16, 32, 64, 128),
        "column_max": True,
        "lstm_dim": 128,
    },
    "small": {},
    "base": {
        "conv_channels": (32, 64, 128, 256),
        "residual_blocks": 2,
        "column_max": True,
        "lstm_layers": 3,
        "lstm_dim": 256,
    },
}


def get_config(start="hands"):
    config = default_config()
    config.name = "iam_best"
    recipes.iam_lines(config, height=64, split="aachen")
    recipes.handwriting_network(config)
    recipes.handwriting_training(config)
    if start == "hands":
        config.init_from = f"{pretrained.PREFIX}hands-large"
        config.encoder = "upright_conv"
        config.lstm_layers = 4
        config.learning_rate = 1e-3
        config.dropout = 0.2
        config.num_epochs = 9
        recipes.handwriting_augmentation(config, probability=0.5, mask=0.05)
    elif start in SIZES:
        config.name += f"_{start}"
        config.update(SIZES[start])
        config.dropout = 0.3
        config.num_epochs = 200
        config.warmup_steps = 500
        recipes.handwriting_augmentation(config, probability=0.8, mask=0.1)
    else:
        expected = ", ".join(("hands", *SIZES))
        raise ValueError(f"no start {start}: expected one of {expected}")
    return config
