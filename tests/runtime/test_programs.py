"""Programs that are traced once for all processes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ocr_jax import pretrained
from ocr_jax.pages import finder
from ocr_jax.runtime import programs

pytestmark = pytest.mark.skipif(
    jax.default_backend() != "cpu", reason="other devices trace anew in each process"
)


@programs.register
class Sums(NamedTuple):
    rows: jax.Array
    columns: jax.Array


@pytest.fixture
def folder(compilation_cache):
    return compilation_cache / programs.TRACED


class Process:
    """What a process does with a function; `traced` counts how often it is traced."""

    def __init__(self, factor=1, about=""):
        self.traced = 0

        def function(weights, image):
            self.traced += 1
            scaled = factor * weights["scale"] * image
            return Sums(scaled.sum(1), scaled.sum(0)), jnp.max(scaled)

        self.run = programs.jit(function, about)


WEIGHTS = {"scale": np.float32(2)}
IMAGE = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_the_next_process_need_not_trace(folder):
    first, second = Process(), Process()
    (sums, most), again = first.run(WEIGHTS, IMAGE), second.run(WEIGHTS, IMAGE)
    assert (first.traced, second.traced) == (1, 0)
    assert isinstance(again[0], Sums) and again[1] == most == 10
    np.testing.assert_array_equal(again[0].rows, [6, 24])
    np.testing.assert_array_equal(again[0].columns, sums.columns)
    second.run({"scale": np.float32(3)}, IMAGE + 1)  # arguments, no constants
    assert second.traced == 0


@pytest.mark.parametrize("image", [IMAGE[:1], IMAGE.astype(np.uint8)])
def test_other_shapes_and_types_are_traced(folder, image):
    process = Process()
    process.run(WEIGHTS, IMAGE)
    process.run(WEIGHTS, image)
    assert process.traced == 2
    assert process.run(WEIGHTS, image)[1] == 2 * image.max()


def test_another_function_is_another_program(folder):
    Process().run(WEIGHTS, IMAGE)
    assert Process(factor=5, about="times five").run(WEIGHTS, IMAGE)[1] == 50


def test_other_code_is_another_program(folder, monkeypatch):
    Process().run(WEIGHTS, IMAGE)
    monkeypatch.setattr(programs, "_environment", lambda: "edited since")
    edited = Process()
    edited.run(WEIGHTS, IMAGE)
    assert edited.traced == 1


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"", lambda data: bytes(4)]
)
def test_a_damaged_file_is_made_anew(folder, damage):
    Process().run(WEIGHTS, IMAGE)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert Process().run(WEIGHTS, IMAGE)[1] == 10
    assert len(path.read_bytes()) == len(whole)


def test_where_nothing_can_be_kept_it_computes_all_the_same(folder):
    folder.parent.write_text("a file in place of the folder")
    assert Process().run(WEIGHTS, IMAGE)[1] == 10


def test_a_cache_that_is_turned_off_later_is_still_used(folder):
    process = Process()
    jax.config.update("jax_compilation_cache_dir", None)
    assert process.run(WEIGHTS, IMAGE)[1] == 10


def test_the_lock_of_an_editor_is_no_code(tmp_path, monkeypatch):
    (tmp_path / ".#module.py").symlink_to("somebody@host.1:2")
    monkeypatch.setattr(programs.ocr_jax, "__file__", str(tmp_path / "__init__.py"))
    assert programs._environment.__wrapped__()


def test_the_finder_is_kept_where_the_command_loads_it_first(
    folder, monkeypatch, tmp_path
):
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    finder.load(pretrained.FINDER).find_at_size(np.zeros((256, 256), np.uint8))
    kept = tmp_path / ".cache" / "ocr_jax" / "compiled" / programs.TRACED
    assert len(list(kept.iterdir())) == 1


def test_without_what_it_depends_on_nothing_is_kept(folder):
    assert Process(about=None).run(WEIGHTS, IMAGE)[1] == 10
    assert not folder.exists()


def test_every_device_may_run_it(folder):
    run = Process().run
    for device in jax.local_devices():
        weights = jax.device_put(WEIGHTS, device)
        assert run(weights, IMAGE)[1].devices() == {device}


def test_the_oldest_files_go(folder):
    for number in range(4):
        programs.keep(folder / str(number), b"", most=2)
    assert len(list(folder.iterdir())) == 2
