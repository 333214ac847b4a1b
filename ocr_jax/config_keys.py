"""The table of config keys: one row says everything about a key.

The defaults, the checks, `main --help --config=FILE` and configs/README.md all come
from these rows.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Key:
    """A config key: its default, what it sets, and the values it accepts.

    A number needs low and high, which hold for each item of a tuple; text may have
    choices. architecture: two networks that differ in it cannot share weights.
    compared: two runs that differ in it compute different things.
    """

    name: str
    default: object
    help: str
    _: dataclasses.KW_ONLY
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False  # text that must not be empty
    group: str = ""  # heading
    architecture: bool = False
    compared: bool = True

    def __post_init__(self):
        if self.is_number and (self.low is None or self.high is None):
            raise ValueError(f"config key {self.name} is a number: give low and high")
        if mistake := self.mistake(self.default):
            raise ValueError(f"the default of config key {self.name} {mistake}")

    @property
    def is_number(self) -> bool:
        """Whether it holds a number, or a tuple of numbers; True is not a number."""
        return not isinstance(self.default, bool | str)

    def mistake(self, value) -> str:
        """What is wrong with a value, and what is expected; "" if nothing is."""
        if self.choices and value not in self.choices:
            expected = ", ".join(choice or "nothing" for choice in self.choices)
            return f"is {value!r}: expected one of {expected}"
        if self.required and not value:
            return "is empty: it needs a value"
        if isinstance(self.default, tuple):
            kind = type(self.default[0])
            fits = all(isinstance(v, kind) and self._is_within(v) for v in value)
            if not (value and fits):
                return f"is {value}: expected numbers from {self.low} to {self.high}"
        elif self.is_number and not self._is_within(value):
            return f"is {value}: expected {self.low} to {self.high}"
        return ""

    def _is_within(self, value) -> bool:
        return type(value) in (int, float) and self.low <= value <= self.high

    @property
    def accepted(self) -> str:
        """The values it accepts, for people; "" if any will do."""
        if self.choices:
            return ", ".join(choice or "empty" for choice in self.choices)
        if self.is_number:
            return f"{self.low:,} to {self.high:,}"
        return ""

    @property
    def shown_default(self) -> str:
        """The default as the command line takes it; an empty one can be seen."""
        return str(self.default) if self.default != "" else '""'


def _group(heading: str, *keys: Key, **attributes) -> tuple[Key, ...]:
    """The keys under a heading, with the attributes that all of them share."""
    return tuple(dataclasses.replace(key, group=heading, **attributes) for key in keys)


DATA = _group(
    "Run and data",
    Key(
        "name",
        "lines",
        "start of the names of the workdir and the W&B run",
        required=True,
    ),
    Key("lines_file", "data/lines.h5", "made by ocr_jax.prepare", required=True),
    Key(
        "prepare_args",
        "",
        "arguments of ocr_jax.prepare that make a missing lines_file",
    ),
    Key("height", 0, "line height of lines_file in pixels; 0: any", low=0, high=1024),
    Key("charset", "", "characters to recognise; empty: of lines_file and init_from"),
    Key(
        "text_direction",
        "",
        "base direction of lines that mix directions; empty: that of most letters; "
        "display: transcripts are in display order already",
        choices=("", "ltr", "rtl", "display"),
        compared=False,  # dataset.json has what it comes to
    ),
    Key(
        "num_buckets", 5, "padded widths of batches; each compiles once", low=1, high=64
    ),
)
# Two networks that differ in one of these cannot share weights or form an ensemble.
NETWORK = _group(
    "Network",
    Key(
        "encoder",
        "conv",
        "turns an image into frames; upright_conv: conv, after straightening lines "
        "that slant and stretching dense ones; page: finds the lines of whole pages",
        choices=("conv", "upright_conv", "sliding_window", "mlp", "page"),
    ),
    Key("conv_channels", (16, 32, 64, 128), "features per block", low=1, high=65536),
    Key("frame_stride", 4, "conv: pixels per frame, a power of two", low=2, high=64),
    Key("residual_blocks", 0, "conv: in each block but the first", low=0, high=16),
    Key(
        "column_max",
        False,
        "conv: max-pool over the rows of a frame instead of concatenating them",
    ),
    Key("window_width", 12, "sliding_window, mlp: pixels per window", low=6, high=512),
    Key("window_stride", 5, "sliding_window, mlp: pixels per frame", low=1, high=512),
    Key("layer_size", 128, "sliding_window, mlp: dense units", low=1, high=65536),
    Key("num_layers", 3, "mlp: dense layers", low=1, high=64),
    Key("batch_norm", True, "normalise after convolutions, ignoring padding"),
    Key("lstm_layers", 2, "0 gives an all-convolutional network", low=0, high=16),
    Key("lstm_dim", 128, "units per direction", low=1, high=8192),
    Key("bidirectional", True, "read each line from both ends"),
    Key(
        "dtype",
        "float32",
        "compute dtype of matrix products",
        choices=("float32", "bfloat16"),
    ),
    Key("ensemble_size", 1, "networks averaged; see ocr_jax.ensemble", low=1, high=64),
    architecture=True,
)
TRAINING = _group(
    "Training",
    Key(
        "init_from",
        "",
        "workdir, pretrained:NAME or wandb:ENTITY/PROJECT/RUN to start from",
    ),
    Key(
        "init_from_args",
        "",
        "arguments of ocr_jax.main that train a missing init_from",
        compared=False,
    ),
    Key(
        "init_from_share",
        0.5,
        "share of the parameters that init_from must have for it; 0: take what fits",
        low=0,
        high=1,
        compared=False,
    ),
    Key("freeze", "", "part that keeps its init_from weights", choices=("", "encoder")),
    Key("batch_size", 16, "lines per batch, over all devices", low=1, high=65536),
    Key(
        "num_epochs",
        50,
        "maximum passes over the lines; 0: chosen by their number, more for fewer",
        low=0,
        high=1_000_000,
    ),
    Key(
        "early_stop_patience",
        0,
        "epochs without a lower validation CER before it stops; 0: off",
        low=0,
        high=1_000_000,
    ),
    Key(
        "optimizer", "adamw", "update rule", choices=("adamw", "adam", "rmsprop", "sgd")
    ),
    Key("learning_rate", 1e-3, "peak learning rate", low=0, high=100),
    Key(
        "schedule",
        "cosine",
        "step divides the rate by 10 at 1/2 and 3/4 of training",
        choices=("constant", "cosine", "step"),
    ),
    Key("warmup_steps", 200, "updates to reach learning_rate", low=0, high=10_000_000),
    Key("weight_decay", 1e-4, "adamw only", low=0, high=10),
    Key(
        "grad_clip", 5.0, "maximum global gradient norm; 0: off", low=0, high=1_000_000
    ),
    Key("accumulate_steps", 1, "batches per update", low=1, high=65536),
    Key("ema_decay", 0.0, "decay of the averaged weights; 0: off", low=0, high=0.99999),
    Key("dropout", 0.2, "after the encoder and each LSTM layer", low=0, high=0.95),
    Key(
        "shortcut_weight",
        0.0,
        "weight of the CTC loss of a head on the encoder alone",
        low=0,
        high=10,
    ),
    Key(
        "ctc_implementation",
        "fast",
        "optax: the same loss, slower",
        choices=("fast", "optax"),
    ),
    Key(
        "lstm_implementation",
        "scan",
        "cudnn: NVIDIA GPUs only",
        choices=("scan", "cudnn"),
    ),
    Key(
        "steps_per_dispatch",
        1,
        "updates per compiled call, on batches of one width",
        low=1,
        high=1_000,
    ),
    Key("seed", 0, "of weights, order, dropout, augmentation", low=0, high=2**31 - 1),
)
AUGMENTATION = _group(
    "Augmentation (strengths; 0 turns a kind off)",
    Key(
        "augment.probability",
        0.0,
        "share of lines that each kind changes",
        low=0,
        high=1,
    ),
    Key("augment.slant", 0.0, "tangent of the largest shear", low=0, high=1),
    Key("augment.scale", 0.0, "share of the width", low=0, high=0.5),
    Key("augment.rotation", 0.0, "degrees", low=0, high=10),
    Key("augment.shift", 0.0, "share of the height, up or down", low=0, high=0.25),
    Key("augment.elastic", 0.0, "share of the height, per letter", low=0, high=0.25),
    Key("augment.grid", 0.0, "share of the height, per word", low=0, high=0.4),
    Key("augment.stroke", 0.0, "pixels thicker or thinner", low=0, high=2),
    Key("augment.bleed", 0.0, "ink that shows through the paper", low=0, high=1),
    Key("augment.ruled_lines", 0.0, "ink of ruled lines", low=0, high=1),
    Key("augment.blur", 0.0, "standard deviation in pixels", low=0, high=2),
    Key("augment.contrast", 0.0, "share of gain and gamma", low=0, high=0.9),
    Key("augment.brightness", 0.0, "ink added or removed everywhere", low=0, high=0.5),
    Key("augment.noise", 0.0, "standard deviation; full ink is 1", low=0, high=0.5),
    Key("augment.mask", 0.0, "share of the width blanked, in spans", low=0, high=0.5),
)
# A run resumes, and keeps its workdir's default name, whatever these are.
TRACKING = _group(
    "Tracking and machines (no effect on the result)",
    Key("experiment_group", "", "W&B group of runs to compare"),
    Key(
        "wandb.mode",
        "auto",
        "auto: online if there are a login and a network, else offline",
        choices=("disabled", "offline", "online", "auto"),
    ),
    Key("wandb.project", "ocr_jax", "W&B project of the run"),
    Key("log_every_steps", 20, "batches between logged metrics", low=1, high=1_000_000),
    Key(
        "profile_steps",
        0,
        "compiled calls to trace into WORKDIR/profile; 0: off",
        low=0,
        high=1_000,
    ),
    Key(
        "loader",
        "auto",
        "resident keeps lines on the device, tf_data streams them; auto: resident "
        "where they fit",
        choices=("auto", "resident", "tf_data"),
    ),
    Key(
        "processes",
        "",
        "of a run on many hosts: HOST:PORT of the first, their count, the number of "
        "this one from 0; alone: none, also under Slurm; empty: ask Slurm",
    ),
    compared=False,
)
KEYS = {key.name: key for key in DATA + NETWORK + TRAINING + AUGMENTATION + TRACKING}
ARCHITECTURE = tuple(key.name for key in KEYS.values() if key.architecture)
NOT_COMPARED = tuple(key.name for key in KEYS.values() if not key.compared)
# Old name → new name: a config.json that was written with the old ones still opens.
RENAMED = {
    "source": "prepare_args",
    "members": "ensemble_size",
    "ctc": "ctc_implementation",
    "shortcut": "shortcut_weight",
    "accumulate": "accumulate_steps",
    "average": "ema_decay",
    "augment.lines": "augment.ruled_lines",
    "distributed.coordinator": "processes",
    "distributed.num_processes": "processes",
    "distributed.process_id": "processes",
}
