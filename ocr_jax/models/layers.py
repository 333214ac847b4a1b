"""Layers that ignore padded columns and work on any number of devices.

`axis` names the mesh axis that the lines of a batch are spread over, inside shard_map;
None means that the batch is on one device. Both give the same results.
"""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jaxtyping import Array, ArrayLike, Bool, Float, Int

# Dropout rates are multiples of 1 / BYTES: one random byte decides on one number.
BYTES = 256
EPSILON = 1e-5
MOMENTUM = 0.9


def length_mask(lengths: Int[ArrayLike, " b"], size: int) -> Bool[Array, "b {size}"]:
    """Return True where a position is within its line's length."""
    # Without the barrier, XLA recomputes the lengths for every masked pixel.
    lengths = lax.optimization_barrier(lengths)
    return jnp.arange(size) < lengths[:, None]


class Dropout(nn.Module):
    """Dropout of a share `rate` of the activations (Srivastava et al., 2014).

    Each line has its own key, so results do not depend on the number of devices. lines:
    the axis of x that counts lines.
    """

    rate: float
    axis: str | None = None

    @nn.compact
    def __call__(
        self, x: Float[Array, "*shape"], train: bool, lines: int = 0
    ) -> Float[Array, "*shape"]:
        dropped = round(self.rate * BYTES)
        if not train or not dropped:
            return x
        key = self.make_rng("dropout")
        count, *shape = jnp.moveaxis(x, lines, 0).shape
        first = lax.axis_index(self.axis) * count if self.axis else 0

        def draw(line):
            return jax.random.bits(jax.random.fold_in(key, line), shape, "uint8")

        kept = jax.vmap(draw, out_axes=lines)(first + jnp.arange(count)) >= dropped
        return jnp.where(kept, x * (BYTES / (BYTES - dropped)), 0).astype(x.dtype)


class BatchNorm(nn.Module):
    """Batch normalisation over the real columns of all lines (Ioffe and Szegedy, 2015).

    The mask is True where a column is real.
    """

    axis: str | None = None

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], mask: Bool[Array, "b 1 w 1"], train: bool
    ) -> Float[Array, "b h w c"]:
        size = x.shape[-1:]
        scale = self.param("scale", nn.initializers.ones, size)
        bias = self.param("bias", nn.initializers.zeros, size)
        mean = self.variable("batch_stats", "mean", jnp.zeros, size)
        variance = self.variable("batch_stats", "var", jnp.ones, size)
        if train:
            now = self._statistics(x, mask)
            if not self.is_initializing():
                for kept, value in zip((mean, variance), now, strict=True):
                    kept.value += (1.0 - MOMENTUM) * (value - kept.value)
        else:
            now = mean.value, variance.value
        gain = scale * lax.rsqrt(now[1] + EPSILON)
        return (x * gain + (bias - now[0] * gain)).astype(x.dtype)

    def _statistics(self, x, mask):
        x = jnp.where(mask, x, 0.0).astype(jnp.float32)
        real = jnp.sum(mask, dtype=jnp.float32) * x.shape[1]
        sums = x.sum((0, 1, 2)), jnp.square(x).sum((0, 1, 2)), real
        if self.axis:
            sums = lax.psum(sums, self.axis)
        total, squares, real = sums
        mean = total / jnp.maximum(real, 1.0)
        variance = squares / jnp.maximum(real, 1.0) - jnp.square(mean)
        return mean, jnp.maximum(variance, 0.0)


