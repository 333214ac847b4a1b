"""Networks: `build_model` builds the network that a config describes."""

import jax.numpy as jnp
from flax import linen as nn

from ocr_jax.models import encoders, line, page, recurrent


def build_model(config, num_classes: int, axis: str | None = None) -> nn.Module:
    """Build the network of a config, or the ensemble of its `ensemble_size` networks.

    Either is called like `line.LineRecognizer`. num_classes: of the characters and the
    blank, or of maps where config.encoder is "page". axis: the mesh axis that lines are
    spread over while training, under shard_map; None without a mesh.
    """
    if config.encoder == "page":
        channels, dtype = tuple(config.conv_channels), jnp.dtype(config.dtype)
        return page.PageNetwork(channels, num_classes, dtype, axis)
    networks = [
        _network(config, num_classes, axis) for _ in range(config.ensemble_size)
    ]
    return networks[0] if len(networks) == 1 else line.Ensemble(tuple(networks))


def _network(config, num_classes: int, axis: str | None) -> nn.Module:
    shared = {
        "dropout": config.dropout,
        "dtype": jnp.dtype(config.dtype),
        "axis": axis,
    }
    of_encoder = shared | {"frozen": config.freeze == "encoder"}
    return line.LineRecognizer(
        encoder=ENCODERS[config.encoder](config, of_encoder),
        recurrent=recurrent.LSTMStack(
            layers=config.lstm_layers,
            dim=config.lstm_dim,
            bidirectional=config.bidirectional,
            implementation=config.lstm_implementation,
            **shared,
        ),
        num_classes=num_classes,
        shortcut=bool(config.shortcut_weight),
    )


def _conv(config, shared: dict) -> nn.Module:
    return encoders.ConvEncoder(
        channels=tuple(config.conv_channels),
        frame_stride=config.frame_stride,
        residual_blocks=config.residual_blocks,
        column_max=config.column_max,
        batch_norm=config.batch_norm,
        upright=config.encoder == "upright_conv",
        **shared,
    )


def _sliding_window(config, shared: dict) -> nn.Module:
    return encoders.SlidingWindowEncoder(
        window_width=config.window_width,
        window_stride=config.window_stride,
        layer_size=config.layer_size,
        batch_norm=config.batch_norm,
        **shared,
    )


def _mlp(config, shared: dict) -> nn.Module:
    return encoders.MLPEncoder(
        window_width=config.window_width,
        window_stride=config.window_stride,
        num_layers=config.num_layers,
        layer_size=config.layer_size,
        **shared,
    )


ENCODERS = {
    "conv": _conv,
    "upright_conv": _conv,
    "sliding_window": _sliding_window,
    "mlp": _mlp,
}
