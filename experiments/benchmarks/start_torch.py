"""One training step of PyTorch's, from a lines file; what start.py starts.

python experiments/benchmarks/start_torch.py --config=FILE [OVERRIDE …]
"""

import sys

import numpy as np
import torch
import torch_networks

from ocr_jax import charset
from ocr_jax import config as config_lib
from ocr_jax.data import lines_file


def main():
    """Load the first batch, make the network, and update it once."""
    config = config_lib.load(sys.argv[1:])
    with lines_file.LinesFile(config.lines_file) as file:
        split = file.split("train")
        letters = charset.Charset.of(split.transcripts)
        labels = [letters.encode(text) for text in split.transcripts]
        # start.py's lines are of one width, their labels of one length.
        rows = range(config.batch_size)
        batch = {
            "image": np.stack([split.image(row) for row in rows]),
            "width": split.widths[: len(rows)],
            "label": np.stack([labels[row] for row in rows]),
            "label_length": np.array([len(labels[row]) for row in rows]),
        }
        height = split.height
    device = "cuda" if torch.cuda.is_available() else "cpu"
    on_device = {name: torch.tensor(array).to(device) for name, array in batch.items()}
    twin = torch_networks.Twin(config, height, letters.num_classes).to(device)
    loss, _ = torch_networks.make_step(config, twin, on_device)()
    assert np.isfinite(loss.item())


if __name__ == "__main__":
    main()
