"""HTR-best-practices on a lines file: its network and its recipe, for so many minutes.

    python experiments/benchmarks/best_practices.py --lines_file=F --out=DIR

G. Retsinas, G. Sfikas, B. Gatos, C. Nikou, "Best Practices for a Handwritten Text
Recognition System" (DAS 2022), written anew in PyTorch from a description of the
authors' code of 2024. The learning rate falls to a tenth at half and at three quarters
of the minutes, or of the epochs where they are limited.
"""

from peers import timed_run

from ocr_jax import errors
from ocr_jax.runtime import huge_pages

# What the network and the recipe are, in the words of ocr_jax/config.py.
CONFIG = {
    "name": "best_practices",
    "encoder": "HTR-best-practices",
    "conv_channels": [32, 64, 128, 256],
    "frame_stride": 8,
    "lstm_layers": 3,
    "lstm_dim": 256,
    "dropout": 0.5,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "schedule": "step",
    "warmup_steps": 0,
    "weight_decay": 5e-5,
    "grad_clip": 0.0,
    "augment": {"probability": 0.5},
}


def main():
    """Train, validate after each epoch, and score the best."""
    args = timed_run.parser(__doc__, batch_size=16).parse_args()
    training = timed_run.load("peers.best_practices_training")
    run = timed_run.TimedRun(args, CONFIG, ("torch", "albumentations"))
    training.train(run, args.device)


if __name__ == "__main__":
    huge_pages.restart_with_huge_pages()
    raise SystemExit(errors.exit_code(main))
