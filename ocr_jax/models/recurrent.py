"""Recurrent layers over frames (B, T, D) that never see a line's padding."""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from ocr_jax.models import layers


class LSTMStack(nn.Module):
    """`layers` LSTMs, each `dim` wide a direction (Hochreiter and Schmidhuber, 1997).

    The forward direction may run on into the padding, which is behind it. The reverse
    one starts at each line's own last frame.
    """

    layers: int
    dim: int
    bidirectional: bool
    dropout: float
    dtype: jnp.dtype
    axis: str | None = None

    @nn.compact
    def __call__(self, x, lengths, train: bool = False):
        x = jnp.moveaxis(x, 1, 0).astype(self.dtype)
        inside = layers.length_mask(lengths, len(x)).T[..., None]
        for layer in range(self.layers):
            outputs = [
                LSTM(self.dim, reverse, name=f"{name}_{layer}")(x, inside)
                for name, reverse in (("forward", False), ("backward", True))
                if self.bidirectional or not reverse
            ]
            x = jnp.concatenate(outputs, axis=-1)
            x = layers.Dropout(self.dropout, self.axis)(x, train, lines=1)
        return jnp.moveaxis(x, 0, 1)


class LSTM(nn.Module):
    """One direction of one layer: (T, B, D) and (T, B, 1) inside a line → (T, B, dim).

    Forget gates begin open (Jozefowicz et al., 2015).
    """

    dim: int
    reverse: bool

    @nn.compact
    def __call__(self, x, inside):
        normal = nn.initializers.lecun_normal()
        input_kernel = self.param("input_kernel", normal, (x.shape[-1], 4 * self.dim))
        kernel = self.param("recurrent_kernel", _orthogonal_gates, self.dim)
        bias = self.param("bias", _open_forget_gates, self.dim)
        kernels = (k.astype(x.dtype) for k in (input_kernel, kernel))
        return lstm(x, inside, *kernels, bias, self.reverse)


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
