"""W&B's agents: as many as there are slots, and no search of our own."""

import shlex
import sys

import pytest
import sweep

AGENT = ("-m", "wandb", "agent", "--forward-signals", "me/ocr/abc")


@pytest.fixture
def started(monkeypatch, tmp_path):
    """The commands that three slots are given."""
    commands = []

    class Executor:
        room = 3

        def run(self, found, watcher):
            commands.extend(job.command[1:] for job in found)
            return {}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep.launch, "executor_of", lambda args: Executor())
    return commands


def test_one_agent_is_started_per_slot(started):
    assert sweep.main(["--agents", "me/ocr/abc"]) == 0
    assert started == [AGENT] * 3


def test_a_dry_run_prints_the_command_of_an_agent_and_starts_none(
    started, tmp_path, capsys
):
    assert sweep.main(["--agents", "me/ocr/abc", "--dry_run"]) == 0
    assert capsys.readouterr().out == shlex.join([sys.executable, *AGENT]) + "\n"
    assert not started and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "option", ["--trials=3", "--workdir=here", "--storage=sqlite:///a.db", "--seed=1"]
)
def test_options_of_a_search_are_refused_with_agents(started, capsys, option):
    assert sweep.main(["--agents", "me/ocr/abc", option]) == 2
    said = f"ocr_jax: {option} is not for --agents: W&B leads that search\n"
    assert capsys.readouterr().err == said
    assert not started
