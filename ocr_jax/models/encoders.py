"""Encoders: line images (B, H, W, 1) to a feature vector per frame, (B, T, D).

Columns beyond a line's width are zero in the input and are zeroed again after every
layer that could fill them, so padding never reaches a real frame. Paddings are
explicit: "SAME" would shift by a pixel between odd and even widths. A frozen encoder
uses its running batch-norm statistics in training too.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, ArrayLike, Bool, Float, Int, Real

from ocr_jax.models import layers, slant


def fold_pixels(images: Float[Array, "b h w 1"]) -> Float[Array, "b h2 w2 4"]:
    """Fold 2 x 2 pixels into channels: (B, ceil(H / 2), ceil(W / 2), 4)."""
    images = jnp.pad(images[..., 0], ((0, 0), *((0, n % 2) for n in images.shape[1:3])))
    pixels = [images[:, i::2, j::2] for i in range(2) for j in range(2)]
    return jnp.stack(pixels, axis=-1)


def masked_relu(
    x: Float[Array, "b h w c"], mask: Bool[Array, "b 1 w 1"]
) -> Float[Array, "b h w c"]:
    """Return max(x, 0) where the mask holds, 0 elsewhere."""
    return jnp.where(mask, nn.relu(x), 0.0)


class ConvEncoder(nn.Module):
    """Convolution and pooling blocks over the whole line, then rows into features.

    Pixels are folded two by two first: at full resolution the first block would cost
    more than all the others. Block i has `channels[i]` features and, from the second
    block on, `residual_blocks` residual blocks (He et al., 2015). Each block halves the
    height. The first blocks halve the width too, until a frame spans `frame_stride`
    pixels (a power of two, at least 2), so T is ceil(width / frame_stride). The
    remaining rows are concatenated into D = rows x channels[-1] features, or max-pooled
    into channels[-1] with `column_max` (Retsinas et al., 2022). `upright` straightens
    slanting lines first, by which they become wider (`slant.straighten`).
    """

    channels: tuple[int, ...]
    frame_stride: int
    residual_blocks: int
    column_max: bool
    batch_norm: bool
    dropout: float
    dtype: jax.typing.DTypeLike
    axis: str | None = None
    frozen: bool = False
    upright: bool = False

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "b h w 1"],
        widths: Int[ArrayLike, " b"],
        train: bool = False,
    ) -> tuple[Float[Array, "b t d"], Int[ArrayLike, " b"]]:
        if self.upright:
            images, widths = slant.straighten(images[..., 0], widths)
            images = images[..., None]
        x, lengths, stride = fold_pixels(images), -(-widths // 2), 2
        for block, channels in enumerate(self.channels):
            mask = layers.length_mask(lengths, x.shape[2])[:, None, :, None]
            x = masked_relu(self._convolved(x, channels, mask, train), mask)
            for _ in range(self.residual_blocks if block else 0):
                y = masked_relu(self._convolved(x, channels, mask, train), mask)
                x = masked_relu(x + self._convolved(y, channels, mask, train), mask)
            columns = 2 if stride < self.frame_stride else 1
            # Padding is zero, so a cell at the line's end sees nothing beyond it.
            x = layers.max_pool(x, 2 if x.shape[1] > 1 else 1, columns)
            lengths, stride = -(-lengths // columns), stride * columns
        x = jnp.moveaxis(x, 2, 1)
        x = x.max(axis=2) if self.column_max else x.reshape(*x.shape[:2], -1)
        return layers.Dropout(self.dropout, self.axis)(x, train), lengths

    def _convolved(self, x, channels: int, mask, train: bool):
        """Convolve 3 x 3 and normalise; called in `__call__` only."""
        bias = not self.batch_norm
        x = layers.Conv(channels, (3, 3), 1, use_bias=bias, dtype=self.dtype)(x)
        if self.batch_norm:
            x = layers.BatchNorm(self.axis)(x, mask, train and not self.frozen)
        return x

    def frames(self, widths: Int[ArrayLike, "..."]) -> Int[ArrayLike, "..."]:
        """Return the number of frames per width: ceil(width / frame_stride)."""
        widths = slant.wider(widths) if self.upright else widths
        return -(-widths // self.frame_stride)

    def centre(self, frame: Real[ArrayLike, "..."]) -> Real[ArrayLike, "..."]:
        """Return the x, in pixels of the line, of the middle of a frame."""
        margin = slant.MARGIN if self.upright else 0
        return (frame + 0.5) * self.frame_stride - margin


class WindowEncoder(nn.Module):
    """Base of the encoders that slide a window along the line, one frame per window.

    Windows are window_width columns wide and window_stride apart; the last one contains
    the end of the line. A window as wide as the image gives a recogniser of single
    characters.
    """

    window_width: int
    window_stride: int
    layer_size: int
    dropout: float
    dtype: jax.typing.DTypeLike
    axis: str | None = None
    frozen: bool = False

    def frames(self, widths: Int[ArrayLike, "..."]) -> Int[ArrayLike, "..."]:
        """Return the number of windows that cover each width; 0 for width 0."""
        more = -(-(widths - self.window_width) // self.window_stride)
        return more * (more > 0) + 1 * (widths > 0)

    def centre(self, frame: Real[ArrayLike, "..."]) -> Real[ArrayLike, "..."]:
        """Return the x, in pixels of the line, of the middle of a frame's window."""
        return frame * self.window_stride + 0.5 * self.window_width

    def _whole_windows(self, images):
        """Widen images (B, H, W, 1) with blank paper to a whole number of windows."""
        padded = (self.frames(images.shape[2]) - 1) * self.window_stride
        missing = padded + self.window_width - images.shape[2]
        return jnp.pad(images, ((0, 0), (0, 0), (0, missing), (0, 0)))

    def _gather(self, x, frames: int, offsets):
        """Flatten each frame's columns of (B, H, W, C), at the offsets: (B, T, D)."""
        last = (frames - 1) * self.window_stride
        columns = [x[:, :, i : i + last + 1 : self.window_stride] for i in offsets]
        x = jnp.stack([jnp.moveaxis(column, 2, 1) for column in columns], axis=2)
        return x.reshape(*x.shape[:2], -1)


