"""Recurrent layers over frames (B, T, D) that never see a line's padding."""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.experimental import rnn

from ocr_jax.models import layers


class LSTMStack(nn.Module):
    """`layers` LSTMs, each `dim` wide a direction (Hochreiter and Schmidhuber, 1997).

    The forward direction may run on into the padding, which is behind it. The reverse
    one starts at each line's own last frame. implementation: `scan`, or `cudnn` for
    NVIDIA's kernels where JAX runs on a GPU, and `scan` elsewhere.
    """

    layers: int
    dim: int
    bidirectional: bool
    dropout: float
    dtype: jnp.dtype
    implementation: str = "scan"
    axis: str | None = None

    @nn.compact
    def __call__(self, x, lengths, train: bool = False):
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
    """One direction of one layer: input kernel (D, 4H), recurrent (H, 4H), bias (4H,).

    Forget gates begin open (Jozefowicz et al., 2015).
    """

    dim: int

    @nn.compact
    def __call__(self, features: int):
        normal = nn.initializers.lecun_normal()
        return (
            self.param("input_kernel", normal, (features, 4 * self.dim)),
            self.param("recurrent_kernel", _orthogonal_gates, self.dim),
            self.param("bias", _open_forget_gates, self.dim),
        )


def scan_layer(x, lengths, weights):
    """A layer, (T, B, D) → (T, B, directions x H), as a `lax.scan` a direction.

    lengths (B,); weights: those of the forward and, if any, of the backward direction.
    """
    inside = layers.length_mask(lengths, len(x)).T[..., None]
    outputs = [
        lstm(
            x, inside, kernel.astype(x.dtype), recurrent.astype(x.dtype), bias, reverse
        )
        for reverse, (kernel, recurrent, bias) in enumerate(weights)
    ]
    return jnp.concatenate(outputs, axis=-1)


def cudnn_layer(x, lengths, weights):
    """`scan_layer` by cuDNN, which computes in float32 and leaves padding zero.

    cuDNN has its gates as input, forget, cell, output; it knows no line of no frames.
    """
    (_, size, features), dim = x.shape, len(weights[0][1])
    kernels = [_cudnn_gates(w).T for *pair, _ in weights for w in pair]
    # Its second bias, of the recurrent product, is always zero here.
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
        1,  # layer: dropout between layers is ours
        0.0,
        len(weights) == 2,
    )
    return jnp.moveaxis(outputs, 1, 0).astype(x.dtype)


def _cudnn_gates(weights):
    """Weights (..., 4H) in cuDNN's order of the gates."""
    i, f, o, g = jnp.split(weights, 4, axis=-1)
    return jnp.concatenate([i, f, g, o], axis=-1)


def _orthogonal_gates(key, dim: int):
    """An orthogonal (dim, dim) for each gate, side by side."""
    orthogonal = nn.initializers.orthogonal()
    keys = jax.random.split(key, 4)
    return jnp.concatenate([orthogonal(key, (dim, dim)) for key in keys], axis=1)


def _open_forget_gates(key, dim: int):
    return jnp.zeros(4 * dim).at[dim : 2 * dim].set(1.0)


@functools.partial(jax.custom_vjp, nondiff_argnums=(5,))
def lstm(x, inside, input_kernel, recurrent_kernel, bias, reverse: bool):
    """An LSTM over time, from a state of zeros, in one scan: outputs (T, B, H).

    x (T, B, D); inside (T, B, 1) bool; input_kernel (D, 4H), recurrent_kernel (H, 4H)
    and bias (4H,) with the gates input, forget, output, cell side by side. With
    `reverse`, time runs backwards, and a line's state stays zero until its own last
    frame. Products are of x's type, gates and cells float32. Gradients are those of
    autodiff, with the weights' in one product after the scan instead of one a frame.
    """
    return _forward(x, inside, input_kernel, recurrent_kernel, bias, reverse)[0]


def _forward(x, inside, input_kernel, recurrent_kernel, bias, reverse):
    """(outputs, cells, gates before their nonlinearity), each (T, B, ...)."""

    def step(carry, frame):
        h, c = carry
        x, inside = frame
        # All inputs' projections at once, before the scan, would leave a CPU's cache.
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
    """x @ kernel, added up in float32."""
    return jnp.matmul(x, kernel, preferred_element_type=jnp.float32)


def _gates(z):
    """Input, forget and output gate and the cell's input, of (B, 4H)."""
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
    """The state (T, B, H) that each frame started from."""
    zeros = jnp.zeros_like(states[:1])
    return jnp.concatenate(
        [states[1:], zeros] if reverse else [zeros, states[:-1]], axis=0
    )


lstm.defvjp(_lstm_forward, _lstm_backward)
