"""`python -m ocr_jax.main` without the seconds that Python takes to import it all.

Each command is forked from a process that has imported what a training takes, and is a
process of its own: it can be signalled, killed, and exits with a code. Another function
of the arguments may take the place of main.
"""

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
# Without TensorFlow: lines as few as those of tests are trained on without it.
_context.set_forkserver_preload(["ocr_jax.main", "ocr_jax.train"])


class Main:
    """A running command, used like a subprocess.Popen."""

    def __init__(self, *arguments, cwd=".", function=None, **environment):
        self._folder = tempfile.TemporaryDirectory(prefix="ocr_jax_main_")
        self._outputs = [Path(self._folder.name, n) for n in ("stdout", "stderr")]
        arguments = ["main", *map(str, arguments)]
        folder = str(Path(cwd).absolute())
        given = arguments, folder, self._outputs, function, environment
        self._process = _context.Process(target=_run, args=given)
        self._process.start()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        self._process.join(timeout)
        assert self._process.exitcode is not None, "it has not ended"
        output, errors = (path.read_text() for path in self._outputs)
        return output, errors

    def send_signal(self, number: int):
        os.kill(self._process.pid, number)

    def kill(self):
        self._process.kill()
        self._process.join()


def _run(arguments: list[str], folder: str, outputs: list[Path], function, environment):
    for number, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.update(environment)
    sys.argv = arguments

    from ocr_jax import main

    sys.exit((function or main.main)(arguments))
