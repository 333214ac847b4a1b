"""How long Kraken's default network takes to read lines, for predict.py.

Prints the median [seconds, processor seconds] as JSON: of one batch or of line by line,
whichever is quicker. How straight Kraken makes a line, before, is not timed.
"""

import argparse
import json
import os
import statistics
import time

import numpy as np
import torch
from kraken.configs import RecognitionInferenceConfig, VGSLRecognitionTrainingConfig
from kraken.lib import vgsl
from torch.nn import functional

HEIGHT = 120
CLASSES = 80


def main():
    """Time both ways on lines (B, H, W) uint8, bright on zero, of an .npy file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads or len(os.sched_getaffinity(0)))
    lines = torch.from_numpy(np.load(args.lines))[:, None].float() / 255
    width = lines.shape[3] * HEIGHT // lines.shape[2]
    lines = functional.interpolate(lines, (HEIGHT, width), mode="bilinear")
    spec = VGSLRecognitionTrainingConfig().spec.rstrip("]") + f" O1c{CLASSES}]"
    net = vgsl.TorchVGSLModel(vgsl=spec).to(args.device).eval()
    decoder = RecognitionInferenceConfig().decoder
    medians = []
    for size in (len(lines), 1):
        batches = lines.split(size)
        taken = [timed(net, decoder, batches, args) for _ in range(args.rounds + 1)][1:]
        medians.append(tuple(map(statistics.median, zip(*taken, strict=True))))
    print(json.dumps(min(medians)))


@torch.inference_mode()
def timed(net, decoder, batches, args) -> tuple[float, float]:
    """(seconds, processor seconds) that reading all batches took."""
    start = time.perf_counter(), time.process_time()
    for batch in batches:
        widths = torch.full((len(batch),), batch.shape[3], device=args.device)
        outputs, lengths = net(batch.to(args.device), widths)
        decoder(outputs.squeeze(2), lengths)
    return time.perf_counter() - start[0], time.process_time() - start[1]


if __name__ == "__main__":
    main()
