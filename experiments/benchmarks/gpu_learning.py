"""A training for some minutes: its CER by minute, and its workdir in pieces."""

import itertools
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import cv2
import numpy as np
from gpu_report import Report

from ocr_jax.data import lines_file, lines_writer
from ocr_jax.tracking import metrics_file

ROOT = Path(__file__).parents[2]
# A file of the results that travels is no larger than this.
PIECE = 15 * 2**20
# Seconds before the end in which Ctrl-C has to have written the checkpoint.
TO_STOP = 15.0
QUICK = (
    *("conv_channels=(4,6)", "lstm_layers=0", "shortcut_weight=0.0"),
    *("augment.probability=0.0", "num_buckets=1", "batch_size=8", "num_epochs=2"),
)
HEIGHT = 64
FONTS = (cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)


def learn(report: Report, args):
    """Train until the time is over; an earlier run in the same folder is resumed."""
    started, workdir = time.time(), report.out / "run"
    lines = args.lines_file or draw_lines_file(report.out, 24 if report.quick else 3000)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ocr_jax.main", f"--config={args.config}"),
            f"--config.lines_file={lines.absolute()}",
            *("--config.loader=resident", "--config.wandb.mode=disabled"),
            *(f"--config.{change}" for change in QUICK if report.quick),
            *args.training,
            f"--workdir={workdir.absolute()}",
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    seen = 0
    while process.poll() is None and report.left() > TO_STOP:
        time.sleep(1.0)
        seen = _say_epochs(report, workdir, started, seen)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    code = process.wait(max(1.0, report.left() + TO_STOP))
    seen = _say_epochs(report, workdir, started, seen)
    if code == -signal.SIGINT:
        raise SystemExit("the time was over before the training had begun")
    if code not in (0, 130):
        raise SystemExit(f"the training ended with exit code {code}")
    pieces = pack(workdir, report.out)
    report.row(minutes=(time.time() - started) / 60, packed=f"{pieces} pieces")


def _say_epochs(report: Report, workdir: Path, started: float, seen: int) -> int:
    """A row for each epoch since; returns how many there are."""
    rows = metrics_file.read(workdir / metrics_file.NAME)
    epochs = [row for row in rows if "epoch" in row and row["time"] > started]
    for row in epochs[seen:]:
        report.row(
            minutes=(row["time"] - started) / 60,
            epoch=row["epoch"],
            cer=row["validation/cer"],
            train_loss=row["train/loss"],
            seconds=row["train/seconds"] + row["validation/seconds"],
            lines_per_second=row["train/lines_per_second"],
        )
    return len(epochs)


def pack(workdir: Path, out: Path) -> int:
    """The workdir as out/run.tar.00 and so on, none larger than PIECE; how many."""
    whole = out / "run.tar"
    with tarfile.open(whole, "w") as archive:
        archive.add(workdir, arcname=workdir.name)
    for old in out.glob("run.tar.[0-9][0-9]"):
        old.unlink()
    with open(whole, "rb") as file:
        for number in itertools.count():
            if not (content := file.read(PIECE)):
                break
            (out / f"run.tar.{number:02}").write_bytes(content)
    os.remove(whole)
    return number


def draw_lines_file(out: Path, lines: int) -> Path:
    """A lines file of random words, drawn by OpenCV: where nothing else is at hand."""
    path = out / f"drawn_{lines}.h5"
    if path.exists():
        return path
    generator = np.random.default_rng(0)
    splits = {"train": lines, "validation": max(8, lines // 10)}
    drawn = {
        split: [_drawn_line(generator, f"{split}-{index}") for index in range(count)]
        for split, count in splits.items()
    }
    lines_writer.write_lines(path, drawn, height=HEIGHT, source="drawn by OpenCV")
    return path


def _drawn_line(generator: np.random.Generator, name: str) -> lines_file.Line:
    """Two to five words of random letters, in one of FONTS."""
    letters = list("abcdefghijklmnopqrstuvwxyz")
    words = (
        "".join(generator.choice(letters, generator.integers(2, 9)))
        for _ in range(generator.integers(2, 6))
    )
    text, font = " ".join(words), FONTS[generator.integers(len(FONTS))]
    scale = generator.uniform(0.9, 1.3)
    (width, _), _ = cv2.getTextSize(text, font, scale, 2)
    image = np.zeros((HEIGHT, width + 16), np.uint8)
    cv2.putText(image, text, (8, 42), font, scale, 255, 2, cv2.LINE_AA)
    return lines_file.Line(image, text, name, f"writer {generator.integers(9)}")
