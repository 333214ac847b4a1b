"""What several config files share.

Each function changes a config in place. Config files are loaded by path and cannot
import each other, so the shared lines are here.
"""

import ml_collections


def lab_network(config: ml_collections.ConfigDict):
    """The course lab's recogniser: a LeNet over sliding windows, one LSTM, CTC."""
    config.height = 28
    config.encoder = "sliding_window"
    config.window_width = 12
    config.window_stride = 5
    config.batch_norm = False
    config.lstm_layers = 1
    config.lstm_dim = 128
    config.bidirectional = False
    config.dropout = 0.2


def lab_training(config: ml_collections.ConfigDict):
    """The lab's optimiser and schedule: runs that share them compare the rest."""
    config.optimizer = "rmsprop"
    config.learning_rate = 1e-3
    config.schedule = "constant"
    config.warmup_steps = 0
    config.batch_size = 64


def iam_lines(config: ml_collections.ConfigDict, *, height: int, split: str):
    """IAM's lines at a height, in a file that the first run makes from data/raw/iam."""
    config.lines_file = f"data/iam_{height}.h5"
    config.prepare_args = (
        f"iam --source=data/raw/iam --split={split} --height={height} "
        f"--out={config.lines_file}"
    )
    config.height = height


def single_characters(config: ml_collections.ConfigDict, *, characters: str):
    """Single characters: one window, the whole image, and no LSTM.

    characters: emnist, or fonts, which need no network.
    """
    emnist_or_fonts(config, "emnist", characters)
    config.height = 28
    config.window_width = 28
    config.window_stride = 28
    config.lstm_layers = 0
    config.dropout = 0.2
    config.batch_size = 256


def emnist_or_fonts(config: ml_collections.ConfigDict, source: str, characters: str):
    """The lines file of a source of EMNIST, or of the same characters in fonts.

    characters: emnist or fonts, as after the colon of --config=FILE.py:fonts.
    """
    if characters not in ("emnist", "fonts"):
        raise ValueError(f"no characters {characters}: expected one of emnist, fonts")
    config.lines_file = f"data/{source}.h5"
    config.prepare_args = f"{source} --out={config.lines_file}"
    if characters == "fonts":
        config.lines_file = f"data/{source}_fonts.h5"
        config.prepare_args = f"{source} --source=fonts --out={config.lines_file}"


def handwriting_network(config: ml_collections.ConfigDict):
    """Convolutions with frames of 8 pixels and two bidirectional LSTMs of 192 units."""
    config.conv_channels = (32, 64, 128, 128)
    config.frame_stride = 8
    config.lstm_dim = 192


def handwriting_training(config: ml_collections.ConfigDict):
    """AdamW at 2e-3 with a cosine schedule, and a second loss on the encoder."""
    config.shortcut_weight = 0.1
    config.learning_rate = 2e-3
    config.warmup_steps = 100
    config.weight_decay = 1e-2
    config.ema_decay = 0.999


def handwriting_augmentation(
    config: ml_collections.ConfigDict, *, probability: float, mask: float
):
    """Vary slant, size, strokes, paper and ink about as much as writers do."""
    config.augment.probability = probability
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
    config.augment.mask = mask
