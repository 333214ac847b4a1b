"""Messages: why something failed, once and in the user's words."""

import subprocess
import sys

import pytest

from ocr_jax import corpora, decoders, errors, workdirs
from ocr_jax.errors import UserError
from ocr_jax.images import opening


def failure(action):
    with pytest.raises(OSError) as raised:
        action()
    return raised.value


def test_a_reason_does_not_repeat_the_path_that_the_message_names(tmp_path):
    path = tmp_path / "missing.png"
    error = failure(path.read_bytes)
    assert errors.reason(error, path) == "No such file or directory"
    assert errors.reason(error) == f"No such file or directory: {path}"


def test_a_reason_that_is_not_of_the_system_is_its_words_in_one_line():
    assert errors.reason(OSError("image file is\n truncated")) == (
        "image file is truncated"
    )
    assert errors.reason(ValueError("a b")) == "a b"


@pytest.mark.parametrize(
    "read",
    [
        opening.read_image,
        workdirs.read_json,
        lambda path: corpora.read(path, None, {}),
        lambda path: decoders.load("beam", path.parent, None),
    ],
)
def test_what_is_missing_or_no_file_is_named_once(tmp_path, read):
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(UserError) as raised:
            read(path)
        message = str(raised.value)
        assert "Errno" not in message and ": it" not in message
        assert message.count(str(path)) <= 1


LONG_TRAINING = """
import pathlib, sys, rich.console
from ocr_jax import errors
def run():
    errors.outlive_reader()
    for _ in range(20_000):
        print("a row of metrics")
    rich.console.Console(file=sys.stdout).print("another")
    pathlib.Path(sys.argv[1]).touch()
sys.exit(errors.exit_code(run))
"""


def test_a_training_outlives_the_reader_of_its_output(tmp_path):
    command = [sys.executable, "-c", LONG_TRAINING, str(tmp_path / "scores.json")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        process.stdout.readline()
        process.stdout.close()  # as `tee` does after Ctrl-C
        assert process.stderr.read() == "" and process.wait() == 0
    assert (tmp_path / "scores.json").exists()
