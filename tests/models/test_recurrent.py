"""LSTMs: as flax's, forward and backward, by a scan and by cuDNN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.experimental import rnn

from ocr_jax.models import recurrent


def lstm_arguments(frames=7, dim=3, features=4, seed=0):
    generator = np.random.default_rng(seed)
    shapes = (frames, 2, features), (features, 4 * dim), (dim, 4 * dim), (4 * dim,)
    x, *weights = (jnp.asarray(generator.normal(size=s), jnp.float32) for s in shapes)
    inside = (jnp.arange(frames)[:, None] < jnp.array([frames, frames - 3]))[..., None]
    return x, inside, weights


def flax_lstm(x, weights, reverse, lengths):
    """flax's LSTM with the same weights: (B, T, H)."""
    input_kernel, recurrent_kernel, bias = (jnp.split(w, 4, axis=-1) for w in weights)
    cell = {f"i{gate}": {"kernel": input_kernel[n]} for n, gate in enumerate("ifog")}
    cell |= {
        f"h{gate}": {"kernel": recurrent_kernel[n], "bias": bias[n]}
        for n, gate in enumerate("ifog")
    }
    dim = len(weights[1])
    rnn = nn.RNN(nn.OptimizedLSTMCell(dim), reverse=reverse, keep_order=True)
    variables = {"params": {"cell": cell}}
    return rnn.apply(variables, jnp.moveaxis(x, 0, 1), seq_lengths=lengths)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_lstm_and_its_gradients_equal_flaxs(reverse):
    x, inside, weights = lstm_arguments()
    lengths = inside.sum((0, 2))
    seen = inside.swapaxes(0, 1)

    def ours(x, weights):
        y = jnp.moveaxis(recurrent.lstm(x, inside, *weights, reverse), 0, 1)
        return jnp.where(seen, y, 0.0)

    def flaxs(x, weights):
        return jnp.where(seen, flax_lstm(x, weights, reverse, lengths), 0.0)

    def with_gradients(network):
        change = jnp.asarray(np.random.default_rng(1).normal(size=(2, 7, 3)))
        y, back = jax.vjp(network, x, weights)
        return jax.tree.leaves((y, back(change)))

    for one, other in zip(
        jax.jit(lambda: with_gradients(ours))(),
        jax.jit(lambda: with_gradients(flaxs))(),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("directions", [1, 2])
def test_cudnn_gets_our_weights_in_its_order_and_gives_our_gradients(
    monkeypatch, directions
):
    """jax's reference, of cuDNN's layout, stands in for the kernels that need a GPU."""

    def reference(x, h, c, weights, lengths, *kind):
        features, dim, layer, _, bidirectional = kind
        unpacked = rnn.unpack_lstm_weights(weights, features, dim, layer, bidirectional)
        return rnn.lstm_ref(x, h, c, *unpacked, lengths, *kind)

    monkeypatch.setattr(rnn, "lstm", reference)
    x, _, forward = lstm_arguments()
    weights = [tuple(w) for w in (forward, lstm_arguments(seed=1)[2])][:directions]
    lengths = jnp.array([7, 4])
    inside = (jnp.arange(7)[:, None] < lengths)[..., None]

    def with_gradients(layer):
        def masked(x, weights):
            return jnp.where(inside, layer(x, lengths, weights), 0.0)

        y, back = jax.vjp(masked, x, weights)
        return jax.tree.leaves((y, back(jnp.cos(jnp.arange(y.size)).reshape(y.shape))))

    for one, other in zip(
        jax.jit(lambda: with_gradients(recurrent.scan_layer))(),
        jax.jit(lambda: with_gradients(recurrent.cudnn_layer))(),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_cudnn_reads_a_filler_row_of_no_frames(monkeypatch):
    seen = []
    monkeypatch.setattr(
        rnn, "lstm", lambda x, h, c, w, lengths, *kind: seen.append(lengths) or [x] * 3
    )
    x, _, weights = lstm_arguments()
    recurrent.cudnn_layer(x, jnp.array([7, 0]), [tuple(weights)])
    assert seen[0].tolist() == [7, 1]


def test_an_orthogonal_matrix_per_gate_is_drawn_one_after_the_other():
    def draw(key):
        return recurrent._orthogonal_gates(key, 5)

    gates = np.split(np.asarray(draw(jax.random.key(0))), 4, axis=1)
    for gate in gates:
        np.testing.assert_allclose(gate @ gate.T, np.eye(5), atol=1e-5)
    assert len({gate.tobytes() for gate in gates}) == 4
    # Two of LAPACK's batches at once wait for ever on a CPU of two cores.
    program = jax.jit(draw).lower(jax.random.key(0)).as_text()
    factorisations = [line for line in program.splitlines() if "qr" in line]
    assert factorisations
    assert not any("4x5x5" in line for line in factorisations)
