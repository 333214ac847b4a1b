"""Finds free accelerators and cores, and leases them.

A slot is room for one training: a GPU, some cores, or a share of either. It is leased
by machine-wide file locks, so two launchers, or a launcher and `--gpus=auto:1`, never
hold the same slot. The kernel drops a lock when the last process that holds it ends,
however it ends. This module must not import jax: a slot's environment comes first.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ocr_jax import locks
from ocr_jax.errors import UserError

# Not in $TMPDIR, which differs between the jobs of a batch system.
FOLDER = Path(os.environ.get("OCR_JAX_SLOTS", "/tmp/ocr_jax_slots"))
# The share of a GPU's memory that several trainings on it preallocate together.
SHARED_MEMORY = 0.9
# The memory, in bytes, that a training on a CPU may need.
CPU_MEMORY = 4 << 30


class Device(NamedTuple):
    """A GPU or a core; busy() reports whether a process outside ocr_jax uses it."""

    name: str
    busy: Callable[[], bool] = lambda: False


class Slot(NamedTuple):
    """Room for one training: the `share`-th of `shares` of each of its devices."""

    name: str
    devices: tuple[Device, ...]
    share: int
    shares: int
    environment: dict[str, str]
    cores: frozenset[int] = frozenset()  # the cores to run on; empty: any

    def confine(self):
        """Restrict this process to the slot's cores; call before starting threads."""
        if self.cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.cores)


class Lease:
    """A slot, held until `release` or the end of the last process with `files` open."""

    def __init__(self, slot: Slot, files: list[int]):
        self.slot = slot
        self.files = files

    def release(self):
        """Close the files here; a process that inherited them keeps the lease."""
        while self.files:
            os.close(self.files.pop())


def find(
    gpus: str = "all", *, jobs_per_gpu: int = 1, slots: int = 0, busy_above: float = 0.5
) -> list[Slot]:
    """Return the slots of this machine.

    gpus: "all" (the CPU if there are none), "none", or indices such as "0,1,3".
    slots: the number of CPU slots; 0: one per core, as far as memory allows.
    busy_above: a GPU with a larger share of its memory in use counts as busy.
    Raises UserError if a GPU does not exist.
    """
    if jobs_per_gpu < 1 or slots < 0:
        raise UserError(
            f"--jobs_per_gpu={jobs_per_gpu} --slots={slots}: expected 1 or more"
        )
    chosen = [] if gpus == "none" else _gpus(busy_above)
    if gpus not in ("all", "none"):
        chosen = [_pick(chosen, index.strip()) for index in gpus.split(",")]
    if not chosen:
        return _cpu_slots(slots)
    if slots:
        raise UserError(f"--slots={slots} divides the CPU: add --gpus=none")
    shares = range(jobs_per_gpu)
    return [_gpu_slot(gpu, share, jobs_per_gpu) for share in shares for gpu in chosen]


def lease(slots: list[Slot]) -> Lease | None:
    """Lease the first free slot; return None if all are taken."""
    return next(filter(None, map(_lease_one, slots)), None)


def use(gpus: str) -> list[Lease]:
    """Restrict this process to the GPUs of main's --gpus; return leases to keep.

    gpus: as in `find`; "auto:N" to wait for the first N free ones; or "auto" for one,
    and without GPUs for all cores that are free.
    """
    leases = _lease_free(gpus) if gpus.startswith("auto") else []
    slots = [lease.slot for lease in leases] or find(gpus)
    visible = [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in slots]
    own_cores = frozenset().union(*(slot.cores for slot in slots))
    slots[0]._replace(cores=own_cores).confine()
    os.environ |= slots[0].environment
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(filter(None, visible))
    return leases


def _lease_free(gpus: str, seconds: float = 1.0) -> list[Lease]:
    """Lease the slots of "auto:N" all at once: holding only some would block others."""
    slots = find("all")
    count = gpus.removeprefix("auto").removeprefix(":") or "1"
    if not count.isdecimal() or not 1 <= int(count) <= len(slots):
        raise UserError(f"--gpus={gpus}: expected auto:1 to auto:{len(slots)}")
    kind = "slots of cores" if slots[0].cores else "GPUs"
    least = int(count)
    most = len(slots) if gpus == "auto" and slots[0].cores else least
    announced = False
    while True:
        leases = [lease for slot in slots if (lease := _lease_one(slot))]
        for spare in leases[most:]:
            spare.release()
        if len(leases) >= least:
            if len(leases) < most:
                names = ", ".join(lease.slot.name for lease in leases)
                print(f"--gpus={gpus}: others are busy, runs on {names}.", flush=True)
            return leases[:most]
        for partial in leases:
            partial.release()
        if not announced:
            free = f"{count} of {len(slots)} {kind}"
            print(f"--gpus={gpus}: waiting for {free} to be free.", flush=True)
        announced = True
        time.sleep(seconds)


def _lease_one(slot: Slot) -> Lease | None:
    lease = Lease(slot, [])
    with _one_at_a_time():
        try:
            for device in slot.devices:
                _lock(device, slot, lease.files)
        except BlockingIOError:
            lease.release()
            return None
    return lease


