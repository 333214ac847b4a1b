r"""The network that ships as pretrained:hands: real hands of four centuries.

python experiments/data_tools/hands_text.py data/hands.h5 --out=data/hands.txt
python -m ocr_jax.prepare fonts --text=data/hands.txt --style=varied \
  --lines=8000 --validation_lines=300 --test_lines=10 --out=data/hands_synthetic.h5
python -m ocr_jax.prepare join --source=data/hands.h5 --with=data/hands_synthetic.h5 \
  --out=data/hands_joined.h5
python -m ocr_jax.main --config=configs/hands.py --workdir=runs/hands
python -m ocr_jax.tune_decoder --workdir=runs/hands --always --text fr.txt en.txt
python -m ocr_jax.export --workdir=runs/hands --out=ocr_jax/pretrained/hands \
  --dtype=float16

data/hands.h5 has the lines of open collections that docs/models/hands.md names. The
synthetic lines teach letters and words of English, German, Spanish and Italian, which
those collections hardly have. docs/models/hands.md has the stages that the weights went
through, and the texts of the language model.
"""

from ocr_jax import recipes
from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "hands"
    config.lines_file = "data/hands_joined.h5"
    config.num_buckets = 8
    recipes.handwriting_network(config)
    config.encoder = "upright_conv"
    recipes.handwriting_training(config)
    config.dropout = 0.1
    config.num_epochs = 4
    recipes.handwriting_augmentation(config, probability=0.5, mask=0.05)
    return config
