"""CTC, loss and gradient: ours, optax's and PyTorch's.

    python experiments/benchmarks/ctc.py

Logits are random, and so are the lengths of lines and labels.
"""

import jax
import jax.numpy as jnp
import numpy as np
import timing
from timing import torch

from ocr_jax import ctc, errors
from ocr_jax.runtime import huge_pages

# Lines, frames, the longest label, classes.
SHAPES = ((64, 128, 60, 80), (64, 186, 97, 80), (32, 256, 97, 80))
QUICK = ((4, 16, 5, 8),)


def main():
    """Compare the losses and gradients of each shape, then time them."""
    args = timing.parser(__doc__, rounds=40).parse_args()
    timing.begin(args)
    timing.print_head()
    for shape in QUICK if args.quick else SHAPES:
        work = "CTC B{} T{} L{} C{}".format(*shape)
        lines = random_lines(*shape)
        ways = make_ways(*lines)
        require_agreement(work, ways, lines)
        timing.print_rows(work, timing.race(ways, args.rounds))


def random_lines(size: int, frames: int, label: int, classes: int):
    """(logits, lengths, labels, label lengths), every label being possible."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0.0, 3.0, (size, frames, classes)).astype(np.float32)
    lengths = generator.integers(frames * 3 // 4, frames + 1, size)
    label_lengths = generator.integers(label // 2, label + 1, size)
    labels = generator.integers(1, classes, (size, label))
    labels *= np.arange(label) < label_lengths[:, None]
    return logits, *(x.astype(np.int32) for x in (lengths, labels, label_lengths))


def require_agreement(work: str, ways: dict[str, timing.Way], lines):
    """Exit where ours is not as torch's in float64, or another is far from it.

    In log space and float32, gradients of long lines keep two or three digits.
    """
    logits, *rest = lines
    exact = {"float64": _by_torch(logits.astype(np.float64), *rest)} if torch else {}
    timing.agree(work, exact | {"ours": ways["ours"]})
    timing.agree(work, exact | ways, tolerance=1e-2)


def make_ways(*lines) -> dict[str, timing.Way]:
    """Ways to get the losses (B,) and the gradient (B, T, C) of their sum."""
    ways = {
        "ours": _by_jax(ctc.ctc_loss, lines),
        "optax": _by_jax(ctc.optax_loss, lines),
    }
    if torch:
        ways["torch"] = _by_torch(*lines)
    return ways


def _by_jax(loss, lines) -> timing.Way:
    @jax.jit
    def both(logits, *rest):
        losses, backward = jax.vjp(lambda logits: loss(logits, *rest), logits)
        return losses, *backward(jnp.ones_like(losses))

    on_device = jax.device_put(lines)
    return timing.Way(lambda: both(*on_device))


def _by_torch(logits, lengths, labels, label_lengths) -> timing.Way:
    logits = torch.tensor(logits, device=timing.device(), requires_grad=True)
    labels = torch.tensor(labels, dtype=torch.long, device=timing.device())
    # On the host, where torch wants them.
    lengths, label_lengths = map(torch.tensor, (lengths, label_lengths))

    def run():
        log_probs = logits.log_softmax(2).transpose(0, 1)
        losses = torch.nn.functional.ctc_loss(
            log_probs, labels, lengths.long(), label_lengths.long(), reduction="none"
        )
        return losses, *torch.autograd.grad(losses.sum(), logits)

    return timing.Way(run)


if __name__ == "__main__":
    huge_pages.restart_with_huge_pages()
    raise SystemExit(errors.exit_code(main))
