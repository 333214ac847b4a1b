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


def single_characters(config: ml_collections.ConfigDict):
    """Single EMNIST characters: one window, the whole image, and no LSTM."""
    config.lines_file = "data/emnist.h5"
    config.prepare_args = "emnist"
    config.height = 28
    config.window_width = 28
    config.window_stride = 28
    config.lstm_layers = 0
    config.dropout = 0.2
    config.batch_size = 256


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