class Conv(nn.Module):
    """Convolution with a kernel (height, width) and zero padding at the edges."""

    features: int
    kernel: tuple[int, int]
    padding: int = 0
    use_bias: bool = True
    dtype: jax.typing.DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"]
    ) -> Float[Array, "b h2 w2 {self.features}"]:
        shape = *self.kernel, x.shape[-1], self.features
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        x = convolve(x.astype(self.dtype), kernel.astype(self.dtype), self.padding)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            x = x + bias.astype(self.dtype)
        return x


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(
    x: Float[ArrayLike, "b h w i"], kernel: Float[ArrayLike, "kh kw i o"], padding: int
) -> Float[Array, "b h2 w2 o"]:
    """Convolve with stride 1 and zero padding at each edge.

    On a CPU the kernel's gradient is computed line by line, which takes 50 to 100 % of
    the time of XLA's gradient.
    """
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1, 1),
        padding=((padding, padding), (padding, padding)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _convolve_forward(x, kernel, padding):
    return convolve(x, kernel, padding), (x, kernel)


def _convolve_backward(padding, kept, grads):
    x, kernel = kept
    # The undecorated function has JAX's own gradient.
    plain = functools.partial(convolve.fun, padding=padding)
    _, to_x = jax.vjp(lambda x: plain(x, kernel), x)
    kernel_grads = lax.platform_dependent(
        x,
        grads,
        cpu=functools.partial(_kernel_gradient, kernel.shape[:2], padding),
        default=lambda x, grads: jax.vjp(lambda k: plain(x, k), kernel)[1](grads)[0],
    )
    return to_x(grads)[0], kernel_grads


convolve.defvjp(_convolve_forward, _convolve_backward)


def _kernel_gradient(size, padding: int, x, grads):
    """Return the gradient (h, w, I, O) of a kernel, given the output's gradient."""
    edges = (padding, padding)
    x = jnp.pad(x, ((0, 0), edges, edges, (0, 0)))
    rows, columns = grads.shape[1:3]

    def add(total, line):
        x, grads = line
        x = jnp.concatenate([x[:, j : j + columns] for j in range(size[1])], axis=-1)
        # One product per row of the kernel: the operands fit in the cache.
        products = [
            jnp.einsum(
                "hwi,hwo->io",
                x[i : i + rows],
                grads,
                preferred_element_type=jnp.float32,
            )
            for i in range(size[0])
        ]
        return total + jnp.stack(products), None

    shape = *size, x.shape[-1], grads.shape[-1]
    start = jnp.zeros((size[0], size[1] * shape[2], shape[3]))
    total, _ = lax.scan(add, start, (x, grads))
    return total.reshape(shape).astype(x.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def max_pool(
    x: Float[ArrayLike, "b h w c"], rows: int, columns: int
) -> Float[Array, "b h2 w2 c"]:
    """Return the maximum over cells of rows x columns, zero padded at the far edges.

    Meant for x >= 0, where zero padding changes nothing. Equal maxima of a cell share
    its gradient. On a CPU that gradient is seven times cheaper than that of
    `nn.max_pool`: it is one comparison, which the compiler vectorises.
    """
    return functools.reduce(jnp.maximum, _positions(_cells(x, rows, columns)))


def _cells(x, rows: int, columns: int):
    """Split (B, H, W, C) into cells (B, H / rows, rows, W / columns, columns, C)."""
    x = jnp.pad(
        x, ((0, 0), (0, -x.shape[1] % rows), (0, -x.shape[2] % columns), (0, 0))
    )
    size, height, width, features = x.shape
    return x.reshape(size, height // rows, rows, width // columns, columns, features)


def _positions(cells):
    """Return, for each position within a cell, the pixels of all cells."""
    rows, columns = cells.shape[2], cells.shape[4]
    return [cells[:, :, i, :, j] for i in range(rows) for j in range(columns)]


def _max_pool_forward(x, rows, columns):
    pooled = max_pool(x, rows, columns)
    return pooled, (x, pooled)


def _max_pool_backward(rows, columns, kept, grads):
    x, pooled = kept
    cells = _cells(x, rows, columns)
    grads = grads / sum((one == pooled).astype(x.dtype) for one in _positions(cells))
    pooled, grads = (y[:, :, None, :, None] for y in (pooled, grads))
    spread = jnp.where(cells == pooled, grads, 0)
    size, height, _, width, _, features = spread.shape
    spread = spread.reshape(size, height * rows, width * columns, features)
    return (spread[:, : x.shape[1], : x.shape[2]],)


max_pool.defvjp(_max_pool_forward, _max_pool_backward)
