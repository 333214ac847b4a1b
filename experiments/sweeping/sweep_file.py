"""Reads sweep files in W&B's format, and refuses what W&B would refuse."""

import difflib
import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from launching import jobs

from ocr_jax.errors import UserError
from ocr_jax.scoring import metrics, page_metrics
from sweeping import sweep_space

TOP_KEYS = {"method", "metric", "parameters", "early_terminate", "command", "run_cap"}
# Of W&B alone; here they are names.
TOP_KEYS |= {"name", "description", "program", "project", "entity", "controller"}
METHODS = ("grid", "random", "bayes")
PREFIX = "config."
# Words of a command that every trial has, whoever starts it.
USED = re.compile(
    r"(/\S*/)?(env|python[\d.]*)|-m|ocr_jax\.main|\$\{(env|interpreter|args)\}"
)
# Of an epoch, beside the scores of its validation.
LOGGED = ("train/loss", "train/seconds", "validation/seconds")


class Sweep(NamedTuple):
    """A checked sweep."""

    name: str
    method: str
    metric: str
    minimize: bool
    parameters: list[sweep_space.Parameter]
    run_cap: int | None
    hyperband: dict | None  # min_iter, max_iter, s, eta, as far as given
    config: str
    overrides: dict[str, str]  # of the command itself

    def grid(self) -> Iterator[dict[str, float]]:
        """Every combination of draws."""
        names = [parameter.name for parameter in self.parameters]
        for point in itertools.product(*(p.grid() for p in self.parameters)):
            yield dict(zip(names, point, strict=True))

    def values(self, drawn: dict[str, float]) -> dict[str, object]:
        """Config keys and values of a trial's draws."""
        return {
            p.name.removeprefix(PREFIX): p.value(drawn[p.name]) for p in self.parameters
        }


def read(path: Path) -> Sweep:
    """Read a sweep file. Raises UserError for anything W&B or we would refuse."""
    try:
        return _checked(jobs.load_yaml(path), Path(path).stem)
    except UserError as error:
        known = str(error).startswith(str(path))
        raise error if known else UserError(f"{path}: {error}") from None


def _checked(content: dict, stem: str) -> Sweep:
    _only(content, TOP_KEYS, "")
    method = _one_of(content, "method", METHODS)
    declared = content.get("parameters")
    if not isinstance(declared, dict) or not declared:
        raise UserError("there are no parameters: expected `parameters:` and names")
    parameters = [_parameter(name, settings) for name, settings in declared.items()]
    hyperband = _hyperband(content.get("early_terminate"))
    metric = content.get("metric") or {}
    if not metric and method != "bayes" and hyperband is None:
        metric = {"name": "validation/cer"}  # W&B asks for none either
    if not isinstance(metric, dict):
        raise UserError(f"metric is {metric!r}: expected name: and goal:")
    _only(metric, {"name", "goal", "target"}, "metric: ")
    if "name" not in metric:
        raise UserError("metric has no name: expected name: validation/cer")
    if not isinstance(metric["name"], str):
        raise UserError(f"metric: name is {metric['name']!r}: expected validation/cer")
    goal = _one_of({"goal": "minimize"} | metric, "goal", ("minimize", "maximize"))
    run_cap = content.get("run_cap")
    if run_cap is not None and (type(run_cap) is not int or run_cap < 1):
        raise UserError(f"run_cap is {run_cap!r}: expected 1 or more")
    config, overrides = _command(content.get("command"))
    sweep = Sweep(
        name=jobs.name_of(content, "name", "the sweep") or stem,
        method=method,
        metric=metric["name"],
        minimize=goal == "minimize",
        parameters=parameters,
        run_cap=run_cap,
        hyperband=hyperband,
        config=config,
        overrides=overrides,
    )
    if method == "grid":
        size = math.prod(len(parameter.grid()) for parameter in parameters)
        if size > sweep_space.MOST_OF_GRID:
            raise UserError(
                f"a grid of {size:,} trials: expected {sweep_space.MOST_OF_GRID:,} at "
                "most; list fewer values, or another method"
            )
    return sweep


