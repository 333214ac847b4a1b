"""Models at W&B: `wandb:ENTITY/PROJECT/RUN` names the model of a run there."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from ocr_jax.errors import UserError, one_line

PREFIX = "wandb:"
CACHE = Path("~/.cache/ocr_jax/wandb")
SECONDS = 30


def fetch(run: str) -> Path:
    """Return a workdir of the latest model of ENTITY/PROJECT/RUN, fetched once.

    Raises UserError if there is no such run, no model, no login or no network.
    """
    name = PREFIX + run
    if not re.fullmatch(r"[^/\s]+/[^/\s]+/[^/\s]+", run):
        raise UserError(f"{name}: expected {PREFIX}ENTITY/PROJECT/RUN")
    try:
        return _fetch(run)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except ImportError:
        raise UserError(f"{name}: wandb is not installed") from None
    # wandb, requests and the file system raise errors of many classes.
    except Exception as error:
        raise UserError(
            f"cannot fetch {name}: {one_line(error)}. Check the name, the login (wandb "
            "login) and the network"
        ) from None


def _fetch(run: str) -> Path:
    import wandb

    if not wandb.login(prompt=False, verify=False):
        raise UserError("not logged in to W&B: run `wandb login`")
    logged = wandb.Api(timeout=SECONDS).run(run).logged_artifacts()
    models = [artifact for artifact in logged if artifact.type == "model"]
    if not models:
        raise UserError(
            "the run has no model. A run logs its model when it finishes; upload an "
            "offline run with `wandb sync WORKDIR/wandb/offline-*`"
        )
    latest = max(models, key=lambda artifact: int(artifact.version.removeprefix("v")))
    cache = CACHE.expanduser()
    folder = cache / f"{run.replace('/', '--')}-{latest.digest[:16]}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = tempfile.mkdtemp(dir=cache, prefix=".partial-")
        try:
            latest.download(root=partial)
            os.replace(partial, folder)
        except OSError:
            if not folder.exists():  # else another job was first
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    if not (folder / "config.json").exists():
        raise UserError("its model was not made by ocr_jax: it has no config.json")
    return folder
