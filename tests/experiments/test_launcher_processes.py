"""Launchers as processes: several at once, asked to stop, killed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import stress_launcher

from tests.experiments.fake_trainings import TRAINING, notes, python_job, trainings

EXPERIMENTS = Path(stress_launcher.__file__).parent
LAUNCHER = """
from pathlib import Path
from launching import jobs, local_executor
from ocr_jax.runtime import slots
class Watcher(local_executor.Watcher):
    def changed(self, job, status):
        print(status.state, job.name, flush=True)
found = [jobs.Job(n, tuple(c), Path(w)) for n, c, w in {listed!r}]
executor = local_executor.Local(slots.find("none", slots={count}))
ended = executor.run(found, Watcher())
print("ended", *sorted(s.state for s in ended.values()))
"""


@pytest.fixture(autouse=True)
def own_locks(tmp_path, monkeypatch):
    monkeypatch.setenv("OCR_JAX_SLOTS", str(tmp_path / "locks"))


def launch(found, count=2, under=()):
    """A launcher in a process of its own, under another program."""
    listed = [(job.name, list(job.command), str(job.workdir)) for job in found]
    code = LAUNCHER.format(listed=listed, count=count)
    command = [*under, sys.executable, "-c", code]
    return subprocess.Popen(command, cwd=EXPERIMENTS, stdout=subprocess.PIPE, text=True)


def wait_for_start(found, count):
    end = time.monotonic() + 30
    while sum(bool(notes(job)) for job in found) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_launchers_run_each_job_once(tmp_path):
    found = [
        python_job(n, tmp_path, stress_launcher.TRAINING, tmp_path / n, 0.05)
        for n in map("job{}".format, range(10))
    ]
    outputs = [p.communicate()[0] for p in [launch(found), launch(found)]]
    for output in outputs:
        assert output.splitlines()[-1] == "ended" + " finished" * 10
    for job in found:
        assert [word for word, *_ in notes(job)] == ["began", "finished"]
    stress_launcher.check_slots(found)


def test_the_stress_test_detects_unlocked_slots(tmp_path, monkeypatch):
    broken = "slots._lock = lambda core, _, files: files.append(slots._open(core.name))"
    code = stress_launcher.LAUNCHER.replace("batch =", f"{broken}\nbatch =")
    monkeypatch.setattr(stress_launcher, "LAUNCHER", code)
    with pytest.raises(AssertionError, match="two jobs on slot core"):
        stress_launcher.chaos(tmp_path, 0.0)


@pytest.mark.parametrize(
    "presses, words",
    [
        (1, ["began", "finished"]),
        (2, ["began", "stopped"]),
        (3, ["began"]),
    ],
)
def test_ctrl_c_closes_the_queue_then_stops_the_jobs_then_kills_them(
    tmp_path, presses, words
):
    found = trainings(tmp_path, 3, seconds=1)
    if presses == 3:
        deaf = TRAINING.replace("stop)", "signal.SIG_IGN)").replace("seconds)", "60)")
        found = [python_job(j.name, tmp_path, deaf, j.workdir, 1) for j in found]
    launcher = launch(found)
    wait_for_start(found, 2)
    for _ in range(presses):
        launcher.send_signal(signal.SIGINT)
        time.sleep(0.1)
    output = launcher.communicate(timeout=20)[0]
    state = "finished" if presses == 1 else "stopped"
    assert output.splitlines()[-1] == f"ended {state} {state}"
    assert [[word for word, *_ in notes(job)] for job in found] == [words, words, []]


@pytest.mark.parametrize(
    ("under", "end"),
    [((), "ended stopped stopped"), (("nohup",), "ended finished finished")],
)
def test_a_closed_terminal_stops_the_jobs_unless_nohup_started_them(
    tmp_path, under, end
):
    found = trainings(tmp_path, 2, seconds=1)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup may run the tests
    launcher = launch(found, under=under)
    signal.signal(signal.SIGHUP, before)
    wait_for_start(found, 2)
    launcher.send_signal(signal.SIGHUP)
    assert launcher.communicate(timeout=20)[0].splitlines()[-1] == end


def test_a_killed_launcher_stops_its_jobs_and_can_be_run_again(tmp_path):
    found = trainings(tmp_path, 4, seconds=0.5)
    launcher = launch(found)
    wait_for_start(found, 2)
    launcher.kill()
    again = launch(found)
    assert (
        again.communicate(timeout=30)[0].splitlines()[-1] == "ended" + " finished" * 4
    )
    for job in found:
        assert [word for word, *_ in notes(job)].count("finished") == 1
    assert [word for word, *_ in notes(found[0])][:2] == ["began", "stopped"]
