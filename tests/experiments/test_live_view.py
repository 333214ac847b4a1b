"""The live view: plain lines, and a table on a terminal."""

import io
import json
import os
import pty
import time

import pytest
from launching import job_status, jobs, live_view

from ocr_jax import workdirs
from tests import fixtures


@pytest.fixture
def followed(tmp_path):
    """A job, running, whose second of ten epochs was logged just now."""
    job = jobs.Job("wide", ("true",), tmp_path, num_epochs=10)
    config = fixtures.make_tiny_config("x.h5")
    workdirs.write_json(tmp_path / "config.json", config.to_dict())
    row = (
        '{"step": 20, "epoch": 2, "validation/cer": 0.25, "validation/seconds": 10, '
        f'"train/lines_per_second": 41, "train/seconds": 50, "time": {time.time()}}}'
    )
    (tmp_path / "metrics.jsonl").write_text(row + "\n")
    return job, job_status.Status("wide", [], state="running", slot="gpu 1")


def test_each_change_is_a_line_if_output_is_not_a_terminal(followed):
    job, status = followed
    output = io.StringIO()
    with live_view.View([job, job._replace(name="later")], stream=output) as shown:
        shown.changed(job, status)
        status.state, status.metrics = "finished", {"validation/cer": 0.125}
        status.started, status.ended = 1000.0, 1065.0
        shown.changed(job, status)
    lines = [line.split(maxsplit=1)[1] for line in output.getvalue().splitlines()]
    assert lines[:2] == [
        "running    wide  on gpu 1",
        "finished   wide  CER 12.50%  1m05s",
    ]
    assert output.getvalue().splitlines()[-1] == "1 finished, 1 queued"
    assert "\x1b" not in output.getvalue()


def test_who_waits_for_a_slot_is_told_once_a_minute(followed, monkeypatch):
    monkeypatch.setattr(live_view, "SECONDS_BETWEEN_PLAIN_LINES", -1)
    job, status = followed
    output = io.StringIO()
    with live_view.View([job], stream=output) as shown:
        shown.tick()
        shown.changed(job, status)
        shown.tick()
    lines = output.getvalue().splitlines()
    assert lines[0] == "1 queued; waiting for a slot that others leave free"
    assert lines[2] == "1 running"


def test_a_finder_shows_its_own_score_and_epochs_that_its_pages_gave_it(followed):
    job, status = followed
    workdirs.write_json(job.workdir / "environment.json", {"num_epochs": 12})
    config = fixtures.make_tiny_config("x.h5")
    config.num_epochs = 0
    workdirs.write_json(job.workdir / "config.json", config.to_dict())
    row = {"epoch": 3, "validation/f1": 0.9371, "train/tiles_per_second": 2, "time": 0}
    (job.workdir / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    cells = live_view._cells(job._replace(num_epochs=None), status)
    assert cells[2:5] == ("3/12", "F1 0.937", "2.0 tiles/s")


def test_a_table_follows_the_jobs_on_a_terminal(followed):
    job, status = followed
    reading, writing = pty.openpty()
    with open(writing, "w") as terminal:
        with live_view.View([job], stream=terminal) as shown:
            shown.changed(job, status)
            shown.tick()
        terminal.flush()
        text = ""
        while "running" not in text:  # a terminal gives what it has, piece by piece
            text += os.read(reading, 100_000).decode()
    row = next(line for line in text.splitlines() if "wide" in line)
    for cell in (
        "wide",
        "gpu 1",
        "2/10",
        "CER 25.00%",
        "41.0 lines/s",
        "8m00s",
        "running",
    ):
        assert cell in row
