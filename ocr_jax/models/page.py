"""The page network: where the baselines of a page run, as maps (pages/maps.py)."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, ArrayLike, Float, Int

from ocr_jax.models import layers

STRIDE = 4  # pixels of the page for one of the maps, each way


class PageNetwork(nn.Module):
    """A U-Net (Ronneberger et al., MICCAI 2015) on cells of STRIDE x STRIDE pixels.

    channels: of the levels, each at half the resolution of the one before. The sides of
    an image must be multiples of `multiple`.
    """

    channels: tuple[int, ...]
    maps: int
    dtype: jax.typing.DTypeLike = jnp.float32
    axis: str | None = None

    @property
    def multiple(self) -> int:
        """What the sides of an image, in pixels, must be multiples of."""
        return STRIDE * 2 ** (len(self.channels) - 1)

    @nn.compact
    def __call__(
        self,
        images: Float[ArrayLike, "b h w"],
        widths: Int[ArrayLike, " b"] | None = None,
        train: bool = False,
    ) -> Float[Array, "b h2 w2 {self.maps}"]:
        """Return the maps of images in [0, 1], ink bright: logits, then heights.

        widths: nothing; line recognisers take them here.
        """
        size, height, width = images.shape
        cells = images.reshape(size, height // STRIDE, STRIDE, width // STRIDE, STRIDE)
        x = jnp.moveaxis(cells, 2, 3).reshape(*cells.shape[:2], cells.shape[3], -1)
        levels = []
        for level, features in enumerate(self.channels):
            x = self._conv(x, features, f"down{level}", train)
            if level:  # the first, the largest by far, has one convolution
                x = x + self._conv(x, features, f"deep{level}", train)
            levels.append(x)
            x = layers.max_pool(x, 2, 2)
        x = levels.pop()
        for level, skipped in reversed(list(enumerate(levels))):
            features = self.channels[level]
            x = layers.Conv(features, (1, 1), dtype=self.dtype, name=f"widen{level}")(x)
            x = skipped + x.repeat(2, axis=1).repeat(2, axis=2)
            x = x + self._conv(x, features, f"up{level}", train)
        maps = layers.Conv(self.maps, (1, 1), dtype=self.dtype, name="head")(x)
        return maps.astype(jnp.float32)

    def _conv(self, x, features: int, name: str, train: bool):
        """A convolution of 3 x 3, batch normalisation, and what is positive."""
        x = layers.Conv(
            features, (3, 3), 1, use_bias=False, dtype=self.dtype, name=f"{name}_conv"
        )(x)
        everywhere = jnp.ones((x.shape[0], 1, x.shape[2], 1), bool)
        x = layers.BatchNorm(self.axis, name=f"{name}_norm")(x, everywhere, train)
        return nn.relu(x)
