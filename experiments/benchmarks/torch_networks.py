"""The project's networks in PyTorch, of the same config and with the same weights.

They are for batches whose lines fill the whole width, so that nothing is masked. See
`ocr_jax/models` for the parts.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Twin(nn.Module):
    """uint8 images (B, H, W) → logits (B, T, C), and those of the shortcut, if any.

    windows: convolve each window by itself, as the lab did, not the line once.
    """

    def __init__(self, config, height: int, num_classes: int, *, windows: bool = False):
        super().__init__()
        sliding = WindowByWindow if windows else SlidingWindow
        encoders = {"conv": ConvEncoder, "sliding_window": sliding}
        self.encoder = encoders[config.encoder](config, height)
        self.lstm = nn.LSTM(
            self.encoder.features,
            config.lstm_dim,
            config.lstm_layers,
            batch_first=True,
            dropout=config.dropout if config.lstm_layers > 1 else 0.0,
            bidirectional=config.bidirectional,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.lstm_dim * (1 + config.bidirectional), num_classes)
        if config.shortcut_weight:
            self.shortcut = nn.Conv1d(self.encoder.features, num_classes, 3, padding=1)

    def forward(self, images):
        return self._read(self._encode(images))

    def all_logits(self, images):
        """What the losses are of: [logits], and the shortcut's."""
        x = self._encode(images)
        extra = [self.shortcut(x.mT).mT] if hasattr(self, "shortcut") else []
        return [self._read(x), *extra]

    def _encode(self, images):
        return self.encoder(images[:, None].float() / 255)

    def _read(self, x):
        return self.head(self.dropout(self.lstm(x)[0]))

    def load(self, params: dict):
        """Take the weights of a LineRecognizer."""
        self.encoder.load(params["encoder"])
        load_lstm(self.lstm, params["recurrent"])
        _load(self.head, params["head"])
        if hasattr(self, "shortcut"):
            _load(self.shortcut, params["head_shortcut"])


