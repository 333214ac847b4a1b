"""Folders that we may not enter: one clear line, as for any other mistake."""

import contextlib
import os
import tempfile
from pathlib import Path

import pytest

from ocr_jax import predict, prepare, reading_formats, workdirs
from ocr_jax.errors import UserError
from ocr_jax.images import finding, opening, page_images
from ocr_jax.pages import page_jobs
from ocr_jax.sources.pages import locating

NOBODY = 65534


@pytest.fixture
def theirs():
    """A closed folder, with a file beside it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        (Path(folder) / "a.png").touch()
        (closed := Path(folder) / "theirs").mkdir(mode=0)
        with _not_root():
            if not os.access(folder, os.R_OK, effective_ids=True):
                pytest.skip("all temporary files are closed here")
            yield closed
        closed.chmod(0o700)


@contextlib.contextmanager
def _not_root():
    """Nothing is closed to root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    "use",
    [
        lambda path: list(page_images.find([str(path)])),
        lambda path: list(page_images.find([str(path / "a.png")])),
        lambda path: locating.find(path / "pages", ("PAGE",)),
        lambda path: predict._expand([str(path / "a.png")]),
        lambda path: opening.read_image(path / "a.png"),
        lambda path: list(finding.files(path)),
        lambda path: list(finding.files(path / "pages")),
        lambda path: reading_formats.Writer("text", path / "a.txt").__enter__(),
        lambda path: page_jobs.OutFolder(path / "out", {}, overwrite=False),
        workdirs.refuse_unwritable,
    ],
)
def test_what_is_closed_to_us_is_told(theirs, use):
    with pytest.raises(UserError, match="Permission denied") as error:
        use(theirs)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [
        ["show", "{}/a.h5", "--out=a.png"],
        ["show", "{}/a.png", "--out=a.png"],
        ["iam", "--source={}/iam", "--out=a.h5"],
    ],
)
def test_preparing_from_a_closed_folder_is_refused_in_a_line(theirs, command, capsys):
    assert prepare.main([argument.format(theirs) for argument in command]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and str(theirs) in said[0]


def test_a_closed_folder_among_others_is_told(theirs, capsys):
    assert list(finding.files(theirs.parent)) == [theirs.parent / "a.png"]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "theirs: Permission denied: what is in it" in said[0]


def test_a_closed_folder_of_texts_ends_the_run(theirs):
    folder = page_jobs.OutFolder(theirs.parent, {}, overwrite=False)
    job = page_jobs.Job("theirs/a", ".txt", theirs.parent / "a.png", None)
    assert folder.done([job]) == set()
    with pytest.raises(page_jobs.Unwritable, match="Permission denied"):
        folder.write(job, {".txt": b"a"})
