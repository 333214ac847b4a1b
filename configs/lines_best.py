r"""For writing that no network knows: pre-train on synthetic lines, then real ones.

python -m ocr_jax.prepare folder --source=DIR --out=data/lines.h5
python -m ocr_jax.main --config=configs/lines_best.py:synthetic --workdir=runs/synthetic
python -m ocr_jax.prepare recombine --source=data/lines.h5 --workdir=runs/synthetic \
  --times=14 --out=data/recombined.h5
python -m ocr_jax.prepare join --source=data/lines.h5 --times=14 \
  --with=data/recombined.h5 --out=data/joined.h5
python -m ocr_jax.main --config=configs/lines_best.py
python -m ocr_jax.tune_decoder --workdir=WORKDIR

Where pretrained:hands knows the letters, lines_ctc.py reads better after a tenth of the
time: 14.9 % wrong on the lines below after ten passes. The network is that of
lines_ctc.py:nothing. Pre-training on synthetic lines halves the number of passes;
recombined lines, with the words in other orders, keep the network from memorising them.

Trained on 2,098 lines by 91 writers of French wills (1914-1918), two seeds reached CERs
of 18.1 % and 18.4 % on 14 unseen writers, 15.3 % with the language model of
ocr_jax.tune_decoder. The ensemble of the two (ocr_jax.ensemble) reached 17.4 % (95 %
interval 13.7 to 20.6), 14.8 % with the language model. Each run took 97 to 108 minutes
on one CPU core (27 November 2026), after 13 minutes on synthetic lines. Those lines
used more fonts and a richer text than the commands above. With --times=7, training
takes half as long and the CER is 0.5 to 1.6 points higher (experiments/README.md).
"""

from ocr_jax import recipes
from ocr_jax.config import default_config

STAGES = {
    "synthetic": {
        "name": "lines_synthetic",
        "lines_file": "data/synthetic.h5",
        "prepare_args": "fonts --text=data/lines.h5 --lines=20000 --style=varied "
        "--out=data/synthetic.h5",
        "num_epochs": 2,
        "ema_decay": 0.99,
        "dropout": 0.5,
    },
    "real": {
        "name": "lines_best",
        "lines_file": "data/joined.h5",
        "init_from": "runs/synthetic",
        "init_from_args": "--config=configs/lines_best.py:synthetic",
        "num_epochs": 3,
        "ema_decay": 0.999,
        "dropout": 0.3,
    },
}


def get_config(stage="real"):
    if stage not in STAGES:
        raise ValueError(f"no stage {stage}: expected one of {', '.join(STAGES)}")
    config = default_config()
    recipes.handwriting_network(config)
    recipes.handwriting_training(config)
    recipes.handwriting_augmentation(config, probability=0.8, mask=0.1)
    config.update(STAGES[stage])
    return config
