"""The GPU benchmark, on a CPU: all parts run, what fails is told, rows are kept."""

import argparse
import math
import subprocess
import sys

import gpu
import gpu_learning
import gpu_report
import gpu_right
import pytest

from ocr_jax import workdirs


def rows_of(out, part):
    return [row for row in gpu_report.read(out) if row["part"] == part]


@pytest.fixture
def report(tmp_path):
    return gpu_report.Report(tmp_path, "steps", seconds=60.0)


def make_args(out, **changes):
    values = {"config": "configs/lines_ctc.py", "quick": True, "lines_file": None}
    return argparse.Namespace(out=out, training=[], **values | changes)


@pytest.mark.slow
def test_every_part_does_its_work_on_a_cpu_and_the_workdir_comes_back(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, gpu.__file__, "--quick", f"--out={out}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = gpu_report.read(out)
    assert {row["part"] for row in rows} == set(gpu.PARTS)
    assert not [row for row in rows if "failed" in str(row.get("result"))]
    right = rows_of(out, "right")
    # Two steps have a loss and a gradient, reading has logits and edits.
    assert len(right) == len(gpu_right.CHECKS) + 3
    assert {row["result"] for row in right} == {"right"}
    assert {row["by"] for row in rows_of(out, "steps")} >= {"cold", "ours"}
    tables = (out / "gpu.md").read_text()
    assert all(f"## {title}" in tables for title in gpu_report.TITLES.values())
    restore = f"cat {out}/run.tar.* | tar x -C {tmp_path}"
    subprocess.run(restore, shell=True, check=True)
    assert workdirs.scores(tmp_path / "run") is not None


def test_a_work_that_fails_is_a_row_and_the_next_one_is_done(report):
    def broken(report):
        raise ValueError("no such kernel\nand more")

    report.attempt("one", broken)
    report.attempt("two", lambda report: report.row(work="two", ms=1.23456))
    one, two = gpu_report.read(report.out)
    assert one["result"] == "failed: ValueError: no such kernel"
    assert two == {"part": "steps", "work": "two", "ms": 1.23456}
    assert "| two |  | 1.23 |" in (report.out / "gpu.md").read_text()


def test_a_work_without_time_is_left_out_and_says_so(tmp_path):
    report = gpu_report.Report(tmp_path, "steps", seconds=-1.0)
    report.attempt("late", lambda report: report.row(work="late"))
    [row] = gpu_report.read(tmp_path)
    assert row["result"] == "left out: no time"


@pytest.mark.slow
def test_a_part_that_fails_or_hangs_is_reported(tmp_path, monkeypatch):
    torn = tmp_path / "torn.h5"
    torn.write_bytes(b"no lines file")
    args = make_args(tmp_path, lines_file=torn)
    said = gpu._run_part(args, "learning", 60.0, tmp_path)
    assert said.startswith("failed with exit code 1: the training ended with exit code")
    monkeypatch.setattr(gpu, "GRACE", 0.0)
    assert gpu._run_part(args, "devices", 0.1, tmp_path) == "stopped after 0 s"


def test_an_unknown_option_or_a_missing_file_is_one_line(tmp_path, capsys):
    out = f"--out={tmp_path}"
    for argument in ("--minuts=3", "--lines_file=no.h5"):
        assert gpu.main([out, argument]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("off", "result"), [(1e-4, "right"), (1e-2, "OFF"), (math.nan, "OFF")]
)
def test_a_check_is_right_within_its_bound_only(report, off, result):
    gpu_right._say(report, "step", off, gpu_right.BOUND)
    assert gpu_report.read(report.out)[0]["result"] == result


def test_rows_of_an_earlier_run_make_way_and_torn_ones_are_left_out(tmp_path):
    for part in ("devices", "steps"):
        gpu_report.Report(tmp_path, part).row(work="old")
    with open(tmp_path / "gpu.jsonl", "a") as file:
        file.write('{"part": "devi')
    gpu_report.Report.begin(tmp_path, ["steps"])
    assert gpu_report.read(tmp_path) == [{"part": "devices", "work": "old"}]


def test_a_workdir_is_packed_in_pieces_that_may_travel(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_learning, "PIECE", 6_000)
    workdir = tmp_path / "run"
    workdir.mkdir()
    (workdir / "weights").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "run.tar.09").write_text("of an earlier run")
    count = gpu_learning.pack(workdir, tmp_path)
    pieces = sorted(tmp_path.glob("run.tar.*"))
    assert len(pieces) == count > 1
    assert max(piece.stat().st_size for piece in pieces) <= 6_000
