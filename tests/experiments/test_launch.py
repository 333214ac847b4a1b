"""The launcher's command line."""

import json
import pathlib
import re
import subprocess
import sys

import launch
import pytest
from launching import job_status, jobs

from ocr_jax import config as config_lib
from ocr_jax import workdirs

LAUNCH = pathlib.Path(launch.__file__)
CONFIG = """
from tests import fixtures
def get_config():
    config = fixtures.make_tiny_config({path!r})
    config.num_epochs = 1
    config.lstm_layers = 0  # as it is
    return config
"""


@pytest.fixture
def project(tmp_path, tiny_lines, monkeypatch):
    """A folder with tiny.py, which trains an epoch, and two.yaml, two jobs of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(LAUNCH.parents[1]))
    (tmp_path / "tiny.py").write_text(CONFIG.format(path=str(tiny_lines)))
    (tmp_path / "two.yaml").write_text(
        "jobs: [{config: tiny.py, grid: {seed: [1, 2]}}]"
    )
    return tmp_path


def command(*arguments):
    return subprocess.run(
        [sys.executable, LAUNCH, *arguments], capture_output=True, text=True
    )


@pytest.mark.slow
def test_two_trainings_run_on_two_slots_and_are_skipped_the_second_time(project):
    done = command("two.yaml", "--gpus=none", "--slots=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "2 finished"
    folders = sorted((project / "runs" / "two").iterdir())
    assert [f.name for f in folders] == ["tiny,seed=1", "tiny,seed=2"]
    for folder in folders:
        cer = workdirs.scores(folder)["validation"]["summary"]["cer"]
        status = workdirs.read_json(folder / "status.json")
        assert status["metrics"]["validation/cer"] == pytest.approx(cer)
        assert "parameters" in (folder / "log.txt").read_text()
    again = command("two.yaml", "--gpus=none", "--slots=2")
    assert again.returncode == 0 and "running" not in again.stdout


def test_a_dry_run_prints_one_command_per_job_and_writes_nothing(project):
    done = command("two.yaml", "--dry_run")
    first, second = done.stdout.splitlines()
    assert first.endswith(" --workdir=runs/two/tiny,seed=1 --gpus=auto:1")
    assert "--config.seed=2" in second
    assert not (project / "runs").exists()


@pytest.mark.parametrize(
    ("gpus", "begin", "end"),
    [
        ("all", "", "auto:1"),
        ("0,1", "CUDA_VISIBLE_DEVICES=0,1 ", "auto:1"),
        ("0, 1", "CUDA_VISIBLE_DEVICES='0, 1' ", "auto:1"),
        ("none", "CUDA_VISIBLE_DEVICES= ", "auto:1"),
    ],
)
def test_a_printed_command_takes_one_free_gpu_of_those_named(
    project, capsys, gpus, begin, end
):
    assert launch.main(["two.yaml", "--dry_run", f"--gpus={gpus}"]) == 0
    [line, _] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{begin}{sys.executable} -m ocr_jax.main --config=tiny.py")
    assert line.endswith(f" --gpus={end}")


def test_an_invalid_job_is_reported_before_any_starts(project):
    (project / "bad.yaml").write_text(
        "jobs: [{config: tiny.py}, {config: tiny.py, overrides: {dropout: 2}}]"
    )
    done = command("bad.yaml", "--gpus=none")
    assert done.returncode == 2 and not (project / "runs").exists()
    assert done.stderr.splitlines() == [
        "ocr_jax: bad.yaml, job 2: config.dropout is 2.0: expected 0 to 0.95"
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gpus=none"], "runs/two/tiny,seed=1 can't be written to: Not a dir"),
        (
            ["--executor=ray", "--jobs_per_gpu=0"],
            "--jobs_per_gpu=0: expected 1 or more",
        ),
        (["--ray_address=auto"], "--ray_address=auto is for --executor=ray: add that"),
        (["--executor=ray", "--gpus=0"], "--gpus=0 is for --executor=local"),
        (["--executor=ray", "--slots=2"], "--slots=2 is for --executor=local"),
        (
            ["--executor=ray", "--busy_above=0.1"],
            "--busy_above=0.1 is for --executor=local",
        ),
        (["--timeout=nan"], "--retries and --timeout must be 0 or more"),
        (["--busy_above=-3"], "--busy_above=-3.0: expected 0 to 1"),
        (
            ["--gpus=none", "--jobs_per_gpu=2"],
            "--jobs_per_gpu=2 is for GPUs: with --gpus=none, use --slots",
        ),
    ],
)
def test_an_invalid_option_or_workdir_is_reported(project, capsys, options, message):
    (project / "runs").touch()
    assert launch.main(["two.yaml", *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def finish(job):
    """Leave what a finished training leaves, and what its launcher does."""
    [seed] = re.findall(r"seed=(\d+)$", job.name)
    config = config_lib.load(["--config=tiny.py", f"--config.seed={seed}"])
    job.workdir.mkdir(parents=True)
    workdirs.write_json(job.workdir / "config.json", config.to_dict())
    workdirs.write_json(job.workdir / "scores.json", {})
    job_status.write(job, job_status.Status(job.name, [*job.command], "finished"))
    return job


def test_an_edited_config_of_a_finished_job_is_reported_before_any_starts(
    project, capsys
):
    for job in jobs.read("two.yaml"):
        finish(job)
    assert launch.main(["two.yaml", "--gpus=none"]) == 0
    edited = (project / "tiny.py").read_text().replace("layers = 0 ", "layers = 1 ")
    (project / "tiny.py").write_text(edited + "# so that its size is another\n")
    capsys.readouterr()
    assert launch.main(["two.yaml", "--gpus=none"]) == 2
    assert capsys.readouterr().err == (
        "ocr_jax: runs/two/tiny,seed=1 holds a run of another config "
        "(lstm_layers: 0 → 1): give job 'tiny,seed=1' another `name:`\n"
    )


def test_a_finished_job_whose_config_was_given_more_epochs_is_not_done(project):
    assert job_status.done(finish(jobs.read("two.yaml")[0]))
    more = (
        (project / "tiny.py").read_text().replace("num_epochs = 1", "num_epochs = 12")
    )
    (project / "tiny.py").write_text(more)
    [job, _] = jobs.read("two.yaml")
    assert job_status.done(job) is None


def test_a_finished_job_that_somebody_began_anew_is_not_done(project):
    job = finish(jobs.read("two.yaml")[0])
    (job.workdir / "scores.json").unlink()  # as --overwrite does, and leaves its status
    assert job_status.done(job) is None


@pytest.mark.parametrize("program", ["launch", "sweep", "report"])
def test_importing_a_program_of_experiments_imports_no_jax(program):
    code = (
        f"import {program}, sys; print(*(n in sys.modules for n in ('jax', 'wandb')))"
    )
    seen = subprocess.check_output([sys.executable, "-c", code], cwd=LAUNCH.parent)
    assert seen == b"False False\n"


@pytest.mark.parametrize(
    "states, code",
    [
        (["finished", "finished"], 0),
        (["finished", "failed"], 1),
        (["stopped", "failed"], 1),
        (["finished", "stopped"], 130),
        (["finished", None], 130),
    ],
)
def test_the_exit_code_says_whether_all_jobs_are_finished(states, code):
    ended = [s and job_status.Status("a", [], state=s) for s in states]
    assert launch.exit_code(ended) == code


def test_a_finished_job_has_the_score_of_the_epoch_that_was_kept(tmp_path):
    assert job_status.final_metrics(tmp_path) == {}
    rows = [
        {"epoch": 1, "best": True, "validation/cer": 0.5},
        {"epoch": 2, "best": True, "validation/cer": 0.2},
        {"step": 9, "train/loss": 1.0},
        {"epoch": 3, "best": False, "validation/cer": 0.3},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "metrics.jsonl").write_text(text)
    kept = job_status.final_metrics(tmp_path)
    assert (kept["epoch"], kept["validation/cer"]) == (3, 0.2)
