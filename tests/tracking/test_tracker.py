"""Metrics files across kills, plain and live output, W&B offline, failing and off."""

import io
import json
import subprocess
import sys
import time
import types

import numpy as np
import pytest

from ocr_jax import config as config_lib
from ocr_jax import workdirs
from ocr_jax.tracking import console, metrics_file, wandb_run
from ocr_jax.tracking.tracker import Tracker

SCORES = {"train/loss": 1.5, "validation/cer": 0.25, "validation/loss": float("nan")}


@pytest.fixture
def config(monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    config = config_lib.default_config()
    config.num_epochs = 4
    config.wandb.mode = "disabled"
    return config


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


class BrokenRun:
    """A W&B run in which every call fails."""

    id = "broken"
    offline = False

    def __getattr__(self, name):
        raise RuntimeError(f"no {name}\nfor you")


def run_epochs(workdir, config, *, first_step=1, last_step=4):
    """Log a step each, and an epoch every two steps."""
    with Tracker(workdir, config, first_step - 1) as tracker:
        for step in range(first_step, last_step + 1):
            tracker.log(step, {"train/loss": np.float32(1 / step)})
            tracker.progress(step / 2, {"train/loss": 1 / step})
            if step % 2 == 0:
                tracker.epoch(step, step // 2, SCORES, best=step == 2)


def steps_of(workdir):
    rows = metrics_file.read(workdir / metrics_file.NAME)
    return [(row["step"], row.get("epoch")) for row in rows]


def test_rows_hold_step_time_and_metrics_as_strict_json(tmp_path, config):
    run_epochs(tmp_path, config, last_step=2)
    lines = (tmp_path / metrics_file.NAME).read_text().splitlines()

    def refuse(name):
        raise AssertionError(name)

    rows = [json.loads(line, parse_constant=refuse) for line in lines]
    assert rows[0]["step"] == 1 and rows[0]["train/loss"] == 1.0
    assert rows[2]["epoch"] == 1 and rows[2]["best"] is True
    assert rows[2]["validation/loss"] is None
    assert all(row["time"] > 1e9 for row in rows)


def test_resuming_logs_each_step_once_and_drops_a_torn_line(tmp_path, config):
    run_epochs(tmp_path, config, last_step=4)
    with open(tmp_path / metrics_file.NAME, "a") as file:
        file.write('{"step": 5, "train/lo')
    run_epochs(tmp_path, config, first_step=3, last_step=6)
    logged = [(1, None), (2, None), (2, 1), (3, None), (4, None), (4, 2)]
    assert steps_of(tmp_path) == [*logged, (5, None), (6, None), (6, 3)]
    assert [path.name for path in tmp_path.iterdir()] == [metrics_file.NAME]


def test_a_row_without_its_step_is_forgotten(tmp_path):
    path = tmp_path / metrics_file.NAME
    path.write_text('{"step": 1}\n{}\n{"step": null}\n{"step": 3}\n')
    metrics_file.forget_after(path, 2)
    assert metrics_file.read(path) == [{"step": 1}]


def test_only_the_main_process_prints_and_writes(tmp_path, config, capsys):
    config.wandb.mode = "offline"
    with Tracker(tmp_path, config, is_main=False) as tracker:
        tracker.log(1, {"train/loss": 1.0})
        tracker.progress(0.5, {})
        tracker.epoch(1, 1, SCORES, best=True)
        tracker.readings(1, [])
        tracker.model(tmp_path, "best", {})
        tracker.message("hello")
    assert capsys.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_plain_output_is_a_header_and_a_line_an_epoch(
    tmp_path, config, capsys, monkeypatch
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    run_epochs(tmp_path, config)
    output = capsys.readouterr().out
    assert "\x1b" not in output and "\r" not in output
    lines = output.splitlines()
    assert [line.split()[0] for line in lines] == ["epoch", "1", "2"]
    assert lines[1].split()[:4] == ["1", "1.500", console.ABSENT, "25.00%"]
    assert lines[1].endswith("*") and not lines[2].endswith("*")


def test_plain_progress_is_a_line_every_half_minute(monkeypatch):
    now, stream = [1000.0], io.StringIO()
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    display = console.Display(4, stream)
    for step in range(1, 17):
        now[0] += 10.0
        display.progress(step / 4, {"train/loss": 2.0, "train/lines_per_second": 8.0})
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0] == "epoch 1/4 (75%)  loss 2.000  8.0 lines/s  ETA 2m10s"


def test_a_terminal_shows_a_bar_and_keeps_messages_whole(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    display = console.Display(2, stream)
    display.progress(0.5, {"train/loss": 1.0})
    display.message("[bold] stays as it is")
    display.epoch(1, SCORES, True)
    display.epoch(2, SCORES, False)
    display.close()
    output = stream.getvalue()
    assert "\x1b[" in output and "epoch 1/2 (50%)" in output
    assert "[bold] stays as it is" in output
    assert output.count("val loss") == 1


def test_durations_and_absent_values():
    shown = [console.duration(seconds) for seconds in (7.4, 65, 12000, float("inf"))]
    assert shown == ["7s", "1m05s", "3h20m", console.ABSENT]
    values = (None, float("nan"), float("inf"), 0.5)
    assert [console.shown(value, "{:.0%}") for value in values] == [
        "–",
        "–",
        "–",
        "50%",
    ]


def test_wandb_offline_logs_and_a_resumed_run_keeps_its_id(tmp_path, config, capsys):
    pytest.importorskip("wandb")
    workdir = tmp_path / "run"
    workdir.mkdir()
    best = workdir / "checkpoints" / "best" / "7"
    best.mkdir(parents=True)
    (best / "weights").write_bytes(b"1")
    for name in ("config.json", "dataset.json", "calibration.json"):
        (workdir / name).write_text("{}")
    workdirs.write_json(workdir / "environment.json", {"commit": "0a1b2c"})
    config.wandb.mode = "offline"
    ids = []
    for step in (1, 2):
        with Tracker(workdir, config, step - 1) as tracker:
            tracker.log(step, {"train/loss": 1.0})
            image = np.zeros((8, 20), np.uint8)
            tracker.readings(step, [("line-1", image, "abc", "abd")])
            tracker.model(best, "tiny-best", {"epoch": 1})
            ids.append(tracker._wandb.id)
    output = capsys.readouterr().out
    assert ids[0] == ids[1] is not None
    assert list(workdir.glob(f"wandb/offline-run-*-{ids[0]}/*.wandb"))
    assert output.count("wandb sync") == 2 and len(output.splitlines()) == 2
    wanted = (
        b"checkpoints/best/7/weights",
        b"config.json",
        b"dataset.json",
        b"calibration.json",
        b"0a1b2c",
    )
    for log in workdir.glob("wandb/offline-run-*/*.wandb"):
        end = time.monotonic() + 30  # wandb writes on for a moment after finish
        while not all(word in log.read_bytes() for word in wanted):
            assert time.monotonic() < end, log.read_bytes()
            time.sleep(0.05)


def test_wandb_auto_without_a_login_is_offline(tmp_path, config, capsys, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    config.wandb.mode = "auto"
    with Tracker(tmp_path, config):
        pass
    assert f"wandb sync {tmp_path}/wandb/offline-*" in capsys.readouterr().out


def test_a_run_of_a_sweeps_agent_is_the_one_that_the_agent_named(
    tmp_path, config, monkeypatch
):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_RUN_ID", "of-agent")
    config.wandb.mode = "offline"
    workdir = tmp_path / "with a blank"
    workdir.mkdir()
    with Tracker(workdir, config) as tracker:
        assert tracker._wandb.id == "of-agent"


def test_an_id_that_was_torn_is_made_anew_and_kept(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)
    (tmp_path / "run_id").touch()
    made = wandb_run._run_id(tmp_path)
    assert made and wandb_run._run_id(tmp_path) == made


@pytest.mark.parametrize("call", ["log", "readings", "model", "finish"])
def test_a_failing_wandb_is_told_once_and_stops_nothing(
    tmp_path, config, monkeypatch, call
):
    monkeypatch.setattr(wandb_run.WandbRun, "_start", lambda *_: BrokenRun())
    config.wandb.mode, said = "online", []
    run = wandb_run.WandbRun(tmp_path, config, said.append)
    arguments = {
        "log": (1, {}),
        "readings": (1, []),
        "model": (tmp_path, "a", {}),
        "finish": (0,),
    }
    for name in (call, *arguments):
        getattr(run, name)(*arguments[name])
    assert len(said) == 1 and said[0].startswith("W&B failed: RuntimeError")
    then = "to upload the rest: wandb sync" if call == "finish" else "continues without"
    assert then in said[0] and "\n" not in said[0]


def test_a_wandb_that_is_not_installed_is_told_once(
    tmp_path, config, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "wandb", None)
    config.wandb.mode = "auto"
    run_epochs(tmp_path, config)
    assert capsys.readouterr().out.count("W&B failed") == 1
    assert len(steps_of(tmp_path)) == 6


def test_the_variable_wandb_mode_overrides_the_config(tmp_path, config, monkeypatch):
    monkeypatch.setattr(
        wandb_run.WandbRun, "_start", lambda *args: types.SimpleNamespace(id=args[-1])
    )
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert wandb_run.WandbRun(tmp_path, config, print).id == "offline"
    config.wandb.mode = "online"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert wandb_run.WandbRun(tmp_path, config, print).id is None


def test_mode_disabled_imports_neither_wandb_nor_jax(tmp_path):
    code = (
        "import sys\n"
        "from ocr_jax import config\n"
        "from ocr_jax.tracking.tracker import Tracker\n"
        "config = config.default_config()\n"
        "config.wandb.mode = 'disabled'\n"
        f"with Tracker({str(tmp_path)!r}, config) as tracker:\n"
        "    tracker.log(1, {'train/loss': 1.0})\n"
        "print({'wandb', 'jax'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
