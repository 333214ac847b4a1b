"""The table and the picture of what a few lines are worth."""

import subprocess
import sys

import PIL.Image

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
    assert f"| nothing | 40 | {cer:.1%} (" in done.stdout
    assert PIL.Image.open(tmp_path / "few.png").size > (500, 300)


def test_a_run_without_scores_is_named(tmp_path):
    done = few_lines(tmp_path, f"--out={tmp_path / 'few.png'}")
    assert done.returncode == 2
    assert f"{tmp_path} has no final scores yet" in done.stderr
