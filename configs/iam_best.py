r"""The recipe of lines_best.py for IAM, in three sizes. Nothing is measured on IAM yet.

python -m ocr_jax.main --config=configs/iam_best.py
python -m ocr_jax.main --config=configs/iam_best.py:base

The first run makes data/iam_64.h5, lines 64 pixels high, from the IAM downloads in
data/raw/iam; README.md says where to get them. iam_ctc.py has its own file of the same
lines, data/iam_28.h5. With synthetic lines first and recombined lines added
(lines_best.py says why):

python -m ocr_jax.prepare iam --source=data/raw/iam --height=64 --out=data/iam_64.h5
python -m ocr_jax.prepare fonts --text=data/iam_64.h5 --lines=20000 --style=varied \
  --out=data/iam_synthetic.h5
python -m ocr_jax.main --config=configs/iam_best.py --workdir=runs/iam_synthetic \
  --config.lines_file=data/iam_synthetic.h5 --config.num_epochs=2 \
  --config.ema_decay=0.99
python -m ocr_jax.prepare recombine --source=data/iam_64.h5 \
  --workdir=runs/iam_synthetic --times=14 --out=data/iam_recombined.h5
python -m ocr_jax.prepare join --source=data/iam_64.h5 --times=14 \
  --with=data/iam_recombined.h5 --out=data/iam_joined.h5
python -m ocr_jax.main --config=configs/iam_best.py --config.num_epochs=3 \
  --config.lines_file=data/iam_joined.h5 --config.init_from=runs/iam_synthetic

Nothing here has been run on IAM yet; its images were not available. The `small` network
was evaluated on French wills, with this dropout and augmentation and after pre-training
on synthetic lines (experiments/README.md). The `tiny` and `base` networks and 200
epochs from random weights have not been evaluated at all. On the 6,482 training lines
of IAM we expect 200 epochs to take hours on a GPU. At 64 pixels' height, a character
spans two to three frames of 8 pixels.
"""

from ocr_jax import recipes
from ocr_jax.config import default_config

# Parameters, with the 80 classes of IAM: 0.8, 1.9 and 7.8 million.
SIZES = {
    "tiny": {
        "conv_channels": (16, 32, 64, 128),
        "column_max": True,
        "lstm_dim": 128,
        "dropout": 0.3,
    },
    "small": {
        "conv_channels": (32, 64, 128, 128),
        "lstm_dim": 192,
        "dropout": 0.3,
    },
    "base": {
        "conv_channels": (32, 64, 128, 256),
        "residual_blocks": 2,
        "column_max": True,
        "lstm_layers": 3,
        "lstm_dim": 256,
        "dropout": 0.3,
    },
}


def get_config(size="small"):
    if size not in SIZES:
        raise ValueError(f"no size {size}: expected one of {', '.join(SIZES)}")
    config = default_config()
    config.name = f"iam_best_{size}"
    recipes.iam_lines(config, height=64, split="aachen")
    config.frame_stride = 8
    config.update(SIZES[size])
    recipes.handwriting_training(config)
    config.num_epochs = 200
    config.warmup_steps = 500
    recipes.handwriting_augmentation(config, probability=0.8, mask=0.1)
    return config
