"""Train or evaluate what a config describes.

python -m ocr_jax.main --config=configs/quickstart.py
python -m ocr_jax.main --config=configs/lines_ctc.py --config.lstm_dim=256
python -m ocr_jax.main --workdir=runs/NAME --mode=evaluate --split=test
"""

import re
import sys
from pathlib import Path

import ml_collections
from absl import flags
from ml_collections import config_flags

from ocr_jax import errors, huge_pages, workdirs
from ocr_jax.errors import UserError

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file of configs/; --config.KEY=VALUE, after it, changes a key."
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where the run is kept; runs/NAME-HASH of the config by default."
)
_MODE = flags.DEFINE_enum("mode", "train", ["train", "evaluate"], "What to do.")
_SPLIT = flags.DEFINE_string("split", "validation", "The split that evaluate reads.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Train a run of that workdir anew.")


def main(argv: list[str]) -> int:
    """Run the command line; the exit code is 0, 2 for a mistake, 130 for Ctrl-C."""
    return errors.exit_code(lambda: _run(argv))


def _run(argv: list[str]):
    if {"--help", "-h", "--helpfull"} & set(argv):
        print(__doc__, flags.FLAGS.main_module_help(), sep="\n")
        return
    _parse(argv)
    config = _CONFIG.value
    if config is None and not (_WORKDIR.value and _MODE.value == "evaluate"):
        raise UserError(
            "name an experiment: --config=configs/quickstart.py (--help for more)"
        )
    workdir = _WORKDIR.value or workdirs.default_workdir(config)
    if _MODE.value == "train":
        from ocr_jax import train  # jax takes a second to import: --help need not wait

        train.train_and_evaluate(config, Path(workdir), overwrite=_OVERWRITE.value)
    else:
        from ocr_jax import evaluate

        if config is not None:
            workdirs.refuse_other_config(Path(workdir), config)
        evaluate.evaluate_workdir(Path(workdir), _SPLIT.value)


def _parse(argv: list[str]):
    try:
        rest = flags.FLAGS(argv)
    except AttributeError as error:
        if "get_config" in str(error):
            raise UserError("the file of --config has no get_config()") from None
        key, *nearest = re.findall(r"""['"](\w+)\W*['"]""", str(error))
        hint = f": did you mean config.{nearest[0]}?" if nearest else ""
        raise UserError(f"there is no config.{key}{hint}") from None
    except Exception as error:  # a config file is a program: it may raise anything
        raise UserError(errors.one_line(error)) from None
    if rest[1:]:
        raise UserError(f"{rest[1]!r} is not a flag: write --name=value")
    if _CONFIG.present and not isinstance(_CONFIG.value, ml_collections.ConfigDict):
        path = config_flags.get_config_filename(flags.FLAGS["config"])
        raise UserError(
            f"--config={path}: no such file, or no ConfigDict from its get_config()"
        )


if __name__ == "__main__":
    huge_pages.restart_with_huge_pages()
    sys.exit(main(sys.argv))