def refuse_wrong_metric(sweep: Sweep, encoder: str):
    """Raise UserError if a training with this encoder does not log the metric.

    Raises it, too, if the goal would look for the worst value. The default goal is
    minimize.
    """
    is_finder = encoder == "page"
    scores = page_metrics.SCORES if is_finder else metrics.SCORES
    rises = {f"validation/{score.name}": score.rises for score in scores}
    rises |= dict.fromkeys(LOGGED, False)
    rises[f"train/{'tile' if is_finder else 'line'}s_per_second"] = True
    if sweep.metric not in rises:
        raise UserError(
            f"there is no metric {sweep.metric!r}: expected one of {', '.join(rises)}"
        )
    if sweep.minimize == rises[sweep.metric]:
        better, goal = (
            ("higher", "maximize") if sweep.minimize else ("lower", "minimize")
        )
        raise UserError(
            f"{sweep.metric} is better the {better} it is: write goal: {goal} below "
            "metric:"
        )


def _parameter(name: str, settings) -> sweep_space.Parameter:
    where = f"parameters: {name}"
    if f"{name}." == PREFIX and isinstance(settings, dict):
        inside = settings.get("parameters", settings)
        key = next(iter(inside), "KEY") if isinstance(inside, dict) else "KEY"
        raise UserError(
            f"{where} holds other keys: write each with all its names and one dot "
            f"between them, as {PREFIX}{key}"
        )
    if not re.fullmatch(r"[A-Za-z_][\w.-]*", str(name)):
        raise UserError(f"{where}: W&B takes letters, digits, _ . - in a name")
    if not name.startswith(PREFIX):
        raise UserError(f"{where} is no flag of ocr_jax.main: call it {PREFIX}{name}")
    if not isinstance(settings, dict):
        raise UserError(
            f"{where} is {settings!r}: expected value, values, or min and max"
        )
    if "parameters" in settings:
        raise UserError(f"{where} is nested: call what is in it {name}.KEY")
    kind = settings.get("distribution") or _kind_of(settings, where)
    if not isinstance(kind, str) or kind not in sweep_space.KINDS:
        near = difflib.get_close_matches(str(kind), sweep_space.KINDS, n=1)
        hint = f": did you mean {near[0]}?" if near else ""
        raise UserError(f"{where}: there is no distribution {kind!r}{hint}")
    keys = sweep_space.KINDS[kind].keys
    _only(settings, {*keys, "distribution"}, f"{where}: ")
    for key, default in keys.items():
        if default is None and key not in settings:
            raise UserError(f"{where}: {kind} needs {key}")
    settings = {k: v for k, v in keys.items() if v is not None} | settings
    _check_values(kind, settings, where)
    parameter = sweep_space.Parameter(name, kind, settings)
    if not _is_finite(parameter):
        exponents = kind.endswith("log_uniform")
        hint = " (min and max are exponents: for values take {}_values)" * exponents
        raise UserError(
            f"{where}: {kind} gives numbers that are too large{hint.format(kind)}"
        )
    return parameter


def _is_finite(parameter: sweep_space.Parameter) -> bool:
    """Whether all that the parameter draws are numbers that a float can hold."""
    try:
        return all(math.isfinite(value) for value in parameter.ends())
    except (OverflowError, ValueError):  # exp of too much; inf or NaN, rounded
        return False


def _kind_of(settings: dict, where: str) -> str:
    """The distribution that W&B takes where none is named."""
    if "value" in settings:
        return "constant"
    if "values" in settings:
        has = "probabilities" in settings
        return "categorical_w_probabilities" if has else "categorical"
    if "min" in settings and "max" in settings:
        whole = all(type(settings[key]) is int for key in ("min", "max"))
        return "int_uniform" if whole else "uniform"
    raise UserError(f"{where} needs value, values, or min and max")


