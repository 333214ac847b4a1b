r"""The best recipe for IAM's lines, in three sizes.

python -m ocr_jax.prepare iam --source=data/raw/iam --out=data/iam_lines.h5
python -m ocr_jax.main --config=configs/iam_best.py
python -m ocr_jax.main --config=configs/iam_best.py:base

With synthetic lines first, and recombined ones among the real (lines_best.py says why):

python -m ocr_jax.prepare fonts --text=data/iam_lines.h5 --lines=20000 --hands=varied \
  --out=data/iam_synthetic.h5
python -m ocr_jax.main --config=configs/iam_best.py --workdir=runs/iam_synthetic \
  --config.lines_file=data/iam_synthetic.h5 --config.num_epochs=2 \
  --config.ema_decay=0.99
python -m ocr_jax.prepare recombine --source=data/iam_lines.h5 \
  --workdir=runs/iam_synthetic --times=14 --out=data/iam_recombined.h5
python -m ocr_jax.prepare join --source=data/iam_lines.h5 --times=14 \
  --with=data/iam_recombined.h5 --out=data/iam_joined.h5
python -m ocr_jax.main --config=configs/iam_best.py --config.num_epochs=3 \
  --config.lines_file=data/iam_joined.h5 --config.init_from=runs/iam_synthetic

Measured is the network of `small` with this dropout and augmentation, begun from
synthetic lines, on French wills of 1914-1918 (experiments/README.md). Not measured is
anything on IAM, whose images were not at hand, nor the networks of `tiny` and `base`,
nor 200 epochs from nothing: on 6,482 lines those are hours on a GPU. Frames of 8 of 64
pixels' height are two to three a character.
"""

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
    config.lines_file = "data/iam_lines.h5"
    config.height = 64
    config.frame_stride = 8
    config.update(SIZES[size])

    config.shortcut_weight = 0.1
    config.num_epochs = 200
    config.learning_rate = 2e-3
    config.warmup_steps = 500
    config.weight_decay = 1e-2
    config.ema_decay = 0.999

    config.augment.probability = 0.8
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
    config.augment.mask = 0.1
    return config
