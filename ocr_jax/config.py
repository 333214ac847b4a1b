"""Every key of an experiment with its default, and the rules that values must meet."""

import inspect
import re
from collections.abc import Sequence

import ml_collections
from absl import flags
from ml_collections import config_flags

from ocr_jax.errors import UserError, one_line


def default_config() -> ml_collections.ConfigDict:
    """All keys; a config file starts from these and changes what it is about."""
    config = ml_collections.ConfigDict()
    config.name = "lines"  # begins the workdir's name; the W&B run's too
    config.experiment_group = ""  # W&B group, to compare runs that belong together

    # Data
    config.lines_file = "data/lines.h5"  # made by python -m ocr_jax.prepare
    config.prepare_args = (
        ""  # arguments of ocr_jax.prepare that make a missing lines_file
    )
    config.height = 0  # pixels the lines file must have; 0 takes any
    config.charset = ""  # the characters to know; empty takes the lines file's
    config.num_buckets = 5  # widths that batches are padded to; each compiles once
    config.loader = "auto"  # resident keeps lines on the device, tf_data feeds them

    # Network
    config.encoder = "conv"  # conv, sliding_window or mlp
    config.conv_channels = (16, 32, 64, 128)  # conv: features of each block
    config.frame_stride = 4  # conv: pixels a frame, a power of two
    config.residual_blocks = 0  # conv: after each block's convolution but the first's
    config.column_max = False  # conv: a frame is its rows' maximum, not all of them
    config.window_width = 12  # sliding_window, mlp: pixels a window sees
    config.window_stride = 5  # sliding_window, mlp: pixels between windows
    config.layer_size = 128  # sliding_window, mlp: width of each dense layer
    config.num_layers = 3  # mlp: dense layers
    config.batch_norm = True  # normalise after convolutions, over real columns only
    config.lstm_layers = 2  # 0 is all-convolutional
    config.lstm_dim = 128  # width of each direction
    config.bidirectional = True  # read each line from both ends
    config.lstm_implementation = "scan"  # or cudnn: NVIDIA's, where there is a GPU
    config.dropout = 0.2  # after the encoder and after each LSTM
    config.dtype = "float32"  # of products: float32, or bfloat16 on accelerators
    config.ensemble_size = 1  # networks that answer as one; see ocr_jax.ensemble

    # Training
    config.init_from = ""  # workdir, or wandb:ENTITY/PROJECT/RUN, to start from
    config.freeze = ""  # encoder: its weights stay as they are; empty trains all
    config.batch_size = 16  # lines a batch, over all devices
    config.ctc_implementation = (
        "fast"  # the loss: fast, or optax for the same numbers by optax
    )
    config.shortcut_weight = 0.0  # weight of the loss of a head on the encoder alone
    config.num_epochs = 50  # passes over the training lines, at most
    config.optimizer = "adamw"  # adamw, adam, rmsprop or sgd
    config.learning_rate = 1e-3  # the highest
    config.schedule = "cosine"  # cosine, constant or step (tenths at 1/2 and 3/4)
    config.warmup_steps = 200  # updates from 0 up to learning_rate
    config.weight_decay = 1e-4  # adamw only
    config.grad_clip = 5.0  # largest global gradient norm; 0 is off
    config.accumulate_steps = 1  # batches whose gradients make up one update
    config.ema_decay = 0.0  # decay of the average of weights that is kept; 0 is off
    config.early_stop_patience = 0  # epochs without a better validation CER; 0 is off
    config.seed = 0  # of parameters, order, dropout and augmentation
    config.steps_per_dispatch = 1  # updates in one program, of batches of one width
    config.log_every_steps = 20  # batches between fetched metrics
    config.profile_steps = 0  # updates to trace into WORKDIR/profile; 0 is off

    # Augmentation, on the device; each strength is off at 0
    config.augment = ml_collections.ConfigDict()
    config.augment.probability = 0.0  # share of lines each kind touches
    config.augment.slant = 0.0  # tangent of the largest shear
    config.augment.scale = 0.0  # share of the width
    config.augment.rotation = 0.0  # degrees
    config.augment.shift = 0.0  # share of the height, up or down
    config.augment.elastic = 0.0  # share of the height, from letter to letter
    config.augment.grid = 0.0  # share of the height, from word to word
    config.augment.stroke = 0.0  # pixels thicker or thinner
    config.augment.bleed = 0.0  # ink of another line through the paper
    config.augment.ruled_lines = 0.0  # ink of ruled lines
    config.augment.blur = 0.0  # pixels of standard deviation
    config.augment.contrast = 0.0  # share of gain and gamma
    config.augment.brightness = 0.0  # ink more or less, everywhere
    config.augment.noise = 0.0  # standard deviation, ink being 1
    config.augment.mask = 0.0  # share of the width blanked, in spans

    # Tracking
    config.wandb = ml_collections.ConfigDict()
    config.wandb.mode = "auto"  # disabled, offline, online or auto
    config.wandb.project = "ocr_jax"  # where W&B keeps the runs

    # One run on many hosts
    config.distributed = ml_collections.ConfigDict()
    config.distributed.coordinator = ""  # host:port of process 0; empty asks Slurm
    config.distributed.num_processes = 0  # of the run; 1 keeps it alone under Slurm
    config.distributed.process_id = 0  # of this one, from 0 on
    return config.lock()


