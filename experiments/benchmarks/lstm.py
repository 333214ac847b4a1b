"""A bidirectional LSTM, forward and backward: ours, flax's nn.RNN and PyTorch's.

    python experiments/benchmarks/lstm.py

All lines fill all frames: PyTorch needs no packed sequences then. Ours and flax's are
told the lengths, as in training. The gradients are those of inputs and weights. In
training each core of a CPU is a device, and has its share of the lines: that is timed,
too, with the sum of the gradients.
"""

import jax
import jax.numpy as jnp
import numpy as np
import timing
from flax import linen as nn
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from timing import torch

from ocr_jax import errors
from ocr_jax.models import recurrent
from ocr_jax.runtime import devices, huge_pages

# Lines, frames, features in, features out a direction.
SHAPES = ((32, 128, 256, 256), (64, 128, 128, 128))
QUICK = ((4, 5, 4, 3),)
DIRECTIONS = ("forward", "backward")
WEIGHTS = ("input_kernel", "recurrent_kernel", "bias")


def main():
    """Compare the outputs and gradients of each shape, then time them."""
    args = timing.parser(__doc__, rounds=30).parse_args()
    shapes = QUICK if args.quick else SHAPES
    timing.begin(args, min(size for size, *_ in shapes))
    timing.print_head()
    for shape in shapes:
        work = "BiLSTM B{} T{} D{} H{}".format(*shape)
        ways = make_ways(*shape)
        timing.agree(work, ways)
        timing.print_rows(work, timing.race(ways, args.rounds))


def make_ways(size: int, frames: int, features: int, dim: int) -> dict[str, timing.Way]:
    """Ways to get outputs (B, T, 2H) and the gradients of inputs and weights."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(size, frames, features)).astype(np.float32)
    grads = generator.normal(size=(size, frames, 2 * dim)).astype(np.float32)
    lengths = np.full(size, frames, np.int32)
    stack = recurrent.LSTMStack(
        layers=1, dim=dim, bidirectional=True, dropout=0.0, dtype=jnp.float32
    )
    params = jax.jit(stack.init)(jax.random.key(0), x, lengths)["params"]
    flax_stack = nn.Bidirectional(
        *(nn.RNN(nn.OptimizedLSTMCell(dim)) for _ in range(2))
    )
    work = x, lengths, grads
    flax_apply, flax_params = _flax_apply(flax_stack), _to_flax(params)
    one, mesh = Mesh(jax.devices()[:1], devices.DATA), devices.make_mesh(size)
    ways = {
        "ours": _by_jax(stack.apply, params, work, _weights, one),
        "flax": _by_jax(flax_apply, flax_params, work, _flax_weights, one),
    }
    if jax.default_backend() == "gpu":
        by_cudnn = stack.clone(implementation="cudnn").apply
        ways["ours, cuDNN"] = _by_jax(by_cudnn, params, work, _weights, one)
    if mesh.size > 1:
        shared = _by_jax(stack.apply, params, work, _weights, mesh)
        ways[f"ours, {mesh.size} devices"] = shared
    if torch:
        ways["torch"] = _by_torch(params, x, grads)
    return ways


def _by_jax(apply, params, work, weights, mesh: Mesh) -> timing.Way:
    def both(params, x, lengths, grads):
        outputs, backward = jax.vjp(
            lambda params, x: apply({"params": params}, x, lengths), params, x
        )
        of_params, of_x = backward(grads)
        return outputs, jax.lax.psum(of_params, devices.DATA), of_x

    whole, by_line = PartitionSpec(), PartitionSpec(devices.DATA)
    specs = {
        "in_specs": (whole, *[by_line] * 3),
        "out_specs": (by_line, whole, by_line),
    }
    both = jax.jit(jax.shard_map(both, mesh=mesh, check_vma=False, **specs))
    placed = jax.device_put(work, NamedSharding(mesh, by_line))
    on_devices = devices.replicate(params, mesh), *placed

    def result(given):
        outputs, params, x = given
        return outputs, x, *weights(params)

    return timing.Way(lambda: both(*on_devices), result)


def _weights(params):
    return [params[f"{name}_0"][weight] for name in DIRECTIONS for weight in WEIGHTS]


def _flax_apply(stack):
    return lambda variables, x, lengths: stack.apply(variables, x, seq_lengths=lengths)


def _to_flax(params) -> dict:
    """Our weights as a Bidirectional of flax has them, gate by gate."""
    cells = {}
    for name in DIRECTIONS:
        own = params[f"{name}_0"]
        kernels, hidden, biases = (np.split(own[weight], 4, -1) for weight in WEIGHTS)
        cell = cells[f"{name}_rnn"] = {"cell": {}}
        for gate, kernel, recurrent_kernel, bias in zip(
            "ifog", kernels, hidden, biases, strict=True
        ):
            cell["cell"]["i" + gate] = {"kernel": kernel}
            cell["cell"]["h" + gate] = {"kernel": recurrent_kernel, "bias": bias}
    return cells


def _flax_weights(params):
    for name in DIRECTIONS:
        cell = params[f"{name}_rnn"]["cell"]
        for kind, weight in (("i", "kernel"), ("h", "kernel"), ("h", "bias")):
            yield np.concatenate([cell[kind + gate][weight] for gate in "ifog"], -1)


def _by_torch(params, x, grads) -> timing.Way:
    import torch_networks

    x = torch.tensor(x, device=timing.device(), requires_grad=True)
    grads = torch.tensor(grads, device=timing.device())
    lstm = torch.nn.LSTM(x.shape[2], grads.shape[2] // 2, 1, True, True, 0.0, True)
    torch_networks.load_lstm(lstm, params)
    lstm.to(timing.device())
    weights = {name: w for name, w in lstm.named_parameters() if w.requires_grad}

    def run():
        outputs, _ = lstm(x)
        return outputs, *torch.autograd.grad(outputs, [x, *weights.values()], grads)

    def result(given):
        outputs, x, *of_weights = given
        # Its order within a direction is ours; its gates are not.
        return (
            outputs,
            x,
            *(torch_networks.gates(grad.cpu().numpy().T) for grad in of_weights),
        )

    return timing.Way(run, result)


if __name__ == "__main__":
    huge_pages.restart_with_huge_pages()
    raise SystemExit(errors.exit_code(main))
