"""Recurrent layers over frames (B, T, D) that never see a line's padding."""

import jax.numpy as jnp
from flax import linen as nn


class LSTMStack(nn.Module):
    """`layers` LSTMs, each `dim` wide a direction (Hochreiter and Schmidhuber, 1997).

    The forward direction may run on into the padding, which is behind it. The reverse
    one starts at each line's own last frame.
    """

    layers: int
    dim: int
    bidirectional: bool
    dropout: float

    @nn.compact
    def __call__(self, x, lengths, train: bool = False):
        for _ in range(self.layers):
            outputs = [nn.RNN(nn.OptimizedLSTMCell(self.dim))(x)]
            if self.bidirectional:
                backward = nn.RNN(
                    nn.OptimizedLSTMCell(self.dim), reverse=True, keep_order=True
                )
                outputs.append(backward(x, seq_lengths=lengths))
            x = jnp.concatenate(outputs, axis=-1)
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return x
