"""Jobs that take an instant and note what happened to them."""

import sys
import textwrap

import sweep
from launching import jobs

from ocr_jax.runtime import slots

# What a training does, in 40 ms: it notes when and where it began and finished, stops
# with a checkpoint when asked to, and finishes only once.
TRAINING = """
import os, signal, sys, time
folder, seconds = sys.argv[1], float(sys.argv[2])
def note(text):
    line = f"{text} {time.monotonic()} {sorted(os.sched_getaffinity(0))}\\n"
    handle = os.open(f"{folder}/notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, line.encode())
def stop(*_):
    note("stopped")
    os._exit(130)
signal.signal(signal.SIGTERM, stop)
if os.path.exists(f"{folder}/scores.json"):
    sys.exit()
note("began")
time.sleep(seconds)
note("finished")
open(f"{folder}/scores.json", "w").close()
"""
# What a sweep sees of a training: a CER by epoch that is least at a dropout of 0.3.
EPOCHS = """
import json, os, signal, sys, time
folder, dropout, epochs = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
signal.signal(signal.SIGTERM, lambda *_: os._exit(130))
with open(folder + "/metrics.jsonl", "a") as file:
    for epoch in range(1, epochs + 1):
        cer = abs(dropout - 0.3) + 1 / epoch
        row = {"step": epoch, "epoch": epoch, "validation/cer": cer, "time": 0}
        print(json.dumps(row), file=file, flush=True)
        if dropout > 0.6:
            time.sleep(0.3)
    sys.exit(3 if dropout == 0.9 and not os.path.exists("mended") else 0)
"""


def python_job(name, folder, code, *arguments):
    command = (sys.executable, "-S", "-E", "-c", textwrap.dedent(code))
    return jobs.Job(name, (*command, *map(str, arguments)), folder / name)


def trainings(folder, count, seconds=0.02):
    names = [f"job{number}" for number in range(count)]
    return [python_job(n, folder, TRAINING, folder / n, seconds) for n in names]


def trials_train_in(folder, monkeypatch):
    """Let the trials of sweeps be three EPOCHS in a folder; return what makes them."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(slots, "FOLDER", folder / "locks")
    (folder / "a.py").write_text(
        "from ocr_jax.config import default_config\nget_config = default_config\n"
    )
    real = jobs.training

    def fake(config, overrides, *, name, workdir, group=""):
        job = real(config, overrides, name=name, workdir=workdir, group=group)
        arguments = (str(workdir), str(overrides["dropout"]), str(fake.epochs))
        return job._replace(command=(sys.executable, "-S", "-c", EPOCHS, *arguments))

    fake.epochs = 3
    monkeypatch.setattr(sweep.jobs, "training", fake)
    return fake


def notes(job):
    """(word, time, cores) of what a training noted."""
    path = job.workdir / "notes"
    lines = path.read_text().splitlines() if path.exists() else []
    return [tuple(line.split(" ", 2)) for line in lines]
