"""Recurrent layers over frames (B, T, D), unaffected by padding."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.experimental import rnn
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from ocr_jax.models import layers

# Input kernel, recurrent kernel and bias, with g = 4 h: four gates side by side.
Weights = tuple[
    Float[ArrayLike, "d g"], Float[ArrayLike, "h g"], Float[ArrayLike, " g"]
]


class LSTMStack(nn.Module):
    """A stack of LSTMs, `dim` units per direction (Hochreiter and Schmidhuber, 1997).

    The forward direction may run on into the padding, which comes last. The reverse
    direction starts at each line's own last frame. implementation: `scan`, or `cudnn`
    for NVIDIA's kernels on a GPU (and `scan` elsewhere).
    """

    layers: int
    dim: int
    bidirectional: bool
    dropout: float
    dtype: jax.typing.DTypeLike
    implementation: str = "scan"
    axis: str | None = None

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "b t d"],
        lengths: Int[ArrayLike, " b"],
        train: bool = False,
    ) -> Float[Array, "b t h"]:
        x = jnp.moveaxis(x, 1, 0).astype(self.dtype)
        on_gpu = jax.default_backend() == "gpu"
        run = cudnn_layer if on_gpu and self.implementation == "cudnn" else scan_layer
        directions = ("forward", "backward")[: 1 + self.bidirectional]
        for layer in range(self.layers):
            weights = [
                LSTMWeights(self.dim, name=f"{direction}_{layer}")(x.shape[-1])
                for direction in directions
            ]
            x = run(x, lengths, weights)
            x = layers.Dropout(self.dropout, self.axis)(x, train, lines=1)
        return jnp.moveaxis(x, 0, 1)


class LSTMWeights(nn.Module):
    """The weights of one direction of one layer.

    Forget gates are initialised open (Jozefowicz et al., 2015).
    """

    dim: int

    @nn.compact
    def __call__(self, features: int) -> Weights:
        """Return the input kernel, the recurrent kernel and the bias."""
        normal = nn.initializers.lecun_normal()
        return (
            self.param("input_kernel", normal, (features, 4 * self.dim)),
            self.param("recurrent_kernel", _orthogonal_gates, self.dim),
            self.param("bias", _open_forget_gates, self.dim),
        )


def scan_layer(
    x: Float[ArrayLike, "t b d"],
    lengths: Int[ArrayLike, " b"],
    weights: Sequence[Weights],
) -> Float[Array, "t b h2"]:
    """Run a layer as one `lax.scan` per direction.

    weights: those of the forward direction and, optionally, of the backward direction.
    """
    inside = layers.length_mask(lengths, x.shape[0]).T[..., None]
    outputs = [
        lstm(
            x,
            inside,
            kernel.astype(x.dtype),
            recurrent.astype(x.dtype),
            bias,
            bool(reverse),
        )
        for reverse, (kernel, recurrent, bias) in enumerate(weights)
    ]
    return jnp.concatenate(outputs, axis=-1)


def cudnn_layer(
    x: Float[ArrayLike, "t b d"],
    lengths: Int[ArrayLike, " b"],
    weights: Sequence[Weights],
) -> Float[Array, "t b h2"]:
    """Run `scan_layer` with cuDNN, which computes in float32 and leaves padding zero.

    cuDNN orders its gates as input, forget, cell, output, and rejects empty lines.
    """
    (_, size, features), dim = x.shape, len(weights[0][1])
    kernels = [_cudnn_gates(w).T for *pair, _ in weights for w in pair]
    # cuDNN's second bias, of the recurrent product, is always zero here.
    biases = [b for *_, w in weights for b in (_cudnn_gates(w), jnp.zeros_like(w))]
    start = jnp.zeros((len(weights), size, dim), jnp.float32)
    outputs, _, _ = rnn.lstm(
        jnp.moveaxis(x, 0, 1).astype(jnp.float32),
        start,
        start,
        jnp.concatenate([jnp.ravel(array) for array in (*kernels, *biases)]),
        jnp.maximum(lengths, 1).astype(jnp.int32),
        features,
        dim,
        1,  # layer: dropout between layers is done by LSTMStack
        0.0,
        len(weights) == 2,
    )
    return jnp.moveaxis(outputs, 1, 0).astype(x.dtype)


def _cudnn_gates(weights):
    """Reorder the gates of weights (..., 4H) as cuDNN has them."""
    i, f, o, g = jnp.split(weights, 4, axis=-1)
    return jnp.concatenate([i, f, g, o], axis=-1)


def _orthogonal_gates(key, dim: int):
    """Draw an orthogonal matrix (dim, dim) per gate, side by side."""
    orthogonal = nn.initializers.orthogonal()
    # A loop compiles one of them. Not vmap: two batches of LAPACK, each on a thread of
    # the CPU, wait for ever for threads of their own where there are only two.
    keys = jax.random.split(key, 4)
    gates = jax.lax.map(lambda key: orthogonal(key, (dim, dim)), keys)
    return jnp.concatenate(list(gates), axis=1)


def _open_forget_gates(key, dim: int):
    return jnp.zeros(4 * dim).at[dim : 2 * dim].set(1.0)


@functools.partial(jax.custom_vjp, nondiff_argnums=(5,))
def lstm(
    x: Float[ArrayLike, "t b d"],
    inside: Bool[ArrayLike, "t b 1"],
    input_kernel: Float[ArrayLike, "d g"],
    recurrent_kernel: Float[ArrayLike, "h g"],
    bias: Float[ArrayLike, " g"],
    reverse: bool,
) -> Float[Array, "t b h"]:
    """Run an LSTM over time, from a state of zeros, in one scan.

    Products have the type of x; gates and cells are float32. Gradients equal those of
    autodiff, but the weights' take one product after the scan instead of one per frame.

    Args:
      x: the inputs (t, b, d).
      inside: whether each frame is within its line (t, b, 1).
      input_kernel: the weights of the inputs (d, 4 h), with the gates input, forget,
        output and cell side by side.
      recurrent_kernel: the weights of the previous outputs (h, 4 h).
      bias: the biases (4 h,).
      reverse: whether time runs backwards. Then the state of a line stays zero until
        its own last frame.

    Returns:
      The outputs (t, b, h), of the type of x.

    References:
      Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 1997;
      with the forget gates of Gers et al., "Learning to forget", 2000.
    """
    return _forward(x, inside, input_kernel, recurrent_kernel, bias, reverse)[0]


def _forward(x, inside, input_kernel, recurrent_kernel, bias, reverse):
    """Return outputs, cells and gates before their nonlinearity, each (T, B, ...)."""

    def step(carry, frame):
        h, c = carry
        x, inside = frame
        # Projecting all inputs before the scan would not fit in a CPU's cache.
        z = _product(x, input_kernel) + _product(h, recurrent_kernel) + bias
        i, f, o, g = _gates(z)
        c = f * c + i * g
        h = (o * jnp.tanh(c)).astype(x.dtype)
        if reverse:
            h, c = jnp.where(inside, h, 0.0), jnp.where(inside, c, 0.0)
        return (h, c), (h, c, z)

    zeros = jnp.zeros((x.shape[1], len(recurrent_kernel)), jnp.float32)
    start = zeros.astype(x.dtype), zeros
    return lax.scan(step, start, (x, inside), reverse=reverse)[1]


def _product(x, kernel):
    """Return x @ kernel, accumulated in float32."""
    return jnp.matmul(x, kernel, preferred_element_type=jnp.float32)


def _gates(z):
    """Split (B, 4H) into input, forget and output gates and the cell's input."""
    i, f, o, g = jnp.split(z, 4, axis=-1)
    return jax.nn.sigmoid(i), jax.nn.sigmoid(f), jax.nn.sigmoid(o), jnp.tanh(g)


