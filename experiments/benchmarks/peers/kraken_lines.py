"""Finds the lines of page images with Kraken; prints a JSON object a page."""

import json
import resource
import sys
import time
import warnings

from kraken import blla
from PIL import Image

warnings.simplefilter("ignore")
for path in sys.argv[1:]:
    image = Image.open(path).convert("RGB")
    started = time.perf_counter(), time.process_time()
    found = blla.segment(image)
    seconds = time.perf_counter() - started[0]
    processor = time.process_time() - started[1]
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    answer = {
        "seconds": seconds,
        "processor_seconds": processor,
        "gigabytes": used,
        "baselines": [line.baseline for line in found.lines if line.baseline],
    }
    print(json.dumps(answer), flush=True)