@contextlib.contextmanager
def _one_at_a_time():
    """Keep everybody else on this machine from taking or trying a lock."""
    turn = _open("turn")
    try:
        _flock(turn, fcntl.LOCK_EX)
        yield
    finally:
        os.close(turn)


def _lock(device: Device, slot: Slot, files: list[int]):
    """Lock a device, or a share of it, into `files`.

    A whole device takes an exclusive lock on its file. A share takes a shared lock on
    it, another on the file of that number of shares, and an exclusive lock on a file of
    its own. Raises BlockingIOError if the device is taken.
    """
    files.append(_open(device.name))
    alone = _try_lock(files[-1], fcntl.LOCK_EX)
    # If ocr_jax already runs on the device, its memory use does not show strangers.
    if (not alone and slot.shares == 1) or (alone and device.busy()):
        raise BlockingIOError
    if slot.shares > 1:
        _flock(files[-1], fcntl.LOCK_SH | fcntl.LOCK_NB)
        files.append(_open(f"{device.name}.of{slot.shares}"))
        # Halves and thirds together could exceed the whole.
        if _try_lock(files[-1], fcntl.LOCK_EX) and not alone:
            raise BlockingIOError
        _flock(files[-1], fcntl.LOCK_SH | fcntl.LOCK_NB)
        files.append(_open(f"{device.name}.{slot.share}"))
        _flock(files[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)


def _try_lock(file: int, kind: int) -> bool:
    try:
        _flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _flock(file: int, kind: int):
    lost = f"slots may be taken twice: set OCR_JAX_SLOTS, {FOLDER} now, to a local disk"
    locks.take(file, kind, lost, inherited=True)


def _open(name: str) -> int:
    """Open the lock file of that name, which all users of the machine share."""
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        if FOLDER.stat().st_uid == os.geteuid():
            FOLDER.chmod(0o1777)
        try:
            # In a sticky folder Linux may forbid O_CREAT on another user's file.
            return os.open(FOLDER / name, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return os.open(
                FOLDER / name, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644
            )
    except OSError as error:
        raise UserError(
            f"cannot use the folder of slot locks, {FOLDER} ({error.strerror}): set "
            "OCR_JAX_SLOTS to a writable folder"
        ) from None


def _gpus(busy_above: float) -> list[tuple[str, Device]]:
    """Return (index, device) of the GPUs that NVML and CUDA_VISIBLE_DEVICES allow."""
    import pynvml

    def device(handle) -> Device:
        def busy() -> bool:
            try:
                memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            except pynvml.NVMLError:  # some GPUs don't tell
                return False
            return memory.used / memory.total > busy_above

        return Device(pynvml.nvmlDeviceGetUUID(handle), busy)

    try:
        pynvml.nvmlInit()
        handles = map(
            pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount())
        )
        gpus = [(str(index), device(handle)) for index, handle in enumerate(handles)]
    except pynvml.NVMLError:
        return []
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is None:
        return gpus
    known = {name: gpu for gpu in gpus for name in (gpu[0], gpu[1].name)}
    names = [name.strip() for name in visible.split(",")]
    # NVML does not list the parts of a GPU (MIG) as GPUs.
    return [known.get(n, (n, Device(n))) for n in names if n not in ("", "-1")]


def _pick(gpus: list[tuple[str, Device]], index: str) -> tuple[str, Device]:
    for gpu in gpus:
        if gpu[0] == index:
            return gpu
    available = ", ".join(index for index, _ in gpus) or "none"
    raise UserError(f"there is no GPU {index!r} here; available: {available}")


def _gpu_slot(gpu: tuple[str, Device], share: int, shares: int) -> Slot:
    index, device = gpu
    # Use the order of NVML, which differs from CUDA's default.
    environment = {"CUDA_VISIBLE_DEVICES": index, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    if shares > 1:
        environment["XLA_CLIENT_MEM_FRACTION"] = f"{SHARED_MEMORY / shares:.3f}"
    name = f"gpu {index}" + (f" {share + 1}/{shares}" if shares > 1 else "")
    return Slot(name, (device,), share, shares, environment)


def _cpu_slots(count: int) -> list[Slot]:
    """Divide the cores among `count` slots; slots share cores if these are fewer."""
    all_cores = cores()
    count = count or min(len(all_cores), max(1, _memory() // CPU_MEMORY))
    shares = -(-count // len(all_cores))
    slots = []
    for number in range(count):
        start, end = (n * len(all_cores) // count for n in (number, number + 1))
        own = all_cores[start:end] or all_cores[start : start + 1]
        share = number - -(-start * count // len(all_cores)) if shares > 1 else 0
        environment = {
            "CUDA_VISIBLE_DEVICES": "",
            "JAX_PLATFORMS": "cpu",
        }
        devices = tuple(Device(f"core{core}") for core in own)
        name = f"cpu {number}"
        slots.append(Slot(name, devices, share, shares, environment, frozenset(own)))
    return slots


def cores() -> list[int]:
    """Return the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _memory() -> int:
    """Return this machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