def _lstm_forward(x, inside, input_kernel, recurrent_kernel, bias, reverse):
    h, c, z = _forward(x, inside, input_kernel, recurrent_kernel, bias, reverse)
    return h, (x, inside, input_kernel, recurrent_kernel, h, c, z)


def _lstm_backward(reverse, kept, output_grads):
    x, inside, input_kernel, recurrent_kernel, h, c, z = kept
    to_inputs = recurrent_kernel.T

    def step(carry, frame):
        dh, dc = carry
        grad, z, c, c_before, inside = frame
        i, f, o, g = _gates(z)
        tanh = jnp.tanh(c)
        dh = dh + grad
        dc = dc + dh * o * (1.0 - tanh**2)
        dz = jnp.concatenate(
            [
                dc * g * i * (1.0 - i),
                dc * c_before * f * (1.0 - f),
                dh * tanh * o * (1.0 - o),
                dc * i * (1.0 - g**2),
            ],
            axis=-1,
        ).astype(x.dtype)
        dc = dc * f
        if reverse:
            dz, dc = jnp.where(inside, dz, 0), jnp.where(inside, dc, 0.0)
        return (_product(dz, to_inputs), dc), dz

    frames = output_grads, z, c, _before(c, reverse), inside
    zeros = jnp.zeros_like(c[0])
    dz = lax.scan(step, (zeros, zeros), frames, reverse=not reverse)[1]
    return (
        dz @ input_kernel.T,
        None,
        jnp.einsum("tbd,tbz->dz", x, dz),
        jnp.einsum("tbh,tbz->hz", _before(h, reverse), dz),
        dz.sum((0, 1), dtype=jnp.float32),
    )


def _before(states, reverse: bool):
    """Return the state (T, B, H) that each frame started from."""
    zeros = jnp.zeros_like(states[:1])
    return jnp.concatenate(
        [states[1:], zeros] if reverse else [zeros, states[:-1]], axis=0
    )


lstm.defvjp(_lstm_forward, _lstm_backward)
