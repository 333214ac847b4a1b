"""The command line: a mistake is one line on stderr and exit code 2."""

import pathlib
import subprocess
import sys
import time

import h5py
import pytest

from ocr_jax import config as config_lib
from ocr_jax import config_keys, workdirs
from ocr_jax.data import lines_file, lines_writer
from tests import fixtures, forked


def run(*arguments, **options):
    command = [sys.executable, "-m", "ocr_jax.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)


def refusal(*arguments, **options):
    """The one line that a refused command says."""
    command = forked.Main(*arguments, **options)
    _, said = command.communicate()
    assert command.returncode == 2, said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1, said
    return said


@pytest.fixture
def config_path(tmp_path, tiny_lines):
    path, config = tmp_path / "config.py", fixtures.make_tiny_config(tiny_lines)
    config.num_epochs = 1
    fixtures.write_config(path, config)
    return path


def test_help_is_quick_and_shows_the_commands():
    started = time.monotonic()
    result = run("--help")
    assert time.monotonic() - started < 5  # 1.5 s on a quiet machine
    assert result.returncode == 0
    assert "--config=configs/quickstart.py" in result.stdout
    assert "--mode" in result.stdout


def test_help_with_a_config_lists_its_keys_with_their_values(config_path):
    result = run("--help", f"--config={config_path}", "--config.lstm_dim=24")
    assert result.returncode == 0
    assert "--config.lstm_dim=24 " in result.stdout
    assert "(1 to 8,192; default: 128)" in result.stdout
    assert "is now config.ema_decay" in refusal("--help", "--config.average=0.9")


@pytest.mark.parametrize(
    "words", [["--help", "--config", "quickstart"], ["-config=quickstart", "-h"]]
)
def test_help_takes_a_config_however_it_is_written(words):
    result = run(*words)
    assert "--config.name=quickstart " in result.stdout
    for key in config_keys.KEYS.values():
        assert f"--config.{key.name}=" in result.stdout and key.help in result.stdout


def test_help_imports_neither_jax_nor_tensorflow_nor_wandb():
    code = (
        "import sys\nfrom ocr_jax import main\nmain.main(['main', '--help'])\n"
        "assert not {'jax', 'tensorflow', 'wandb'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_misspelt_override_names_the_nearest_key(config_path):
    assert "lstm_dim" in refusal(f"--config={config_path}", "--config.lstm_dims=3")


def test_a_misspelt_flag_names_the_nearest(config_path):
    assert "workdir" in refusal(f"--config={config_path}", "--workdirr=x")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("--config.lstm_dim=1.5", "lstm_dim"),
        ("--config.batch_size=many", "batch_size"),
        ("--config.dropout=2.0", "expected 0 to 0.95"),
        ("--config.encoder=cnn", "expected one of"),
        ("--config.lines_file=/nowhere/lines.h5", "does not exist"),
        ("--config.charset=ab", "characters outside"),
        ("--config.height=99", "--height=99"),
        ("--mode=train-it", "mode"),
        ("--split=test", "--split is for --mode=evaluate"),
        ("--lines_file=a.h5", "by --config.lines_file"),
        ("--decoder=beam", "--decoder is for --mode=evaluate"),
        ("--recognizer=", "--recognizer is for --mode=evaluate"),
    ],
)
def test_a_wrong_value_is_named(config_path, tmp_path, override, expected):
    message = refusal(
        f"--config={config_path}", override, f"--workdir={tmp_path / 'r'}"
    )
    assert expected in message


def test_a_missing_config_file_and_no_config_at_all():
    assert "configs/nothing.py" in refusal("--config=configs/nothing.py")
    assert "--config=configs/quickstart.py" in refusal()


def test_iam_without_its_files_says_how_to_get_them(tmp_path):
    config = pathlib.Path(__file__).parent.parent / "configs" / "iam_ctc.py"
    message = refusal(f"--config={config}", cwd=tmp_path)
    assert "register at https://fki" in message and "data/raw/iam" in message


def test_without_a_lines_file_the_commands_that_make_one_are_named(tmp_path):
    message = refusal("--config=lines_ctc", cwd=tmp_path)
    assert "ocr_jax.prepare" in message and "quickstart" in message