CHOICES = {
    "loader": ("auto", "resident", "tf_data"),
    "freeze": ("", "encoder"),
    "encoder": ("conv", "sliding_window", "mlp"),
    "optimizer": ("adamw", "adam", "rmsprop", "sgd"),
    "dtype": ("float32", "bfloat16"),
    "ctc_implementation": ("fast", "optax"),
    "lstm_implementation": ("scan", "cudnn"),
    "schedule": ("constant", "cosine", "step"),
    "wandb.mode": ("disabled", "offline", "online", "auto"),
}
# key → (lowest, highest) value
RANGES = {
    "height": (0, 1024),
    "num_buckets": (1, 64),
    "frame_stride": (2, 64),
    "residual_blocks": (0, 16),
    "window_width": (6, 512),
    "window_stride": (1, 512),
    "layer_size": (1, 65536),
    "num_layers": (1, 64),
    "lstm_layers": (0, 16),
    "lstm_dim": (1, 8192),
    "dropout": (0.0, 0.95),
    "ensemble_size": (1, 64),
    "batch_size": (1, 65536),
    "num_epochs": (1, 1_000_000),
    "learning_rate": (0.0, 100.0),
    "warmup_steps": (0, 10_000_000),
    "weight_decay": (0.0, 10.0),
    "grad_clip": (0.0, 1e6),
    "shortcut_weight": (0.0, 10.0),
    "accumulate_steps": (1, 65536),
    "ema_decay": (0.0, 0.99999),
    "early_stop_patience": (0, 1_000_000),
    "seed": (0, 2**31 - 1),
    "steps_per_dispatch": (1, 1_000),
    "log_every_steps": (1, 1_000_000),
    "profile_steps": (0, 1_000),
    "augment.probability": (0.0, 1.0),
    "augment.slant": (0.0, 1.0),
    "augment.scale": (0.0, 0.5),
    "augment.rotation": (0.0, 10.0),
    "augment.shift": (0.0, 0.25),
    "augment.elastic": (0.0, 0.25),
    "augment.grid": (0.0, 0.4),
    "augment.stroke": (0.0, 2.0),
    "augment.bleed": (0.0, 1.0),
    "augment.ruled_lines": (0.0, 1.0),
    "augment.blur": (0.0, 2.0),
    "augment.contrast": (0.0, 0.9),
    "augment.brightness": (0.0, 0.5),
    "augment.noise": (0.0, 0.5),
    "augment.mask": (0.0, 0.5),
    "distributed.num_processes": (0, 65536),
    "distributed.process_id": (0, 65535),
}


def load(arguments: Sequence[str]) -> ml_collections.ConfigDict:
    """The config of `--config=FILE` and the `--config.KEY=VALUE`s that follow it.

    Raises UserError for a file, a key or a value that doesn't fit.
    """
    parsed = flags.FlagValues()
    config_flags.DEFINE_config_file(
        "config", sys_argv=["", *arguments], flag_values=parsed
    )
    parse_flags(parsed, ["", *arguments])
    check(parsed.config)
    return parsed.config


def parse_flags(parsed: flags.FlagValues, argv: Sequence[str]):
    """Parse a command line that may have a --config; UserError for its mistakes."""
    try:
        rest = parsed(argv)
    except Exception as error:  # a config file is a program: it may raise anything
        raise UserError(_mistake(error)) from None
    if rest[1:]:
        raise UserError(f"{rest[1]!r} is not a flag: write --name=value")
    flag = parsed["config"]
    if flag.present and not isinstance(flag.value, ml_collections.ConfigDict):
        path = config_flags.get_config_filename(flag)
        raise UserError(
            f"--config={path}: no such file, or no ConfigDict from its get_config()"
        )


