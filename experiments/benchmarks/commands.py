"""What a page and a line cost to read by the commands, from start to exit.

    python experiments/benchmarks/commands.py page.jpg line.png

`transcribe` of the page, also enlarged to 8,000 pixels and laid on its side, and
`predict` of the line, with the shipped networks: seconds where no program has been
compiled before, seconds afterwards, their median, and the most memory.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import timing

from ocr_jax import errors

LONGEST = 8000  # pixels


class Cost(NamedTuple):
    """What one command took."""

    seconds: float
    processor: float  # seconds
    memory: float  # GiB, at the most


def main():
    """Time each command once cold and some rounds warm, and print a table."""
    parser = timing.parser(__doc__, rounds=3)
    parser.add_argument("page", type=Path)
    parser.add_argument("line", type=Path)
    args = parser.parse_args()
    timing.begin(args)
    with tempfile.TemporaryDirectory() as folder:
        print("| command | cold | warm | processor, warm | memory |")
        print("|---|---|---|---|---|")
        for name, command in commands(args, Path(folder)).items():
            print(row(name, command, args.rounds), flush=True)


def commands(args, folder: Path) -> dict[str, list[str]]:
    """name → arguments of Python."""
    transcribe, predict = ("ocr_jax.transcribe", "ocr_jax.predict")
    found = {"transcribe": [transcribe, str(args.page)]}
    found["transcribe, greedy"] = [*found["transcribe"], "--decoder=greedy"]
    if not args.quick:
        large, turned = enlarged(args.page, folder)
        found["transcribe, 8,000 px"] = [transcribe, str(large)]
        found["transcribe, 8,000 px, on its side"] = [transcribe, str(turned)]
    found["predict"] = [predict, str(args.line)]
    found["predict, greedy"] = [*found["predict"], "--decoder=greedy"]
    return found


def enlarged(page: Path, folder: Path) -> tuple[Path, Path]:
    """Write the page 8,000 pixels long, and that one on its side."""
    image = cv2.imread(str(page))
    scale = LONGEST / max(image.shape)
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    large, turned = folder / "large.jpg", folder / "turned.jpg"
    cv2.imwrite(str(large), image)
    cv2.imwrite(str(turned), cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE))
    return large, turned


def row(name: str, command: list[str], rounds: int) -> str:
    """Measure a command; return its row of the table."""
    with tempfile.TemporaryDirectory() as cache:
        cold, *warm = (measure(command, cache) for _ in range(rounds + 1))
    seconds = statistics.median(cost.seconds for cost in warm)
    processor = statistics.median(cost.processor for cost in warm)
    memory = max(cost.memory for cost in (cold, *warm))
    return (
        f"| {name} | {cold.seconds:.1f} s | {seconds:.1f} s | {processor:.1f} s "
        f"| {memory:.2f} GiB |"
    )


def measure(command: list[str], cache: str) -> Cost:
    """Run a command; its programs are compiled unless they lie in the cache."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | {"JAX_COMPILATION_CACHE_DIR": cache},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    processor = used.ru_utime + used.ru_stime
    return Cost(seconds, processor, used.ru_maxrss / 2**20)


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
