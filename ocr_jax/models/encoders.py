"""Encoders: line images (B, H, W, 1) to a feature vector a frame, (B, T, D).

Columns past a line's own width are zero on the way in and are made zero again after
every layer that could fill them, so that padding never reaches a real frame. Paddings
are explicit: "SAME" would shift by a pixel between odd and even widths. A frozen
encoder normalises as it does when it reads.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from ocr_jax.models import layers


def fold_pixels(images: jax.Array) -> jax.Array:
    """(B, H, W, 1) as (B, ceil(H / 2), ceil(W / 2), 4): 2 x 2 pixels as channels."""
    images = jnp.pad(images[..., 0], ((0, 0), *((0, n % 2) for n in images.shape[1:3])))
    pixels = [images[:, i::2, j::2] for i in range(2) for j in range(2)]
    return jnp.stack(pixels, axis=-1)


def masked_relu(x: jax.Array, mask: jax.Array) -> jax.Array:
    """max(x, 0) where the mask holds, 0 elsewhere."""
    return jnp.where(mask, nn.relu(x), 0.0)


class ConvEncoder(nn.Module):
    """Convolution and pooling blocks over the whole line, then rows into features.

    Pixels are folded two by two before the first block, which at full resolution would
    cost more than all the others. Block i has `channels[i]` features, `residual_blocks`
    residual blocks (He et al., 2015) from the second on, and halves the height; the
    first blocks halve the width too, until a frame spans `frame_stride` pixels (a power
    of two, at least 2). T is ceil(width / frame_stride). The rows that are left become
    D = rows x channels[-1] features, or with `column_max` their maximum channels[-1]
    (Retsinas et al., 2022).
    """

    channels: tuple[int, ...]
    frame_stride: int
    residual_blocks: int
    column_max: bool
    batch_norm: bool
    dropout: float
    dtype: jnp.dtype
    axis: str | None = None
    frozen: bool = False

    @nn.compact
    def __call__(self, images, widths, train: bool = False):
        x, lengths, stride = fold_pixels(images), -(-widths // 2), 2
        for block, channels in enumerate(self.channels):
            mask = layers.length_mask(lengths, x.shape[2])[:, None, :, None]
            x = masked_relu(self._convolved(x, channels, mask, train), mask)
            for _ in range(self.residual_blocks if block else 0):
                y = masked_relu(self._convolved(x, channels, mask, train), mask)
                x = masked_relu(x + self._convolved(y, channels, mask, train), mask)
            columns = 2 if stride < self.frame_stride else 1
            # Past the line's end all is zero: a cell there must not see beyond.
            x = layers.max_pool(x, 2 if x.shape[1] > 1 else 1, columns)
            lengths, stride = -(-lengths // columns), stride * columns
        x = jnp.moveaxis(x, 2, 1)
        x = x.max(axis=2) if self.column_max else x.reshape(*x.shape[:2], -1)
        return layers.Dropout(self.dropout, self.axis)(x, train), lengths

    def _convolved(self, x, channels: int, mask, train: bool):
        """A 3 x 3 convolution and its normalisation; called in `__call__` only."""
        bias = not self.batch_norm
        x = layers.Conv(channels, (3, 3), 1, use_bias=bias, dtype=self.dtype)(x)
        if self.batch_norm:
            x = layers.BatchNorm(self.axis)(x, mask, train and not self.frozen)
        return x

    def frames(self, widths):
        """Frames a line takes: ceil(width / frame_stride)."""
        return -(-widths // self.frame_stride)

    def centre(self, frame):
        """The x, in pixels of the line, of the middle of a frame."""
        return (frame + 0.5) * self.frame_stride


class WindowEncoder(nn.Module):
    """What looks at a line through windows: a frame is one of them.

    Windows are window_width columns wide, window_stride apart; the last one holds the
    line's end. A window as wide as the image makes a recogniser of single characters.
    """

    window_width: int
    window_stride: int
    layer_size: int
    dropout: float
    dtype: jnp.dtype
    axis: str | None = None
    frozen: bool = False

    def frames(self, widths):
        """Windows a line takes, the last reaching past its end; 0 for width 0."""
        more = -(-(widths - self.window_width) // self.window_stride)
        return more * (more > 0) + 1 * (widths > 0)

    def centre(self, frame):
        """The x, in pixels of the line, of the middle of a frame's window."""
        return frame * self.window_stride + 0.5 * self.window_width

    def _whole_windows(self, images):
        """The images (B, H, W, 1), widened with blank paper to end with a window."""
        padded = (self.frames(images.shape[2]) - 1) * self.window_stride
        missing = padded + self.window_width - images.shape[2]
        return jnp.pad(images, ((0, 0), (0, 0), (0, missing), (0, 0)))

    def _gather(self, x, frames: int, offsets):
        """(B, H, W, C) to each frame's columns, at these offsets, flat: (B, T, D)."""
        last = (frames - 1) * self.window_stride
        columns = [x[:, :, i : i + last + 1 : self.window_stride] for i in offsets]
        x = jnp.stack([jnp.moveaxis(column, 2, 1) for column in columns], axis=2)
        return x.reshape(*x.shape[:2], -1)


class SlidingWindowEncoder(WindowEncoder):
    """The lab's encoder: a LeNet over windows that slide along the line.

    Each window goes through conv 3x3x32, conv 3x3x64, 2x2 max-pool, dropout and a dense
    layer (LeCun et al., 1998). Neighbouring windows overlap: the line is convolved
    once, pooled at every column, and each window gathers its own columns.
    """

    batch_norm: bool = False

    @nn.compact
    def __call__(self, images, widths, train: bool = False):
        frames = self.frames(images.shape[2])
        x = self._whole_windows(images)
        for channels in (32, 64):
            # XLA convolves faster into the edges on a CPU than it does without them.
            x = layers.Conv(channels, (3, 3), 1, dtype=self.dtype)(x)[:, 1:-1, 1:-1]
            if self.batch_norm:
                # A column is real if any pixel that it sees is.
                mask = layers.length_mask(widths, x.shape[2])[:, None, :, None]
                x = layers.BatchNorm(self.axis)(x, mask, train and not self.frozen)
            x = nn.relu(x)
        x = x[:, : x.shape[1] // 2 * 2]
        x = jnp.maximum(x[:, ::2], x[:, 1::2])
        x = jnp.maximum(x[:, :, :-1], x[:, :, 1:])
        x = self._gather(x, frames, range(0, (self.window_width - 4) // 2 * 2, 2))
        dropout = layers.Dropout(self.dropout, self.axis)
        x = dropout(x, train)
        x = nn.relu(nn.Dense(self.layer_size, dtype=self.dtype)(x))
        return dropout(x, train), self.frames(widths)


class MLPEncoder(WindowEncoder):
    """Dense layers over the pixels of each window, dropout after each."""

    num_layers: int = 1

    @nn.compact
    def __call__(self, images, widths, train: bool = False):
        frames = self.frames(images.shape[2])
        x = self._whole_windows(images)
        x = self._gather(x, frames, range(self.window_width))
        for _ in range(self.num_layers):
            x = nn.relu(nn.Dense(self.layer_size, dtype=self.dtype)(x))
            x = layers.Dropout(self.dropout, self.axis)(x, train)
        return x, self.frames(widths)