class ConvEncoder(nn.Module):
    """`encoders.ConvEncoder`."""

    def __init__(self, config, height: int):
        super().__init__()
        height, stride, inputs = -(-height // 2), 2, 4
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        self._blocks = []  # (residual blocks, pooling) of each
        for block, channels in enumerate(config.conv_channels):
            residual = config.residual_blocks if block else 0
            for _ in range(1 + 2 * residual):
                bias = not config.batch_norm
                self.convs.append(nn.Conv2d(inputs, channels, 3, padding=1, bias=bias))
                norm = nn.BatchNorm2d(channels) if config.batch_norm else nn.Identity()
                self.norms.append(norm)
                inputs = channels
            pool = 2 if height > 1 else 1, 2 if stride < config.frame_stride else 1
            self._blocks.append((residual, pool))
            height, stride = -(-height // pool[0]), stride * pool[1]
        self.dropout = nn.Dropout(config.dropout)
        self.column_max = config.column_max
        self.features = inputs if config.column_max else height * inputs

    def forward(self, x):
        x = functional.pixel_unshuffle(x, 2)
        layers = zip(self.convs, self.norms, strict=True)

        def convolved(x):
            conv, norm = next(layers)
            return norm(conv(x))

        for residual, pool in self._blocks:
            x = functional.relu(convolved(x), inplace=True)
            for _ in range(residual):
                y = functional.relu(convolved(x), inplace=True)
                x = functional.relu(x + convolved(y))
            x = functional.max_pool2d(x, pool, ceil_mode=True)
        x = x.permute(0, 3, 2, 1)
        return self.dropout(x.amax(2) if self.column_max else x.flatten(2))

    def load(self, params: dict):
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            _load(conv, params[f"Conv_{index}"])
            if f"BatchNorm_{index}" in params:
                _load(norm, params[f"BatchNorm_{index}"])


class SlidingWindow(nn.Module):
    """`encoders.SlidingWindowEncoder`, without normalisation."""

    def __init__(self, config, height: int):
        super().__init__()
        assert not config.batch_norm
        self.width, self.stride = config.window_width, config.window_stride
        self.convs = nn.ModuleList([nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)])
        inputs = (height - 4) // 2 * ((self.width - 4) // 2) * 64
        self.dense = nn.Linear(inputs, config.layer_size)
        self.dropout = nn.Dropout(config.dropout)
        self.features = config.layer_size

    def forward(self, x):
        missing = -(x.shape[3] - self.width) % self.stride
        x = self.windows(functional.pad(x, (0, missing)))
        return self.dropout(functional.relu(self.dense(self.dropout(x))))

    def windows(self, x):
        """(B, 1, H, W) → each window's pooled features, flat: (B, T, D)."""
        x = functional.max_pool2d(self._convolved(x), 2, stride=(2, 1))
        within = torch.arange((self.width - 4) // 2, device=x.device) * 2
        last = x.shape[3] - int(within[-1])
        starts = torch.arange(0, last, self.stride, device=x.device)
        x = x.permute(0, 3, 2, 1)[:, starts[:, None] + within]
        return x.flatten(2)

    def _convolved(self, x):
        for conv in self.convs:
            x = functional.relu(conv(x), inplace=True)
        return x

    def load(self, params: dict):
        for index, conv in enumerate(self.convs):
            _load(conv, params[f"Conv_{index}"])
        _load(self.dense, params["Dense_0"])


class WindowByWindow(SlidingWindow):
    """The same, each window convolved by itself."""

    def windows(self, x):
        x = x.unfold(3, self.width, self.stride)
        size, frames = len(x), x.shape[3]
        x = x.permute(0, 3, 1, 2, 4).flatten(0, 1)
        x = functional.max_pool2d(self._convolved(x), 2)
        return x.permute(0, 3, 2, 1).reshape(size, frames, -1)


def make_optimizer(config, twin: Twin) -> torch.optim.Optimizer:
    """The config's optimizer, at its highest learning rate, in its quickest variant."""
    weights = [w for w in twin.parameters() if w.requires_grad]
    if config.optimizer == "adamw":
        decay = config.weight_decay
        return torch.optim.AdamW(
            weights, config.learning_rate, weight_decay=decay, fused=True
        )
    return torch.optim.RMSprop(weights, config.learning_rate, 0.9, foreach=True)


def make_step(config, twin: Twin, batch: dict[str, torch.Tensor]):
    """A call that makes one update and returns (mean loss, norm of the gradient).

    With config.dtype bfloat16 products are of that type, as torch.autocast chooses.
    """
    optimizer = make_optimizer(config, twin)
    label_lengths = batch["label_length"].cpu().long()
    labels = batch["label"].long()

    weights = list(twin.parameters())
    average = [weight.detach().clone() for weight in weights]

    def loss_of(logits):
        log_probs = logits.float().log_softmax(2).transpose(0, 1)
        frames = torch.full((log_probs.shape[1],), len(log_probs))
        losses = functional.ctc_loss(
            log_probs, labels, frames, label_lengths, reduction="none"
        )
        return losses.mean()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(
            batch["image"].device.type, torch.bfloat16, config.dtype == "bfloat16"
        ):
            logits = twin.all_logits(batch["image"])
        loss, *extra = map(loss_of, logits)
        (loss + config.shortcut_weight * sum(extra)).backward()
        norm = nn.utils.clip_grad_norm_(weights, config.grad_clip)
        optimizer.step()
        if config.ema_decay:
            with torch.no_grad():
                torch._foreach_lerp_(average, weights, 1 - config.ema_decay)
        return loss.detach(), norm

    return step


def load_lstm(lstm: nn.LSTM, params: dict):
    """Take the weights of an LSTMStack; the second bias, which it lacks, stays zero."""
    state = lstm.state_dict()
    for name, weights in params.items():
        direction, layer = name.split("_")
        suffix = f"l{layer}" + "_reverse" * (direction == "backward")
        state[f"weight_ih_{suffix}"] = _tensor(gates(weights["input_kernel"]).T)
        state[f"weight_hh_{suffix}"] = _tensor(gates(weights["recurrent_kernel"]).T)
        state[f"bias_ih_{suffix}"] = _tensor(gates(weights["bias"]))
        state[f"bias_hh_{suffix}"].zero_()
    lstm.load_state_dict(state)
    for name, weight in lstm.named_parameters():
        weight.requires_grad_(not name.startswith("bias_hh"))


def gates(weights) -> np.ndarray:
    """Our gates (..., 4H), i, f, o, g, in torch's order, i, f, g, o; or back."""
    first, second, third, fourth = np.split(np.asarray(weights), 4, -1)
    return np.concatenate([first, second, fourth, third], -1)


@torch.no_grad()
def _load(layer: nn.Module, params: dict):
    """Take a Conv's, Dense's or BatchNorm's weights."""
    weight = np.asarray(params["kernel"] if "kernel" in params else params["scale"])
    axes = {4: (3, 2, 0, 1), 3: (2, 1, 0), 2: (1, 0), 1: (0,)}[weight.ndim]
    layer.weight.copy_(_tensor(weight.transpose(axes)))
    if "bias" in params:
        layer.bias.copy_(_tensor(params["bias"]))


def _tensor(array) -> torch.Tensor:
    return torch.tensor(np.array(array))