def _mistake(error: Exception) -> str:
    """What was wrong with a command line or its config file, in one line."""
    text = str(error)
    if isinstance(error, KeyError):  # of a nested --config.KEY
        return f"a --config.KEY names {error.args[0]}, which the config lacks"
    if isinstance(error, AttributeError) and "get_config" in text:
        return "the file of --config has no get_config()"
    if isinstance(error, AttributeError) and isinstance(error.__context__, KeyError):
        key = re.search(r"""['"](\w+)\\?['"]""", text)[1]
        nearest = re.search(r'Did you mean "(\w+)"', text)
        hint = f": did you mean config.{nearest[1]}?" if nearest else ""
        return f"there is no config.{key}{hint}"
    if missing := re.search(r"No such file or directory: '(.+)'$", text):
        return f"--config={missing[1]}: no such file"
    if "Traceback (most recent call last)" in text:
        return f"the file of --config: {one_line(text.strip().splitlines()[-1])}"
    return one_line(text)


def check(config: ml_collections.ConfigDict):
    """Raise UserError for the first value that breaks a rule, or missing key."""
    if missing := flatten(default_config()).keys() - flatten(config).keys():
        raise UserError(
            f"the config has no {min(missing)}: start from default_config() in its file"
        )
    for key, choices in CHOICES.items():
        if (value := _get(config, key)) not in choices:
            raise UserError(
                f"config.{key} is {value!r}: expected one of "
                f"{', '.join(choice or 'nothing' for choice in choices)}"
            )
    for key, (low, high) in RANGES.items():
        if not low <= (value := _get(config, key)) <= high:
            raise UserError(f"config.{key} is {value}: expected {low} to {high}")
    if config.frame_stride & (config.frame_stride - 1):
        raise UserError(
            f"config.frame_stride is {config.frame_stride}: expected a power of two"
        )
    channels = config.conv_channels
    if not channels or not all(isinstance(c, int) and c > 0 for c in channels):
        raise UserError(
            f"config.conv_channels is {channels}: expected positive numbers"
        )
    if (most := 2 ** (len(channels) + 1)) < config.frame_stride:
        raise UserError(
            f"config.frame_stride is {config.frame_stride}, but the {len(channels)} "
            f"blocks of config.conv_channels reach {most} at most"
        )
    for key in ("lines_file", "name"):
        if not config[key]:
            raise UserError(f"config.{key} is empty: it needs a value")
    if config.freeze and not config.init_from:
        raise UserError(
            f"config.freeze is {config.freeze!r}, but config.init_from is empty: it "
            "would keep random weights"
        )
    if config.freeze and config.ensemble_size > 1:
        raise UserError(
            f"config.freeze is {config.freeze!r}, but config.ensemble_size is "
            f"{config.ensemble_size}: it freezes single networks only"
        )
    if config.encoder != "conv" and config.window_stride > config.window_width:
        raise UserError(
            f"config.window_stride is {config.window_stride}: it skips columns between "
            f"windows of config.window_width {config.window_width}"
        )
    _check_distributed(config.distributed)


def _check_distributed(distributed: ml_collections.ConfigDict):
    coordinator, count, number = (
        distributed[key] for key in ("coordinator", "num_processes", "process_id")
    )
    host, _, port = coordinator.rpartition(":")
    if coordinator and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise UserError(
            f"config.distributed.coordinator is {coordinator!r}: expected host:port"
        )
    if coordinator and count == 0:
        raise UserError(
            "config.distributed.coordinator needs config.distributed.num_processes"
        )
    if not coordinator and (count > 1 or number > 0):
        raise UserError(
            "config.distributed.coordinator is empty: a run of several processes needs "
            "the host:port of its process 0"
        )
    if number >= max(count, 1):
        raise UserError(
            f"config.distributed.process_id is {number}: expected 0 to {count - 1}, "
            f"the processes being {count}"
        )


def differences(
    old: ml_collections.ConfigDict, new: ml_collections.ConfigDict
) -> list[str]:
    """`key: old → new` for every key, nested ones dotted, that differs."""
    old, new = flatten(old), flatten(new)
    return [
        f"{key}: {old.get(key, 'absent')!r} → {new.get(key, 'absent')!r}"
        for key in sorted(old | new)
        if old.get(key, "absent") != new.get(key, "absent")
    ]


def flatten(config, prefix: str = "") -> dict[str, object]:
    """Nested keys as dotted ones; tuples as lists, the way JSON gives them back."""
    flat = {}
    for key, value in config.items():
        if hasattr(value, "items"):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat


def _get(config, key: str):
    for part in key.split("."):
        config = config[part]
    return config


def table() -> list[tuple[str, str, str]]:
    """(key, default, comment) of every key as written above: the README's table."""
    source = inspect.getsource(default_config)
    comments = re.findall(r"config\.([\w.]+) = .+?  # (.+)", source)
    defaults = default_config()
    return [(key, _shown(_get(defaults, key)), comment) for key, comment in comments]


def _shown(value) -> str:
    """A value as an override would give it; an empty string can be seen."""
    return str(value) if value != "" else '""'
