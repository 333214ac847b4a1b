"""The queue: every job once, no slot twice, nothing left behind, whatever happens."""

import itertools
import json
import os
import subprocess
import sys
import time

import pytest
from launching import job_status, jobs, local_executor, orphan_guard

from ocr_jax.runtime import slots
from tests.experiments.fake_trainings import TRAINING, notes, python_job, trainings


@pytest.fixture(autouse=True)
def own_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(slots, "FOLDER", tmp_path / "locks")
    monkeypatch.setenv("OCR_JAX_SLOTS", str(tmp_path / "locks"))


def run(found_jobs, count=2, watcher=None, **options):
    executor = local_executor.Local(slots.find("none", slots=count), **options)
    return executor.run(found_jobs, watcher or local_executor.Watcher())


def states(ended):
    return [status.state for status in ended.values()]


def test_jobs_start_in_order_and_never_share_a_slot(tmp_path):
    found = trainings(tmp_path, 12)
    ended = run(found, count=4)
    assert states(ended) == ["finished"] * 12
    began = [float(notes(job)[0][1]) for job in found]
    assert began[0] < began[4] < began[8]
    by_slot = {}
    for job in found:
        slot = ended[job.name].slot
        times = [float(moment) for _, moment, _ in notes(job)]
        by_slot.setdefault(slot, []).append(times)
    assert len(by_slot) == 4
    for spans in by_slot.values():
        spans.sort()
        for (_, end), (start, _) in itertools.pairwise(spans):
            assert end < start