def test_evaluating_a_folder_that_is_no_workdir(tmp_path):
    message = refusal(f"--workdir={tmp_path}", "--mode=evaluate")
    assert "not a workdir" in message


def test_a_config_beside_a_network_that_ships_is_compared_with_its_own(config_path):
    arguments = "--workdir=pretrained:hands", "--mode=evaluate"
    said = refusal(*arguments, f"--config={config_path}")
    assert "pretrained/hands holds a run of another config" in said
    assert said.rstrip().endswith("leave out --config, or name another --workdir")


def test_a_direction_that_is_not_the_runs_is_refused_in_evaluate(config_path, tmp_path):
    config = config_lib.load([f"--config={config_path}"])
    workdirs.write_json(tmp_path / "config.json", config.to_dict())
    about = {"charset": ["א"], "direction": "rtl"}
    workdirs.write_json(tmp_path / "dataset.json", about)
    arguments = f"--workdir={tmp_path}", "--mode=evaluate", f"--config={config_path}"
    said = refusal(*arguments, "--config.text_direction=ltr")
    assert "config.text_direction is 'ltr', but" in said and "with 'rtl'" in said


def test_flags_that_do_nothing_in_evaluate_are_refused(tmp_path):
    workdir = fixtures.make_unfinished(tmp_path / "run")
    arguments = f"--workdir={workdir}", "--mode=evaluate"
    assert "is for --mode=train" in refusal(*arguments, "--overwrite")
    said = refusal(*arguments, "--recognizer=pretrained:hands")
    assert "run reads lines itself" in said


@pytest.mark.parametrize("name", ["pretrained:mine", "wandb:me/mine/run"])
def test_a_run_is_not_named_like_a_network_that_exists(config_path, tmp_path, name):
    said = refusal(f"--config={config_path}", f"--workdir={name}", cwd=tmp_path)
    assert "names a network that exists: name a folder" in said
    assert not list(tmp_path.glob("*:*"))


def break_format(file):
    file.attrs["format"] = "other"


def break_version(file):
    file.attrs["version"] = 99


def break_offsets(file):
    file["train/offsets"][3] += 1


def empty_split(file):
    del file["train"]
    lines = {"pixels": "u1", "offsets": "i8", "width": "i4"}
    for name, kind in lines.items():
        file.create_dataset(f"train/{name}", shape=(name == "offsets",), dtype=kind)
    for name in lines_file.STRINGS:
        file.create_dataset(f"train/{name}", shape=(0,), dtype=h5py.string_dtype())


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (break_format, "expected format"),
        (break_version, "version 99"),
        (break_offsets, "offsets"),
        (empty_split, "empty"),
    ],
)
def test_a_damaged_lines_file_says_what_is_wrong(
    config_path, tmp_path, damage, expected
):
    path = tmp_path / "broken.h5"
    lines = {"train": fixtures.draw_lines(5, 0, "t")}
    lines["validation"] = lines["train"]
    lines_writer.write_lines(path, lines, height=16, source="test")
    with h5py.File(path, "a") as file:
        damage(file)
    flags = f"--config.lines_file={path}", f"--workdir={tmp_path / 'r'}"
    assert expected in refusal(f"--config={config_path}", *flags)


@pytest.mark.parametrize(
    ("content", "expected"), [(b"not hdf5", "HDF5"), (None, "truncated")]
)
def test_a_file_that_is_torn_or_something_else(
    config_path, tmp_path, tiny_lines, content, expected
):
    path = tmp_path / "torn.h5"
    whole = tiny_lines.read_bytes()
    path.write_bytes(content or whole[: len(whole) // 2])
    flags = f"--config.lines_file={path}", f"--workdir={tmp_path / 'r'}"
    assert expected in refusal(f"--config={config_path}", *flags)


@pytest.mark.slow
def test_a_run_from_the_command_line_ends_with_scores_and_what_to_do_next(
    config_path, tmp_path
):
    result = run(f"--config={config_path}", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "95 % interval" in result.stdout
    assert "python -m ocr_jax.predict --workdir=runs/" in result.stdout
    assert "\x1b" not in result.stdout
    again = forked.Main(f"--config={config_path}", cwd=tmp_path)
    assert "is finished" in again.communicate()[0]
