"""Train or evaluate what a config describes.

python -m ocr_jax.main --config=configs/quickstart.py
python -m ocr_jax.main --config=configs/lines_ctc.py --config.lstm_dim=256
python -m ocr_jax.main --workdir=runs/NAME --mode=evaluate --split=test --decoder=beam
python -m ocr_jax.main --help --config=configs/lines_ctc.py   # all keys of a config
"""

import sys
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from ocr_jax import config as config_lib
from ocr_jax import errors, workdirs
from ocr_jax.errors import UserError
from ocr_jax.runtime import huge_pages, slots

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "A file, or a name in configs/; --config.KEY=VALUE, after it, sets a key.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where the run is kept; runs/NAME-HASH of the config by default."
)
_MODE = flags.DEFINE_enum("mode", "train", ["train", "evaluate"], "What to do.")
_SPLIT = flags.DEFINE_string("split", "validation", "The split that evaluate reads.")
_LINES_FILE = flags.DEFINE_string(
    "lines_file", "", "The lines file that evaluate reads; the run's own by default."
)
_DECODER = flags.DEFINE_enum(
    "decoder",
    "greedy",
    ["greedy", "beam"],
    "How evaluate reads lines; beam needs the language model of ocr_jax.tune_decoder.",
)
_RECOGNIZER = flags.DEFINE_string(
    "recognizer",
    "pretrained:hands",
    "What reads the lines that a finder finds, in evaluate; empty: nothing does.",
)
_GPUS = flags.DEFINE_string(
    "gpus",
    "",
    "0,1 or none: what to run on; auto: the first GPU that is free, or all free cores; "
    "auto:2: two free GPUs, or two free slots of cores.",
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Train a run of that workdir anew.")
# The flags that one mode alone takes.
_OF_MODE = {
    "train": ("overwrite",),
    "evaluate": ("split", "lines_file", "decoder", "recognizer"),
}
_MORE_HELP = "\nAll config keys: --help --config=FILE, or configs/README.md"


def main(argv: list[str]) -> int:
    """Run the command line; the exit code is 0, 2 for a mistake, 130 for Ctrl-C."""
    return errors.exit_code(lambda: _run(argv))


def _run(argv: list[str]):
    if {"--help", "-h", "--helpfull"} & set(argv):
        print(__doc__, flags.FLAGS.main_module_help(), sep="\n")
        options = config_lib.options(argv[1:])
        named = [o for o in options if o.startswith(("--config=", "--config."))]
        print(config_lib.describe(config_lib.load(named)) if named else _MORE_HELP)
        return
    config_lib.parse_flags(flags.FLAGS, argv)
    if _GPUS.value:
        slots.use(_GPUS.value)
    config = _CONFIG.value
    if config is None and not (_WORKDIR.value and _MODE.value == "evaluate"):
        raise UserError(
            "name an experiment: --config=configs/quickstart.py (--help for more)"
        )
    _refuse_flags_of_other_mode()
    workdir = _WORKDIR.value or workdirs.default_workdir(config)
    if _MODE.value == "train":
        errors.outlive_reader()
        from ocr_jax import train  # jax takes a second to import: --help need not wait

        train.train_and_evaluate(config, Path(workdir), overwrite=_OVERWRITE.value)
    else:
        _evaluate(workdir, config)


def _refuse_flags_of_other_mode():
    other = "train" if _MODE.value == "evaluate" else "evaluate"
    for name in _OF_MODE[other]:
        if flags.FLAGS[name].present:
            is_lines = name == "lines_file"
            hint = ": train on other lines by --config.lines_file" if is_lines else ""
            raise UserError(f"--{name} is for --mode={other}{hint}")


def _evaluate(workdir: str | Path, config):
    from ocr_jax import evaluate, run_names
    from ocr_jax.data import training_lines
    from ocr_jax.pages import page_training

    folder = run_names.resolve(workdir)
    if config is not None:
        advice = "leave out --config, or name another --workdir"
        workdirs.refuse_other_config(folder, config, advice)
    if workdirs.load_config(folder).encoder == "page":
        page_training.evaluate_workdir(
            workdir,
            _SPLIT.value,
            _LINES_FILE.value,
            recognizer=_RECOGNIZER.value,
            decoder=_DECODER.value,
        )
    elif flags.FLAGS["recognizer"].present:
        raise UserError(
            f"--recognizer is for finders of lines: {workdir} reads lines itself"
        )
    else:
        if config is not None:
            training_lines.refuse_other_direction(folder, config)
        evaluate.evaluate_workdir(
            workdir, _SPLIT.value, _DECODER.value, _LINES_FILE.value
        )


if __name__ == "__main__":
    huge_pages.restart_with_huge_pages()
    sys.exit(main(sys.argv))
