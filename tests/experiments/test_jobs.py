"""Experiments files: what they expand to, and what is refused before anything runs."""

import shlex
import subprocess
import sys

import pytest
from launching import jobs

from ocr_jax import config as config_lib
from ocr_jax.errors import UserError


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A folder with one config file, to write experiments files to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.py").write_text(
        "from ocr_jax.config import default_config\n"
        "def get_config():\n"
        "    return default_config()\n"
    )


def read(text):
    with open("mine.yaml", "w", encoding="utf-8") as file:
        file.write(text)
    return jobs.read("mine.yaml")


def overrides(job):
    """What a job's command sets, as main would read it."""
    arguments = [a for a in job.command if a.startswith("--config")]
    config = config_lib.load(arguments)
    return dict(
        change.split(": ", 1)
        for change in config_lib.differences(config_lib.default_config(), config)
    )


def test_a_job_is_a_config_with_overrides_in_the_folder_of_its_group():
    [job] = read("""
        group: my group
        jobs:
          - config: tiny.py
            name: small
            overrides: {lstm_dim: 32, augment: {noise: 0.1}, conv_channels: [8, 16]}
    """)
    assert job.name == "small" and str(job.workdir) == "runs/my_group/small"
    assert job.command[:3] == (sys.executable, "-m", "ocr_jax.main")
    assert job.command[-1] == "--workdir=runs/my_group/small"
    assert job.num_epochs == 50
    assert overrides(job) == {
        "augment.noise": "0.0 → 0.1",
        "conv_channels": "[16, 32, 64, 128] → [8, 16]",
        "experiment_group": "'' → 'my group'",
        "lstm_dim": "128 → 32",
    }


def test_a_grid_makes_one_job_per_combination_named_after_it():
    found = read("""
        jobs:
          - config: tiny.py
            overrides: {dropout: 0.5}
            grid: {lstm_dim: [16, 32], bidirectional: [true, false]}
    """)
    assert [job.name for job in found] == [
        "tiny,dropout=0.5,lstm_dim=16,bidirectional=True",
        "tiny,dropout=0.5,lstm_dim=16,bidirectional=False",
        "tiny,dropout=0.5,lstm_dim=32,bidirectional=True",
        "tiny,dropout=0.5,lstm_dim=32,bidirectional=False",
    ]
    assert found[0].workdir.parent.name == "mine"
    assert overrides(found[3])["bidirectional"] == "True → False"


def test_workdirs_stay_below_runs_and_differ_even_for_long_names():
    [job] = read("{group: .., jobs: [{config: tiny.py, name: ../..}]}")
    assert str(job.workdir) == "runs/_/_"
    base = f"jobs: [{{config: tiny.py, name: {'x' * 200}"
    found = read(base + ", grid: {lstm_dim: [16, 32]}}]")
    assert len({job.workdir for job in found}) == 2
    assert {len(job.workdir.name) for job in found} == {jobs.LONGEST_NAME}


def test_a_jobs_own_overrides_win_over_those_of_the_file():
    first, second = read("""
        overrides: {num_epochs: 3, dropout: 0.1}
        jobs:
          - {config: tiny.py, name: a}
          - {config: tiny.py, name: b, overrides: {dropout: 0.4}}
    """)
    assert overrides(first)["num_epochs"] == overrides(second)["num_epochs"]
    assert overrides(first)["dropout"] == "0.2 → 0.1"
    assert overrides(second)["dropout"] == "0.2 → 0.4"
    assert first.num_epochs == 3


