"""Slots: what there is to run on, and leases that no two holders share."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_jax.errors import UserError
from ocr_jax.runtime import slots

GIB = 1 << 30


@pytest.fixture(autouse=True)
def own_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(slots, "FOLDER", tmp_path / "locks")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def gpus(monkeypatch):
    """Four GPUs as NVML tells of them, of which number 2 is in use; the memory used."""
    used = {0: 1 * GIB, 1: 0, 2: 70 * GIB, 3: 0}

    class NVMLError(Exception):
        pass

    def memory_of(handle):
        if used[handle] is None:
            raise NVMLError("Not Supported")
        return types.SimpleNamespace(used=used[handle], total=80 * GIB)

    fake = types.SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: len(used),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUUID=lambda handle: f"GPU-{handle}abc",
        nvmlDeviceGetMemoryInfo=memory_of,
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return used


def lease_all(found):
    """Leases until none is left."""
    return list(iter(lambda: slots.lease(found), None))


def test_a_gpu_that_does_not_tell_of_its_memory_is_used(gpus):
    gpus[0] = None
    assert slots.lease(slots.find("0")).slot.name == "gpu 0"


def test_each_gpu_is_a_slot_and_sees_only_itself(gpus):
    found = slots.find("all")
    assert [slot.name for slot in found] == ["gpu 0", "gpu 1", "gpu 2", "gpu 3"]
    visible = [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in found]
    assert visible == ["0", "1", "2", "3"]
    assert "XLA_CLIENT_MEM_FRACTION" not in found[0].environment


def test_a_gpu_that_somebody_else_uses_is_left_alone(gpus):
    leases = lease_all(slots.find("all"))
    assert [lease.slot.name for lease in leases] == ["gpu 0", "gpu 1", "gpu 3"]
    for lease in leases:
        lease.release()
    assert len(lease_all(slots.find("all", busy_above=0.9))) == 4


def test_jobs_on_one_gpu_share_its_memory_and_come_last_to_a_used_one(gpus):
    found = slots.find("0,3", jobs_per_gpu=2)
    assert [slot.name for slot in found] == [
        "gpu 0 1/2",
        "gpu 3 1/2",
        "gpu 0 2/2",
        "gpu 3 2/2",
    ]
    shares = {slot.environment["XLA_CLIENT_MEM_FRACTION"] for slot in found}
    assert shares == {"0.450"}


def test_memory_that_our_own_jobs_took_keeps_no_share_back(gpus):
    found = slots.find("1", jobs_per_gpu=2)
    first = slots.lease(found)
    gpus[1] = 70 * GIB
    assert slots.lease(found).slot.name == "gpu 1 2/2"
    first.release()
    assert slots.lease(found).slot.name == "gpu 1 1/2"


def test_a_whole_gpu_and_its_shares_exclude_each_other(gpus):
    whole, shared = slots.find("1"), slots.find("1", jobs_per_gpu=2)
    lease = slots.lease(whole)
    assert slots.lease(shared) is None
    lease.release()
    shares = lease_all(shared)
    shares[0].release()
    assert len(shares) == 2 and slots.lease(whole) is None


def test_halves_of_a_gpu_and_thirds_of_it_exclude_each_other(gpus):
    halves, thirds = slots.find("1", jobs_per_gpu=2), slots.find("1", jobs_per_gpu=3)
    first, second = lease_all(halves)
    assert lease_all(thirds) == []
    first.release()
    assert lease_all(thirds) == []
    second.release()
    assert len(lease_all(thirds)) == 3 and lease_all(halves) == []


def test_cuda_visible_devices_bounds_what_all_means(gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-1abc")
    assert [slot.name for slot in slots.find("all")] == ["gpu 3", "gpu 1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-7")
    assert slots.find("all")[0].environment["CUDA_VISIBLE_DEVICES"] == "MIG-7"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert slots.find("all")[0].name == "cpu 0"


@pytest.mark.parametrize(
    "options, complaint",
    [
        ({"gpus": "7"}, "no GPU '7' here; available: 0, 1, 2, 3"),
        ({"gpus": "zero"}, "no GPU 'zero'"),
        ({"gpus": "0", "slots": 2}, "--gpus=none"),
        ({"jobs_per_gpu": 0}, "1 or more"),
    ],
)
def test_what_cannot_be_is_refused(gpus, options, complaint):
    with pytest.raises(UserError, match=complaint):
        slots.find(**options)


@given(cores=st.integers(1, 9), count=st.integers(1, 40))
def test_cpu_slots_use_every_core_and_never_twice(cores, count):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots, "cores", lambda: list(range(cores)))
        found = slots.find("none", slots=count)
    assert len(found) == count
    assert frozenset().union(*(slot.cores for slot in found)) == set(range(cores))
    for one, other in itertools.combinations(found, 2):
        shared = one.cores & other.cores
        assert not shared or (one.share != other.share and one.shares > 1)
        assert one.shares == other.shares
    assert max(len(slot.cores) for slot in found) <= -(-cores // count)


def test_slots_of_the_cpu_confine_a_job_to_their_cores_and_to_the_cpu():
    slot = slots.find("none", slots=2)[0]
    assert slot.environment["JAX_PLATFORMS"] == "cpu"
    code = "import os; print(sorted(os.sched_getaffinity(0)))"
    seen = subprocess.check_output(
        [sys.executable, "-c", code], preexec_fn=slot.confine
    )
    assert eval(seen) == sorted(slot.cores)


def test_two_ways_to_divide_the_cpu_never_overlap(monkeypatch):
    monkeypatch.setattr(slots, "cores", lambda: [0, 1, 2, 3])
    halves, quarters = slots.find("none", slots=2), slots.find("none", slots=4)
    first = slots.lease(halves)
    assert first.slot.cores == {0, 1}
    assert [lease.slot.cores for lease in lease_all(quarters)] == [{2}, {3}]


def test_a_slot_is_free_again_when_its_holder_is_killed():
    code = (
        "import sys, time; from ocr_jax.runtime import slots; lease = slots.lease("
        "slots.find('none', slots=1)); print(bool(lease), flush=True); time.sleep(60)"
    )
    environment = os.environ | {"OCR_JAX_SLOTS": str(slots.FOLDER)}
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment
    )
    assert holder.stdout.readline() == b"True\n"
    assert slots.lease(slots.find("none", slots=1)) is None
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert slots.lease(slots.find("none", slots=1))


def test_auto_takes_the_first_free_gpus_for_this_process(gpus, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    held = slots.lease(slots.find("0"))
    leases = slots.use("auto:2")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1,3"
    assert [lease.slot.name for lease in leases] == ["gpu 1", "gpu 3"]
    assert slots.lease(slots.find("all")) is None
    held.release()


def test_auto_waits_until_so_many_are_free(gpus, monkeypatch, capsys):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    held = lease_all(slots.find("all"))
    monkeypatch.setattr(slots.time, "sleep", lambda _: held.pop().release())
    assert [lease.slot.name for lease in slots.use("auto:2")] == ["gpu 1", "gpu 3"]
    assert capsys.readouterr().out.count("waiting") == 1


def test_auto_is_one_gpu_or_all_cores_that_are_free(gpus, monkeypatch, capsys):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert [lease.slot.name for lease in slots.use("auto")] == ["gpu 0"]
    gpus.clear()
    del os.environ["CUDA_VISIBLE_DEVICES"]
    monkeypatch.setattr(slots, "CPU_MEMORY", 1)
    monkeypatch.setattr(slots, "cores", lambda: [4, 5, 6])
    confined = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, own: confined.append(own))
    with contextlib.ExitStack() as held:
        held.callback(slots.lease(slots.find("none")).release)
        leases = slots.use("auto")
        assert confined == [{5, 6}]
        assert "runs on cpu 1, cpu 2" in capsys.readouterr().out
        # Nothing is left: the next one waits.
        monkeypatch.setattr(slots.time, "sleep", lambda _: leases.pop().release())
        assert [lease.slot.name for lease in slots.use("auto")] == ["cpu 2"]
        assert "waiting for 1 of 3 slots of cores" in capsys.readouterr().out


@pytest.mark.parametrize("gpus_flag", ["auto:0", "auto:5", "auto:x", "automatic"])
def test_an_auto_that_can_never_be_is_refused(gpus, gpus_flag):
    with pytest.raises(UserError, match="auto:1 to auto:4"):
        slots.use(gpus_flag)


def test_named_gpus_are_used_without_a_lease(gpus, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert slots.use("1,2") == []
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1,2"
    slots.use("none")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert os.environ["JAX_PLATFORMS"] == "cpu"


def test_a_folder_of_locks_that_cannot_be_is_said(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(slots, "FOLDER", tmp_path / "file" / "locks")
    with pytest.raises(UserError, match="OCR_JAX_SLOTS"):
        slots.lease(slots.find("none", slots=1))