def test_a_job_gets_its_slots_cores_and_environment(tmp_path):
    code = "import os; print(os.environ['JAX_PLATFORMS'], os.sched_getaffinity(0))"
    [job] = found = [python_job("a", tmp_path, code)]
    run(found)
    cores = sorted(os.sched_getaffinity(0))[: max(1, os.cpu_count() // 2)]
    assert (job.workdir / "log.txt").read_text() == f"cpu {set(cores)}\n"


def test_a_job_does_not_inherit_the_launchers_slurm_step(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    code = "import os; print([k for k in os.environ if k.startswith('SLURM_STEP')])"
    [job] = found = [python_job("a", tmp_path, code)]
    run(found)
    assert (job.workdir / "log.txt").read_text() == "[]\n"


def test_a_failed_job_records_its_reason_and_the_others_run_on(tmp_path):
    code = "import sys; print('one\\nocr_jax: no such file\\n'); sys.exit(1)"
    found = [
        python_job("bad", tmp_path, code),
        python_job("killed", tmp_path, "import os; os.kill(os.getpid(), 9)"),
        jobs.Job("absent", ("/no/such/program",), tmp_path / "absent"),
        *trainings(tmp_path, 1),
    ]
    ended = run(found, count=1)
    assert states(ended) == ["failed", "failed", "failed", "finished"]
    assert ended["bad"].reason == "exit code 1: ocr_jax: no such file"
    assert ended["killed"].reason == "killed by SIGKILL"
    assert "No such file" in ended["absent"].reason


def test_a_workdir_deleted_under_a_job_fails_that_job_alone(tmp_path):
    code = """
        import shutil, sys, time
        shutil.rmtree(sys.argv[1])
        time.sleep(1.5)
        sys.exit(1)
    """
    gone = python_job("gone", tmp_path, code, tmp_path / "gone")
    ended = run([gone, *trainings(tmp_path, 1)], count=1)
    assert states(ended) == ["failed", "finished"]
    assert ended["gone"].reason == "exit code 1: its workdir has been deleted"
    assert not gone.workdir.exists()


def test_crashed_jobs_are_retried_but_user_errors_are_not(tmp_path):
    crash = """
        import os, sys
        tries = sys.argv[1] + "/tries"
        done = os.path.getsize(tries) if os.path.exists(tries) else 0
        open(tries, "a").write("x")
        sys.exit(3 if done < 2 else 0)
    """
    mistake = "import sys; sys.exit(2)"
    found = [
        python_job("crash", tmp_path, crash, tmp_path / "crash"),
        python_job("mistake", tmp_path, mistake),
    ]
    ended = run(found, retries=1)
    assert ended["crash"].state == "failed" and ended["crash"].attempts == 2
    assert ended["mistake"].state == "failed" and ended["mistake"].attempts == 1
    ended = run(found, retries=1)
    assert ended["crash"].state == "finished"


def test_running_the_same_jobs_again_skips_finished_ones(tmp_path):
    found = trainings(tmp_path, 3)
    run(found[:2])
    ended = run(found)
    assert states(ended) == ["finished"] * 3
    assert all(len(notes(job)) == 2 for job in found)
    status = json.loads((found[0].workdir / "status.json").read_text())
    assert status["state"] == "finished" and status["exit_code"] == 0
    assert status["started"] < status["ended"]


def test_a_changed_command_is_run_again_in_its_workdir(tmp_path):
    [job] = found = trainings(tmp_path, 1)
    run(found)
    other = job._replace(command=(*job.command, "more"))
    assert run([other])["job0"].command[-1] == "more"
    assert (
        json.loads((job.workdir / "status.json").read_text())["command"][-1] == "more"
    )


def test_a_job_over_its_time_limit_is_stopped(tmp_path):
    ended = run(trainings(tmp_path, 1, seconds=60), timeout=0.2)
    assert states(ended) == ["failed"]
    assert ended["job0"].reason == "took over 0.2 s"


def test_a_job_that_ignores_sigterm_is_killed(tmp_path):
    code = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    """
    begun = time.monotonic()
    ended = run([python_job("deaf", tmp_path, code)], timeout=0.1, grace=0.1)
    assert states(ended) == ["failed"] and time.monotonic() - begun < 10


def test_processes_that_a_job_leaves_behind_are_killed(tmp_path, monkeypatch):
    code = """
        import os, sys, time
        for leave in (os.setsid, lambda: None):
            if os.fork() == 0:
                leave()
                time.sleep(60)
        print("parent ends")
    """
    tokens = []
    watch = orphan_guard.Guard.watch
    monkeypatch.setattr(
        orphan_guard.Guard,
        "watch",
        lambda *args: (tokens.append(args[1]), watch(*args)),
    )
    assert states(run([python_job("forks", tmp_path, code)])) == ["finished"]
    assert len(tokens) == 1 and orphan_guard.processes(set(tokens)) == []


def test_a_log_that_grows_too_long_is_cut_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(job_status, "LOG_BYTES", 1 << 20)
    monkeypatch.setattr(job_status, "LOG_KEPT", 1 << 10)
    code = """
        import sys
        for number in range(100):
            sys.stdout.write("x" * (1 << 20) + "\\n")
        print("the last line")
    """
    [job] = found = [python_job("loud", tmp_path, code)]
    assert states(run(found)) == ["finished"]
    log = (job.workdir / "log.txt").read_text()
    assert len(log) < 2 << 10 and log.endswith("the last line\n")


def test_a_job_that_the_watcher_stops_is_pruned(tmp_path):
    class Watcher(local_executor.Watcher):
        def should_stop(self, job):
            return job.name == "job0"

    found = trainings(tmp_path, 2, seconds=0.5)
    found[0] = python_job("job0", tmp_path, TRAINING, tmp_path / "job0", 60)
    ended = run(found, watcher=Watcher())
    assert {n: s.state for n, s in ended.items()} == {
        "job0": "pruned",
        "job1": "finished",
    }


def test_jobs_are_pulled_one_by_one_as_slots_come_free(tmp_path):
    pulled, ended = [], []

    class Watcher(local_executor.Watcher):
        def changed(self, job, status):
            if status.state == "finished":
                ended.append(job.name)

    def one_by_one():
        for job in trainings(tmp_path, 4):
            pulled.append((job.name, len(ended)))
            yield job

    run(one_by_one(), count=1, watcher=Watcher())
    assert [count for _, count in pulled] == [0, 1, 2, 3]


HOLDER = """
from ocr_jax.runtime import slots
lease = slots.lease(slots.find("none", slots=1))
print(lease.slot.name, flush=True)
input()
"""


def test_a_slot_that_others_hold_is_waited_for_while_a_job_is_left(tmp_path):
    first, second = ([job] for job in trainings(tmp_path, 2))
    run(first, count=1)
    command = [sys.executable, "-c", HOLDER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as holder:
        assert holder.stdout.readline()

        class Fail(local_executor.Watcher):
            def tick(self):
                holder.kill()
                pytest.fail("it waits, with nothing to do")

        class Release(local_executor.Watcher):
            def tick(self):
                holder.kill()

        assert states(run(first, count=1, watcher=Fail())) == ["finished"]
        assert run([], count=1, watcher=Fail()) == {}
        assert holder.poll() is None
        assert states(run(second, count=1, watcher=Release())) == ["finished"]


@pytest.mark.parametrize(("code", "said"), [(-9, "SIGKILL"), (-40, "signal 40")])
def test_a_killed_job_names_its_signal_also_one_without_a_name(tmp_path, code, said):
    assert job_status.reason(code, tmp_path) == f"killed by {said}"