def _check_values(kind: str, settings: dict, where: str):
    """Raise UserError if a setting has the wrong type or size."""
    for key in ("min", "max", "mu", "sigma", "a", "b", "q"):
        value = settings.get(key, 1)
        whole = kind == "int_uniform"
        if isinstance(value, bool) or not isinstance(
            value, int if whole else int | float
        ):
            hint = " (YAML takes 1e-3 for text: write 1.0e-3)" * isinstance(value, str)
            number = "a whole number" if whole else "a number"
            raise UserError(f"{where}: {key} is {value!r}: expected {number}{hint}")
        if key in ("sigma", "a", "b", "q") and value <= 0:
            raise UserError(f"{where}: {key} is {value}: expected more than 0")
    if "min" in settings and settings["min"] > settings["max"]:
        raise UserError(
            f"{where}: min {settings['min']} is above max {settings['max']}"
        )
    if kind.endswith("log_uniform_values") and settings["min"] <= 0:
        raise UserError(f"{where}: min is {settings['min']}: expected more than 0")
    values = settings.get("values", [0])
    if not isinstance(values, list) or not values:
        raise UserError(f"{where}: values is {values!r}: expected a list")
    chances = settings.get("probabilities", [1] * len(values))
    if not isinstance(chances, list) or len(chances) != len(values):
        raise UserError(f"{where}: expected as many probabilities as values")
    if not all(isinstance(c, int | float) and c >= 0 for c in chances) or not sum(
        chances
    ):
        raise UserError(f"{where}: probabilities must be numbers from 0 on")


def _hyperband(settings) -> dict | None:
    if settings is None:
        return None
    if not isinstance(settings, dict) or settings.get("type") != "hyperband":
        raise UserError("early_terminate needs type: hyperband")
    if "strict" in settings:
        raise UserError("early_terminate: strict is for W&B alone: leave it out")
    keys = {"type", "min_iter", "max_iter", "s", "eta"}
    _only(settings, keys, "early_terminate: ")
    if not {"min_iter", "max_iter"} & settings.keys():
        raise UserError("early_terminate needs min_iter or max_iter, in epochs")
    if "max_iter" in settings and "s" not in settings:
        raise UserError("early_terminate: max_iter needs s, the number of brackets")
    for key in ("min_iter", "max_iter", "s", "eta"):
        value = settings.get(key, 3)
        if type(value) is not int or value < 1 + (key == "eta"):
            raise UserError(f"early_terminate: {key} is {value!r}: expected more")
    least, most = settings.get("min_iter", 0), settings.get("max_iter", math.inf)
    if least >= most:
        raise UserError(
            f"early_terminate: min_iter {least} is not below max_iter {most}"
        )
    return settings


def _command(words) -> tuple[str, dict[str, str]]:
    """The config file and the overrides of the command that W&B's agents run."""
    expected = "python -m ocr_jax.main --config=configs/NAME.py ${args}, as a list"
    if not isinstance(words, list) or "ocr_jax.main" not in words:
        raise UserError(f"command is {words!r}: expected {expected}")
    config = [str(w).removeprefix("--config=") for w in words if _is(w, "--config=")]
    if len(config) != 1 or words[-1] != "${args}":
        raise UserError(
            f"command has no --config or no ${{args}} at its end: {expected}"
        )
    for word in words:
        if not _is(word, "--config") and not USED.fullmatch(str(word)):
            raise UserError(
                f"command has {str(word)!r}, which no trial would get: expected "
                f"{expected}; slots are for sweep.py, as --gpus"
            )
    pairs = [w.removeprefix("--config.") for w in words if _is(w, "--config.")]
    return config[0], dict(pair.partition("=")[::2] for pair in pairs)


def _is(word, prefix: str) -> bool:
    return str(word).startswith(prefix)


def _only(content: dict, known: set[str], where: str):
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise UserError(f"{where}there is no key {key!r}{hint}")


def _one_of(content: dict, key: str, choices: tuple[str, ...]) -> str:
    if content.get(key) not in choices:
        raise UserError(
            f"{key} is {content.get(key)!r}: expected one of {', '.join(choices)}"
        )
    return content[key]