class SlidingWindowEncoder(WindowEncoder):
    """The lab's encoder: a LeNet over windows that slide along the line.

    Each window goes through conv 3x3x32, conv 3x3x64, 2x2 max-pool, dropout and a dense
    layer (LeCun et al., 1998). Neighbouring windows overlap. So the line is convolved
    once and pooled at every column, and each window gathers its own columns.
    """

    batch_norm: bool = False

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "b h w 1"],
        widths: Int[ArrayLike, " b"],
        train: bool = False,
    ) -> tuple[Float[Array, "b t d"], Int[ArrayLike, " b"]]:
        frames = self.frames(images.shape[2])
        x = self._whole_windows(images)
        for channels in (32, 64):
            # On a CPU, XLA convolves faster with padded edges, cropped, than without.
            x = layers.Conv(channels, (3, 3), 1, dtype=self.dtype)(x)[:, 1:-1, 1:-1]
            if self.batch_norm:
                # A column is real if any pixel in its receptive field is.
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
    """Dense layers over the pixels of each window, with dropout after each layer."""

    num_layers: int = 1

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "b h w 1"],
        widths: Int[ArrayLike, " b"],
        train: bool = False,
    ) -> tuple[Float[Array, "b t d"], Int[ArrayLike, " b"]]:
        frames = self.frames(images.shape[2])
        x = self._whole_windows(images)
        x = self._gather(x, frames, range(self.window_width))
        for _ in range(self.num_layers):
            x = nn.relu(nn.Dense(self.layer_size, dtype=self.dtype)(x))
            x = layers.Dropout(self.dropout, self.axis)(x, train)
        return x, self.frames(widths)
