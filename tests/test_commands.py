"""Every command that a README, a docstring or a message shows is one that runs.

The commands are collected from the sources (printed_commands), so none can be missed.
Each is parsed by what it would start; those that take no time are run.
"""

import re
import subprocess
import sys

import pytest
from launching import jobs

from ocr_jax.errors import UserError
from tests import command_checks, printed_commands
from tests.printed_commands import ROOT, Printed

COMMANDS = printed_commands.all_commands()
# Of srun, wandb, git, ray, ruff and pip; --name=value stands for any flag.
FOREIGN_FLAGS = (
    "nodes ntasks gres kill head address forward porcelain no check name force"
)
SHOWS_SOMETHING = ("--help", "--dry_run")


@pytest.fixture(autouse=True)
def checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_what_a_command_names_exists(command):
    command_checks.check(command.words)


def test_commands_that_only_show_something_are_run():
    shown = [
        command
        for command in COMMANDS
        if command.words[-1] in SHOWS_SOMETHING or "--help" in command.words
        if not {"window.yaml", "COMMAND"} & set(command.words)
    ]
    assert len(shown) >= 3
    for command in shown:
        run = subprocess.run(
            [sys.executable, *command.words[1:]],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
        )
        assert run.returncode == 0 and run.stdout, f"{command}: {run.stderr}"
        if "--dry_run" in command.words:
            printed = run.stdout.replace(sys.executable, "python")
            for words in printed_commands.commands(printed):
                command_checks.check(words)


def test_the_experiments_file_that_is_explained_is_one(tmp_path):
    text = (ROOT / "experiments/README.md").read_text()
    [explained] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "window.yaml").write_text(explained)
    assert len(jobs.read(tmp_path / "window.yaml")) == 5


def test_flags_that_stand_alone_exist_and_their_config_keys_parse():
    known = command_checks.all_flags(COMMANDS) | set(FOREIGN_FLAGS.split())
    for where, text in printed_commands.texts():
        if " " not in text:
            continue  # an argument of git, say, not a sentence
        for name, value in printed_commands.flags(text):
            _, dot, key = name.partition(".")
            if not dot:
                assert name in known, f"{where}: no command has --{name}"
            elif not command_checks.is_placeholder(key):
                assert not command_checks.key_mistake(key, value), (
                    f"{where}: --{name}={value}"
                )


def test_a_flag_with_a_mistake_is_found():
    assert list(printed_commands.flags("add --sauce=x, or --config.lstm_dim=8.")) == [
        ("sauce", "x"),
        ("config.lstm_dim", "8"),
    ]
    known = command_checks.all_flags(COMMANDS)
    assert "source" in known and "sauce" not in known
    mistake = command_checks.key_mistake
    assert not mistake("lstm_dim", "8") and not mistake("init_from", "DIR")
    assert "no config.lstm_dims" in mistake("lstm_dims", "8")
    assert mistake("lstm_dim", "wide") and mistake("dropout", "2")


def test_extras_that_are_installed_exist():
    known = (ROOT / "pyproject.toml").read_text()
    for where, text in printed_commands.texts():
        for names in re.findall(r"(?:\s'?\.|ocr_jax)\[([a-z,]+)\]", text):
            for name in names.split(","):
                assert f"\n{name} = [" in known, f"{where}: no extra {name}"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("python -m ocr_jax.prepare emnist --fonts --out=a.h5", "--fonts"),
        ("python -m ocr_jax.prepare iam --source=D --height=big --out=a", "big"),
        ("python -m ocr_jax.prepare fnots --out=a.h5", "fnots"),
        ("python -m ocr_jax.predict --workdirs=runs/a line.png", "--workdirs"),
        ("python -m ocr_jax.compare runs/a", "required: B"),
        ("python -m ocr_jax.predcit --workdir=runs/a line.png", "ocr_jax.predcit"),
        ("python -m ocr_jax.main --config=iam_ctc --source=fonts", "'source'"),
        ("python -m ocr_jax.main --config=iam_ctc --config.lstm_size=8", "lstm_size"),
        ("python -m ocr_jax.main --config=iam_ctc --config.lstm_dim=big", "lstm_dim"),
        ("python -m ocr_jax.main --config=iam_ctc --config.dropout=2", "0 to 0.95"),
        ("python -m ocr_jax.main --config=configs/iam.py", "no such file"),
        ("python -m ocr_jax.main --config=configs/iam_best.py:huge", "no start huge"),
        ("python -m ocr_jax.main --workdir=runs/a --mode=score", "score"),
        (
            "python -m ocr_jax.main --config=quickstart "
            "--config.prepare_args='fonts --text_of=a'",
            "--text_of=a",
        ),
        ("ocr-jax trian --config=quickstart", "trian"),
        ("python experiments/reports.py runs/*", "experiments/reports.py"),
        ("python experiments/report.py --out=a.html", "workdirs"),
        ("python experiments/launch.py experiments/sampel.yaml", "can't be read"),
        ("python experiments/sweep.py experiments/sample.yaml", "sample.yaml"),
        ("make trian", "trian"),
    ],
)
def test_a_command_with_a_mistake_fails_wherever_it_stands(command, message):
    documents = (
        f"To go on:\n\n    {command}     # in a README\n",
        f"#   {command} | cat",
        f"Run `{command}` then.",
    )
    for text in documents:
        [words] = printed_commands.commands(text)
        with pytest.raises((UserError, AssertionError)) as error:
            command_checks.check(words)
        assert message in str(error.value)


def test_commands_are_found_in_messages_and_in_lines_that_go_on():
    code = '''
"""Read.

    taskset -c 0 python -m ocr_jax.predict --workdir=runs/a \\\\
      --format=json page.png > out.json
"""
print(
    "Train one: python -m ocr_jax.main "
    f"--config={path}; or see the README. Make it with python -m ocr_jax.prepare, too"
)
'''
    found = [
        " ".join(words)
        for text in printed_commands.strings(code)
        for words in printed_commands.commands(text)
    ]
    assert sorted(found) == [
        "python -m ocr_jax.main --config=1",
        "python -m ocr_jax.predict --workdir=runs/a --format=json page.png",
        "python -m ocr_jax.prepare",
    ]
    assert str(Printed("README.md", ("make", "train"))) == "README.md: make train"
