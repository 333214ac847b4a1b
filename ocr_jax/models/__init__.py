"""Networks: `build_model` makes the one that a config names."""

from flax import linen as nn

from ocr_jax.models import encoders, line, recurrent


def build_model(config, num_classes: int) -> nn.Module:
    """The config's network; its call is that of `line.LineRecognizer`."""
    return line.LineRecognizer(
        encoder=ENCODERS[config.encoder](config),
        recurrent=recurrent.LSTMStack(
            layers=config.lstm_layers,
            dim=config.lstm_dim,
            bidirectional=config.bidirectional,
            dropout=config.dropout,
        ),
        num_classes=num_classes,
    )


def _conv(config) -> nn.Module:
    return encoders.ConvEncoder(
        channels=tuple(config.conv_channels),
        frame_stride=config.frame_stride,
        batch_norm=config.batch_norm,
        dropout=config.dropout,
    )


def _sliding_window(config) -> nn.Module:
    return encoders.SlidingWindowEncoder(
        window_width=config.window_width,
        window_stride=config.window_stride,
        layer_size=config.layer_size,
        batch_norm=config.batch_norm,
        dropout=config.dropout,
    )


def _mlp(config) -> nn.Module:
    return encoders.MLPEncoder(
        window_width=config.window_width,
        window_stride=config.window_stride,
        num_layers=config.num_layers,
        layer_size=config.layer_size,
        dropout=config.dropout,
    )


ENCODERS = {"conv": _conv, "sliding_window": _sliding_window, "mlp": _mlp}
