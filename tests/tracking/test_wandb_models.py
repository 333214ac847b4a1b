"""Models that W&B keeps: fetched once, and used like a workdir."""

import shutil
import sys
import types

import pytest

from ocr_jax import run_names, trained
from ocr_jax.errors import UserError
from ocr_jax.recognizer import Recognizer
from ocr_jax.tracking import wandb_models

wandb = pytest.importorskip("wandb")


@pytest.fixture
def account(tmp_path, monkeypatch):
    """An account with the run me/ocr/abc, its artifacts, and what was downloaded."""
    found = types.SimpleNamespace(artifacts=[], downloads=[], error=None)

    def run(path):
        if found.error:
            raise found.error
        assert path == "me/ocr/abc"
        return types.SimpleNamespace(logged_artifacts=lambda: found.artifacts)

    monkeypatch.setattr(wandb, "login", lambda **_: True)
    monkeypatch.setattr(wandb, "Api", lambda **_: types.SimpleNamespace(run=run))
    monkeypatch.setattr(wandb_models, "CACHE", tmp_path / "cache")

    def add(version, folder, kind="model"):
        def download(root):
            found.downloads.append(version)
            shutil.copytree(folder, root, dirs_exist_ok=True)

        found.artifacts.append(
            types.SimpleNamespace(
                type=kind,
                version=version,
                digest=f"digest-{version}",
                download=download,
            )
        )

    found.add = add
    return found


@pytest.fixture
def artifact(tmp_path, finished):
    """What the artifact of a finished run holds."""
    _, workdir, _ = finished
    folder = tmp_path / "artifact"
    shutil.copytree(workdir / "checkpoints" / "best", folder / "checkpoints" / "best")
    for name in ("config.json", "dataset.json"):
        shutil.copy(workdir / name, folder)
    return folder


def test_a_path_is_itself(tmp_path):
    assert run_names.resolve(tmp_path / "runs") == tmp_path / "runs"


def test_a_runs_latest_model_is_fetched_once_and_read_with(account, artifact, finished):
    account.add("v9", artifact)
    account.add("v10", artifact)
    account.add("v11", artifact, kind="wandb-history")
    for _ in range(2):
        best = trained.load_best("wandb:me/ocr/abc")
    assert account.downloads == ["v10"]
    own = trained.load_best(finished[1])
    assert best.config == own.config and best.charset == own.charset
    recognizer = Recognizer.load("wandb:me/ocr/abc")
    assert recognizer.best.height == own.height


def test_a_download_that_breaks_off_leaves_nothing(account, artifact):
    def download(root):
        shutil.copy(artifact / "config.json", root)
        raise ConnectionError("reset by peer")

    account.add("v0", artifact)
    account.artifacts[0].download = download
    with pytest.raises(UserError, match="reset by peer"):
        run_names.resolve("wandb:me/ocr/abc")
    assert list(wandb_models.CACHE.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["wandb:", "wandb:run", "wandb:me/run", "wandb:a/b/c/d"]
)
def test_a_name_of_another_form_is_refused(name):
    with pytest.raises(UserError, match="expected wandb:ENTITY/PROJECT/RUN"):
        run_names.resolve(name)


def test_what_is_missing_is_said_in_one_line(account, artifact, monkeypatch):
    with pytest.raises(UserError, match=r"has no model.*wandb sync"):
        run_names.resolve("wandb:me/ocr/abc")
    (artifact / "config.json").unlink()
    account.add("v0", artifact)
    with pytest.raises(UserError, match="not made by ocr_jax"):
        run_names.resolve("wandb:me/ocr/abc")
    account.error = wandb.errors.CommError("could not find run")
    with pytest.raises(UserError, match=r"could not find run.*wandb login"):
        run_names.resolve("wandb:me/ocr/abc")
    monkeypatch.setattr(wandb, "login", lambda **_: False)
    with pytest.raises(UserError, match="run `wandb login`"):
        run_names.resolve("wandb:me/ocr/abc")
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match="wandb is not installed"):
        run_names.resolve("wandb:me/ocr/abc")
