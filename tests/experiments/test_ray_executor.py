"""Jobs as Ray tasks: queued, placed on GPUs, started again after a worker's death."""

import dataclasses
import itertools
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from launching import job_status, local_executor, ray_executor

from ocr_jax.errors import UserError
from tests.experiments.fake_trainings import TRAINING, notes, python_job

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")

GPU_TRAINING = TRAINING.replace(
    "sorted(os.sched_getaffinity(0))", "os.environ['CUDA_VISIBLE_DEVICES']"
)


@pytest.fixture(scope="module")
def cluster():
    """A cluster of this machine that believes to have two GPUs."""
    ray.init(num_gpus=2, num_cpus=4, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def gpu_jobs(folder, count, seconds):
    names = [f"job{number}" for number in range(count)]
    return [python_job(n, folder, GPU_TRAINING, folder / n, seconds) for n in names]


def worker_of(job):
    """The process of Ray that is running the job."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and f'"{job.name}"' in command_of(entry):
            parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            if command_of(Path("/proc", parent)).startswith("ray::"):
                return int(parent)
    raise AssertionError(f"nobody runs {job.name}")


def command_of(process):
    try:
        return (process / "cmdline").read_text()
    except OSError:  # it has just ended
        return ""


@pytest.mark.slow
def test_jobs_queue_for_gpus_and_a_killed_worker_is_replaced(cluster, tmp_path):
    found = gpu_jobs(tmp_path, 5, seconds=1.0)
    killed = []

    class Watcher(local_executor.Watcher):
        def tick(self):
            if not killed and notes(found[0]):
                killed.append(worker_of(found[0]))
                os.kill(killed[0], signal.SIGKILL)

    ended = ray_executor.Ray("auto").run(found, Watcher())
    assert killed
    assert {s.state for s in ended.values()} == {"finished"} and len(ended) == 5
    # Whether it had the time to note that it was stopped is up to Ray, which kills too.
    words = [word for word, *_ in notes(found[0]) if word != "stopped"]
    assert words == ["began", "began", "finished"]
    spans = {"0": [], "1": []}
    for job in found[1:]:
        (_, start, gpu), (_, end, _) = notes(job)
        spans[gpu].append((float(start), float(end)))
    for of_gpu in spans.values():
        of_gpu.sort()
        assert all(a[1] < b[0] for a, b in itertools.pairwise(of_gpu))


@pytest.mark.slow
def test_a_job_that_the_watcher_stops_is_pruned_with_a_checkpoint(cluster, tmp_path):
    class Watcher(local_executor.Watcher):
        def should_stop(self, job):
            return bool(notes(job))

    [job] = gpu_jobs(tmp_path, 1, seconds=60)
    ended = ray_executor.Ray("auto").run(iter([job]), Watcher())
    assert ended["job0"].state == "pruned"
    assert [word for word, *_ in notes(job)] == ["began", "stopped"]


@pytest.mark.slow
def test_a_job_is_cancelled_also_when_its_workdir_is_gone(cluster, tmp_path):
    [job] = gpu_jobs(tmp_path, 1, seconds=60)

    class Watcher(local_executor.Watcher):
        def tick(self):
            if job.workdir.exists() and notes(job):
                shutil.rmtree(job.workdir)
            if not job.workdir.exists():
                os.kill(os.getpid(), signal.SIGINT)

    started = time.monotonic()
    ray_executor.Ray("auto").run([job], Watcher())
    assert time.monotonic() - started < 40


@pytest.mark.parametrize("address", ["localhost:1", "[::1]:1", "localhost:99999"])
def test_an_address_where_nothing_answers_is_refused_at_once(address):
    expected = re.escape(f"--ray_address={address}: no Ray cluster answers there (")
    with pytest.raises(UserError, match=expected):
        ray_executor.Ray(address)


@pytest.mark.parametrize(
    ("error", "pruned", "state"),
    [
        ("", False, "stopped"),  # by a third Ctrl-C
        ("", True, "pruned"),
        ("the machine died", False, "failed"),
    ],
)
def test_a_job_killed_while_running_gets_the_state_of_its_cause(
    tmp_path, error, pruned, state
):
    job = python_job("job0", tmp_path, "")
    job.workdir.mkdir()
    running = dataclasses.replace(job_status.Status.of(job), state="running")
    job_status.write(job, running)
    assert ray_executor.status_at_end(job, error, pruned=pruned).state == state