def test_a_value_reaches_the_training_as_written():
    job, other = read("""
        jobs:
          - config: tiny.py
            name: odd
            overrides: {prepare_args: "fonts --lines=3 --seed=1", charset: "a b'c"}
          - {config: tiny.py, overrides: {charset: 120, name: "0123", init_from: }}
    """)
    assert overrides(other)["charset"].endswith("'120'")
    assert overrides(other)["name"].endswith("'0123'")
    changes = overrides(job)
    assert changes["prepare_args"].endswith("'fonts --lines=3 --seed=1'")
    assert changes["charset"].endswith('"a b\'c"')
    echoed = subprocess.check_output(
        ["sh", "-c", "printf '%s\\n' " + shlex.join(job.command)], text=True
    )
    assert echoed.splitlines() == list(job.command)


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("jobs: [{config: tiny.py, overrides: {lstm_di: 3}}]", "job 1: .*lstm_dim"),
        ("jobs: [{config: tiny.py, overrides: {lstm_dim: many}}]", "job 1: .*many"),
        ("jobs: [{config: tiny.py, grid: {dropout: [0.1, 7]}}]", "dropout is 7"),
        ("jobs: [{config: absent.py}]", r"job 1: --config=absent\.py: no such"),
        ("jobs: [{config: tiny.py, override: {}}]", "did you mean 'overrides'"),
        ("job: [{config: tiny.py}]", "'job': did you mean 'jobs'"),
        ("jobs: [{overrides: {}}]", "names no config"),
        ("jobs: [tiny.py]", "expected `config:`"),
        ("jobs: []", "no list of jobs"),
        ("group: a", "no list of jobs"),
        ("", "has no keys"),
        ("jobs: [{config: tiny.py, grid: {lstm_dim: 3}}]", "needs a list"),
        ("jobs: [{config: tiny.py, grid: [1]}]", "expected keys and values"),
        (
            "jobs: [{config: tiny.py, overrides: {augment: {noise: 0}}, "
            "grid: {augment: {noise: [0, 0.1]}}}]",
            r"job 1: augment\.noise stands in overrides and in grid: leave one out",
        ),
        ("jobs: [{config: tiny.py}, {config: tiny.py}]", "two jobs are called 'tiny'"),
        ("jobs: [", "not YAML: .*line 1"),
        ("group: a\njobs: [tiny.py]\ngroup: b", "'group' stands twice.*line 3"),
        ("jobs: [{config: tiny.py, overrides: {seed: 1, seed: 2}}]", "'seed' stands"),
        ("jobs: [{config: tiny.py, overrides: {charset: 0123}}]", "0123 is another"),
        ("jobs: [{config: tiny.py, overrides: {charset: 1.50}}]", "charset is 1.5 in"),
        ("jobs: [{config: tiny.py, grid: {name: [yes]}}]", "job 1: name is True in Y"),
        ("jobs: [{config: tiny.py, name: yes}]", "job 1: name is True in YAML"),
        ("jobs: [{config: tiny.py, overrides: {lstm_dim: }}]", "lstm_dim is empty"),
        ("jobs: [{config: tiny.py, overrides: {charset: (a,4,b)}}]", r"\(8, 16\)"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_refused_with_its_place(text, complaint):
    with pytest.raises(UserError, match=complaint) as refusal:
        read(text)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_reported():
    with pytest.raises(UserError, match=r"none\.yaml can't be read: No such file"):
        jobs.read("none.yaml")


def test_the_sample_has_three_recognisers(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    found = jobs.read("experiments/sample.yaml")
    assert [job.name for job in found] == [
        "emnist_mlp,num_layers=2",
        "emnist_mlp,num_layers=4",
        "emnist_lenet",
    ]


def test_each_job_of_the_ablation_leaves_out_one_part(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    whole, *others = jobs.read("experiments/studies/ablation.yaml")
    assert whole.name == "whole_0"
    own = [set(job.command) - set(whole.command) for job in others]
    assert all(len(arguments) > 1 for arguments in own)  # --workdir, and what differs
    assert "--config.init_from=" in own[0]


@pytest.mark.parametrize("entry", ["overrides: {average: 0.9}", "grid: {average: [1]}"])
def test_an_old_name_of_a_key_is_refused_with_the_new_one(entry):
    message = "mine.yaml, job 1: config.average is now config.ema_decay"
    with pytest.raises(UserError, match=f"^{message}$"):
        read(f"jobs: [{{config: tiny.py, {entry}}}]")
