"""The table and the picture of what a few lines are worth."""

import copy
import shutil
import subprocess
import sys

import PIL.Image

from ocr_jax import workdirs
from tests import fixtures

SCRIPT = "experiments/studies/few_lines.py"


def few_lines(*arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True
    )


def test_a_finished_run_has_its_lines_and_its_cer(finished, tmp_path):
    _, workdir, scores = finished
    done = few_lines(workdir, "--before=0.5", f"--out={tmp_path / 'few.png'}")
    assert done.returncode == 0, done.stderr
    cer = scores["validation"]["summary"]["cer"]
    assert f"| nothing | 40 | 1 | {cer:.1%} (" in done.stdout
    assert PIL.Image.open(tmp_path / "few.png").size > (500, 300)


def test_runs_of_as_many_lines_are_one_point(finished, tmp_path):
    _, workdir, scores = finished
    other = shutil.copytree(workdir, tmp_path / "other")
    of_other = copy.deepcopy(scores)
    of_other["validation"]["summary"]["cer"] += 0.2
    workdirs.write_json(other / "scores.json", of_other)
    done = few_lines(workdir, other, f"--out={tmp_path / 'few.png'}")
    assert done.returncode == 0, done.stderr
    cer = scores["validation"]["summary"]["cer"]
    [row] = done.stdout.splitlines()[2:]
    assert row.startswith(f"| nothing | 40 | 2 | {cer + 0.1:.1%} (")
    assert row.endswith(f"| {cer:.1%} – {cer + 0.2:.1%} |")


def test_mistakes_are_one_line(finished, tmp_path):
    half = fixtures.make_unfinished(tmp_path / "half")
    for arguments, message in (
        ([half, "--out=few.png"], f"{half} has no final scores yet"),
        ([tmp_path, "--out=few.png"], f"{tmp_path} is not a workdir"),
        ([half, "--before=20.2", "--out=few.png"], "expected a CER from 0 to 1"),
        ([finished[1], f"--out={tmp_path}/no/few.png"], "No such file or directory"),
    ):
        done = few_lines(*arguments)
        assert done.returncode == 2
        assert message in done.stderr and done.stderr.count("\n") == 1
