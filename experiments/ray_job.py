"""Run one job where Ray put this process; started by launching/ray_executor.py.

python experiments/ray_job.py '[JOB, OPTIONS OF THE LOCAL EXECUTOR]'
"""

import json
import os
import socket
import sys
from pathlib import Path

from launching import jobs, local_executor

from ocr_jax.runtime import slots


def main():
    """Run the job on this machine, on the GPU that Ray chose."""
    description, options = json.loads(sys.argv[1])
    job = jobs.Job(**description)
    job = job._replace(command=tuple(job.command), workdir=Path(job.workdir))
    place = f"{socket.gethostname()} {os.environ.get('CUDA_VISIBLE_DEVICES', '')}"
    slot = slots.Slot(place.strip(), (), 0, 1, {})
    local_executor.Local([slot], **options).run([job], local_executor.Watcher())


if __name__ == "__main__":
    main()
