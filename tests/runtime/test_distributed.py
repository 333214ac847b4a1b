"""One run in two processes on loopback: what it learns, how it stops, who speaks."""

import dataclasses
import os
import signal
import socket
import sys

import jax
import numpy as np
import pytest

from ocr_jax import claims, errors, rereading, train, trained, workdirs
from ocr_jax import config as config_lib
from ocr_jax.data import dataset, lines_writer, pipeline
from ocr_jax.errors import UserError
from ocr_jax.runtime import distributed
from tests import fixtures, forked

SLURM_TASK = {
    "SLURM_JOB_ID": "7",
    "SLURM_NTASKS": "2",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_NODELIST": "127.0.0.1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
}


@pytest.fixture
def start(tmp_path, tiny_config):
    """A function: (workdir, *overrides) → a process with two devices."""
    tiny_config.num_epochs = 2
    path = tmp_path / "config.py"
    fixtures.write_config(path, tiny_config)
    processes = []

    def start(workdir, *overrides, function=None, **environment):
        flags = os.environ["XLA_FLAGS"].replace("count=4", "count=2")
        process = forked.Main(
            f"--config={path}",
            f"--workdir={workdir}",
            *overrides,
            function=function,
            **{"XLA_FLAGS": flags} | environment,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()


def flags_of_two():
    """The flags of both processes of a run."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    return [[f"--config.processes={address},2,{number}"] for number in range(2)]


def ends(processes):
    """[exit codes], [standard outputs], [standard errors]."""
    said = [process.communicate(timeout=300) for process in processes]
    return [process.returncode for process in processes], *zip(*said, strict=True)


def stop_resume_and_fail(arguments):
    """In process 1, a Ctrl-C comes at the third batch; later, its disk is full then.

    A training is stopped, and goes on to its end; another one fails.
    """
    settings = config_lib.load([a for a in arguments if "--config" in a])
    workdir = next(a for a in arguments if "--workdir" in a).partition("=")[2]
    original = pipeline.batches

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    def fill_disk():
        raise OSError(28, "No space left on device")

    def run(workdir, at_third_batch):
        def batches(*args, **kwargs):
            for number, batch in enumerate(original(*args, **kwargs)):
                if number == 2 and settings.processes.endswith("1"):
                    at_third_batch()
                yield batch

        pipeline.batches = batches
        try:
            return errors.exit_code(
                lambda: not train.train_and_evaluate(settings, workdir)
            )
        except SystemExit as ended:
            return ended.code

    print("stopped with", run(workdir, interrupt), file=sys.stderr)
    print("ended with", run(workdir, int), file=sys.stderr)
    run(workdir + "_again", fill_disk)
    print("lived on", file=sys.stderr)


@pytest.mark.slow
def test_two_processes_read_dense_lines_at_the_widths_of_one(
    tmp_path, tiny_config, start
):
    path = tmp_path / "dense.h5"
    splits = {
        name: [
            dataclasses.replace(line, image=np.ascontiguousarray(line.image[:, ::2]))
            for line in fixtures.draw_lines(16, seed, name)
        ]
        for seed, name in enumerate(("train", "validation"))
    }
    lines_writer.write_lines(path, splits, height=fixtures.HEIGHT, source="test")
    changes = {"lines_file": str(path), "encoder": "upright_conv", "num_epochs": 4}
    tiny_config.update(changes)
    overrides = [f"--config.{key}={value}" for key, value in changes.items()]
    codes, _, complaints = ends(
        [start(tmp_path / "two", *flags, *overrides) for flags in flags_of_two()]
    )
    assert codes == [0, 0], complaints
    train.train_and_evaluate(tiny_config, tmp_path / "one")
    tables = [tmp_path / name / "readings_validation.tsv" for name in ("one", "two")]
    assert tables[0].read_text() == tables[1].read_text()
    run = trained.open_run(tmp_path / "one")
    split = dataset.load_unchanged(run.workdir, run.best.config).splits["validation"]
    of_run = run.logits_step, run.state, split, run.best.config, run.mesh
    surest = rereading.at_surest_widths(*of_run)
    assert (surest.widths > split.widths).any()


@pytest.mark.slow
def test_two_processes_stopped_and_resumed_end_like_one(
    tmp_path, tiny_config, start, finished
):
    """And where one of them fails, both end in its words, not in those of jax."""
    workdir, tiny_config.init_from = tmp_path / "two", str(finished[1])
    goes_on = f"--config.init_from={finished[1]}"
    codes, outputs, complaints = ends(
        [
            start(workdir, *flags, goes_on, function=stop_resume_and_fail)
            for flags in flags_of_two()
        ]
    )
    assert codes == [2, 2], complaints
    first, second = map(str.splitlines, complaints)
    assert "checkpoint written" in first[0] and len(first) == 4
    assert first[1:3] == ["stopped with 130", "ended with 0"]
    assert "process 1 aborted the run; see its output" in first[3]
    assert second[:2] == first[1:3], "process 1 leaves it to process 0"
    assert "The disk is full" in second[2] and len(second) == 3
    assert "resuming from step" in outputs[0] and "4 x cpu" in outputs[0]
    assert "validation scores" in outputs[0] and "validation" not in outputs[1]

    expected = train.train_and_evaluate(tiny_config, tmp_path / "one")
    for name in ("validation", "test"):
        for key, value in expected[name]["summary"].items():
            found = workdirs.scores(workdir)[name]["summary"][key]
            assert found == pytest.approx(value, abs=1e-5)
    one, two = (trained.load_best(tmp_path / name).state for name in ("one", "two"))
    for first, second in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-5)


def test_a_workdir_that_process_0_refuses_ends_both(tmp_path, tiny_config, start):
    """Joined by what Slurm says, which numbers its ports by the job."""
    other = config_lib.default_config()
    with claims.claim(tmp_path / "run", other):
        workdirs.check_dataset(tmp_path / "run", {"height": 16})
    job = {"SLURM_JOB_ID": str(os.getpid())}
    tasks = [SLURM_TASK | job | {"SLURM_PROCID": str(number)} for number in range(2)]
    codes, _, complaints = ends([start(tmp_path / "run", **task) for task in tasks])
    assert codes == [2, 2], complaints
    assert "holds a run of another config" in complaints[0]
    assert len(complaints[0].splitlines()) == 1 and complaints[1] == ""


def test_processes_of_two_configs_are_refused_by_the_one_that_differs(tmp_path, start):
    flags = flags_of_two()
    flags[1].append("--config.lstm_dim=17")
    codes, _, complaints = ends([start(tmp_path / "run", *each) for each in flags])
    assert codes == [2, 2], complaints
    assert "process 1 aborted the run" in complaints[0]
    assert "lstm_dim: 16 → 17" in complaints[1]


def test_a_process_that_does_not_see_the_workdir_says_so(tmp_path, start):
    workdirs_of_two = zip(("here", "there"), flags_of_two(), strict=True)
    codes, _, complaints = ends([start(tmp_path / w, *f) for w, f in workdirs_of_two])
    assert codes == [2, 2], complaints
    assert "a shared disk" in complaints[1]


@pytest.mark.parametrize(
    ("change", "joins"),
    [
        ({}, True),
        ({"SLURM_NTASKS": "1", "SLURM_STEP_NUM_TASKS": "1"}, False),
        ({"SLURM_STEP_NUM_TASKS": "1"}, False),  # the shell of salloc
        ({"SLURM_STEP_NUM_TASKS": None}, False),  # a batch script
        ({"SLURM_NTASKS": None, "SLURM_STEP_NUM_TASKS": None}, False),  # no Slurm
    ],
)
def test_slurm_is_believed_in_a_step_of_several_tasks_only(change, joins):
    environ = {k: v for k, v in (SLURM_TASK | change).items() if v is not None}
    found = distributed.join_arguments("", environ)
    assert found == ({"cluster_detection_method": "slurm"} if joins else None)
    assert distributed.join_arguments("alone", environ) is None


@pytest.mark.parametrize(
    ("change", "takes_all"),
    [
        ({"SLURM_STEP_NUM_NODES": "2"}, True),  # one task a node
        ({"SLURM_STEP_NUM_NODES": "1", "CUDA_VISIBLE_DEVICES": "3"}, True),
        ({"SLURM_STEP_NUM_NODES": "1", "CUDA_VISIBLE_DEVICES": "0,1"}, False),
        ({"SLURM_STEP_NUM_NODES": "1"}, False),
    ],
)
def test_a_task_of_slurm_takes_all_gpus_that_are_its_own(change, takes_all):
    assert SLURM_TASK["SLURM_NTASKS"] == "2"
    found = distributed.join_arguments("", SLURM_TASK | change)
    assert found.get("local_device_ids") == ([] if takes_all else None)


def test_a_coordinator_goes_before_slurm():
    arguments = distributed.join_arguments("10.0.0.1:4000,3,2", SLURM_TASK)
    assert arguments["coordinator_address"] == "10.0.0.1:4000"
    assert (arguments["num_processes"], arguments["process_id"]) == (3, 2)
    assert arguments["cluster_detection_method"] == "deactivate"


@pytest.mark.parametrize(
    ("processes", "message"),
    [
        ("node1,2,0", "expected HOST:PORT,COUNT,NUMBER"),
        ("node1:http,2,0", "expected HOST:PORT,COUNT,NUMBER"),
        (":4000,2,0", "expected HOST:PORT,COUNT,NUMBER"),
        ("node1:4000", "such as node0:4000,2,0"),
        ("node1:70000,2,0", "expected HOST:PORT,COUNT,NUMBER"),
        ("node1:4000,2,2", "expected a number from 0 to 1"),
    ],
)
def test_processes_that_make_no_sense_are_one_clear_line(processes, message):
    config = config_lib.default_config()
    config.processes = processes
    with pytest.raises(UserError, match=message):
        config_lib.check(config)


def test_where_a_run_is_computed_does_not_change_its_workdir():
    one, other = config_lib.default_config(), config_lib.default_config()
    other.processes = "node1:4000,2,0"
    assert workdirs.default_workdir(one) == workdirs.default_workdir(other)
