"""The launcher's overhead, and what is left of its promises when processes are killed.

    python experiments/stress_launcher.py --jobs=200 --rounds=50

First, jobs of 50 ms on four slots: the time that each adds, and how long a slot waits
between two. Then rounds in which two launchers run the same jobs, at a random moment a
launcher, both or a job is killed, and the jobs are launched again: each must be
finished once, no slot may ever have had two, and no process may be left.
"""

import itertools
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from launching import jobs, local_executor, orphan_guard

from ocr_jax import errors
from ocr_jax.runtime import slots

SECONDS = 0.05
# A stand-in for a training, which finishes once. It notes when it had which slot: the
# locks that it holds are open files of its own.
TRAINING = """
import os, signal, sys, time
folder, locks = sys.argv[1], os.path.realpath(os.environ["OCR_JAX_SLOTS"])
files = [os.path.realpath("/proc/self/fd/" + n) for n in os.listdir("/proc/self/fd")]
slot = "+".join(sorted(f[len(locks) + 1 :] for f in files if f.startswith(locks + "/")))
def note(word):
    with open(folder + "/notes", "a") as file:
        file.write(f"{word} {time.monotonic()} {slot}\\n")
signal.signal(signal.SIGTERM, lambda *_: (note("stopped"), os._exit(130)))
if not os.path.exists(folder + "/scores.json"):
    note("began")
    time.sleep(float(sys.argv[2]))
    open(folder + "/partial", "w").close()
    os.replace(folder + "/partial", folder + "/scores.json")
    note("finished")
"""
# Run in the folder of this file, where the packages are.
LAUNCHER = """
from pathlib import Path
from launching import jobs, local_executor
from ocr_jax.runtime import slots
batch = [jobs.Job(n, tuple(c), Path(w)) for n, c, w in {listed!r}]
executor = local_executor.Local(slots.find("none", slots=4), retries=2)
executor.run(batch, local_executor.Watcher())
"""


def main():
    """Print both results; the exit code is 1 where a promise was broken."""
    parser = errors.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200, help="(default: 200)")
    parser.add_argument("--rounds", type=int, default=50, help="(default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="(default: 0)")
    args = parser.parse_args()
    if args.jobs < 8 or args.rounds < 1:
        parser.error("expected 8 --jobs or more, and 1 --rounds or more")
    with tempfile.TemporaryDirectory() as folder:
        overhead(Path(folder), args.jobs)
    random.seed(args.seed)
    for number in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            victim = chaos(Path(folder), random.uniform(0, 2.5))
        print(f"round {number + 1}/{args.rounds}: killed {victim}", flush=True)
    print(f"{args.rounds} rounds: each job finished once, no slot shared, nothing left")


def overhead(folder: Path, count: int):
    """Time jobs of 50 ms on four slots."""
    batch = [
        jobs.Job(f"job{n}", ("sleep", str(SECONDS)), folder / f"job{n}")
        for n in range(count)
    ]
    begun = time.monotonic()
    ended = local_executor.Local(slots.find("none", slots=4)).run(
        batch, local_executor.Watcher()
    )
    seconds = time.monotonic() - begun
    spans = {}
    for status in ended.values():
        spans.setdefault(status.slot, []).append((status.started, status.ended))
    idle = [
        later[0] - earlier[1]
        for of_slot in map(sorted, spans.values())
        for earlier, later in itertools.pairwise(of_slot)
    ]
    took = [status.ended - status.started - SECONDS for status in ended.values()]
    print(f"{count} jobs of {SECONDS * 1000:.0f} ms on 4 slots: {seconds:.2f} s")
    print(f"  a job took longer by {statistics.median(took) * 1000:.1f} ms (median)")
    print(
        f"  a slot waited {statistics.median(idle) * 1000:.1f} ms (median), "
        f"{max(idle) * 1000:.1f} ms (most) between two jobs"
    )
    print(f"  wall time a job: {seconds * 4 / count * 1000 - 50:.1f} ms above 50")


def chaos(folder: Path, moment: float) -> str:
    """Kill something after `moment` seconds, run again, check; who was killed."""
    command = (sys.executable, "-S", "-E", "-c", TRAINING)
    batch = [
        jobs.Job(
            f"job{n}", (*command, str(folder / f"job{n}"), "0.3"), folder / f"job{n}"
        )
        for n in range(12)
    ]
    os.environ["OCR_JAX_SLOTS"] = str(folder / "slots")
    launchers = [start_launcher(batch) for _ in range(2)]
    time.sleep(moment)
    victim = random.choice(["a launcher", "both launchers", "a job"])
    if victim == "a job":
        running = trainings(folder)
        orphan_guard.send(random.sample(running, min(1, len(running))), signal.SIGKILL)
    else:
        for launcher in launchers[: 2 if victim.startswith("both") else 1]:
            launcher.kill()
    for launcher in [*launchers, start_launcher(batch)]:
        launcher.wait(timeout=120)
    time.sleep(0.5)  # for the guards of the killed
    assert not trainings(folder), "processes were left behind"
    for job in batch:
        words = [word for word, *_ in notes(job)]
        assert words.count("finished") == 1, (job.name, words)
    check_slots(batch)
    return victim


def notes(job: jobs.Job) -> list[tuple[str, float, str]]:
    """(word, time, slot) of what a job noted."""
    lines = (job.workdir / "notes").read_text().splitlines()
    noted = [line.split(" ") for line in lines]
    return [(word, float(moment), slot) for word, moment, slot in noted]


def check_slots(batch: list[jobs.Job]):
    """Fail where a job began on a slot while another was running on it."""
    noted = [notes(job) for job in batch]
    begun = [(s, slot) for of_job in noted for w, s, slot in of_job if w == "began"]
    assert all(slot for _, slot in begun), "a job holds no slot"
    spans = itertools.chain.from_iterable(map(itertools.pairwise, noted))
    for (word, start, slot), (end_word, end, _) in spans:
        if word == "began" and end_word != "began":  # the killed have no end
            others = [s for s, other in begun if other == slot and start < s < end]
            assert not others, f"two jobs on slot {slot}"


def start_launcher(batch: list[jobs.Job]) -> subprocess.Popen:
    """A launcher of these jobs."""
    listed = [(job.name, list(job.command), str(job.workdir)) for job in batch]
    code = LAUNCHER.format(listed=listed)
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, cwd=Path(__file__).parent)


def trainings(folder: Path) -> list[int]:
    """The processes of jobs that write to this folder."""
    pids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_text()
            except OSError:
                continue
            if str(folder / "job") in command and "local_executor" not in command:
                pids.append(int(entry.name))
    return pids


if __name__ == "__main__":
    raise SystemExit(errors.exit_code(main))
