"""The lab's network on lines set from single characters of EMNIST.

    python -m ocr_jax.main --config=configs/emnist_lines_ctc.py --workdir=runs/emnist

It makes data/emnist_lines.h5; with no network, of handwriting fonts:
`--config.prepare_args="emnist_lines --source=fonts"`.
configs/iam_finetune.py goes on from it. With five epochs, of fonts, it reached a CER of
15.7 % on test lines in 47 minutes on one CPU core (19 lines/s). Started from that,
`iam_ctc.py` learns real lines faster: experiments/README.md.
"""

from ocr_jax.config import default_config


def get_config():
    config = default_config()
    config.name = "emnist_lines_ctc"
    config.lines_file = "data/emnist_lines.h5"
    config.prepare_args = "emnist_lines"
    config.height = 28

    config.encoder = "sliding_window"
    config.window_width = 12
    config.window_stride = 5
    config.batch_norm = False
    config.lstm_layers = 1
    config.lstm_dim = 128
    config.bidirectional = False

    config.batch_size = 64
    config.num_epochs = 10
    return config
