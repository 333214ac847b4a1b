"""The parameters of a sweep: all kinds that W&B has, as Optuna draws them.

A kind that is neither a list nor whole numbers is drawn by its inverse distribution
function from a number in [0, 1]. A search in that number is one in the logarithm where
the kind is logarithmic.
"""

import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from scipy import stats

from ocr_jax.errors import UserError

if TYPE_CHECKING:
    import optuna


# Trials of a grid, all of which are queued before the first one starts.
MOST_OF_GRID = 10_000


class Kind(NamedTuple):
    """A W&B distribution: the keys it takes, with defaults (None: it needs them)."""

    keys: dict[str, float | None]
    quantile: Callable[[float, dict], float] = lambda u, settings: u


def _between(u: float, settings: dict) -> float:
    return settings["min"] + u * (settings["max"] - settings["min"])


def _log_between(u: float, settings: dict) -> float:
    low, high = math.log(settings["min"]), math.log(settings["max"])
    return math.exp(low + u * (high - low))


def _normal(u: float, settings: dict) -> float:
    # The ends of [0, 1] would be infinite.
    inside = min(max(u, 1e-6), 1 - 1e-6)
    return float(stats.norm.ppf(inside, settings["mu"], settings["sigma"]))


def _beta(u: float, settings: dict) -> float:
    return float(stats.beta.ppf(u, settings["a"], settings["b"]))


_RANGE, _BELL = {"min": None, "max": None}, {"mu": 0.0, "sigma": 1.0}
_CONTINUOUS = {
    "uniform": Kind(_RANGE, _between),
    "log_uniform": Kind(_RANGE, lambda u, s: math.exp(_between(u, s))),
    "log_uniform_values": Kind(_RANGE, _log_between),
    "normal": Kind(_BELL, _normal),
    "log_normal": Kind(_BELL, lambda u, s: math.exp(_normal(u, s))),
    "beta": Kind({"a": 1.0, "b": 1.0}, _beta),
}
KINDS = (
    _CONTINUOUS
    | {
        f"q_{name}": Kind(kind.keys | {"q": 1.0}, kind.quantile)
        for name, kind in _CONTINUOUS.items()
    }
    | {
        "inv_log_uniform": Kind(_RANGE, lambda u, s: math.exp(-_between(1 - u, s))),
        "inv_log_uniform_values": Kind(_RANGE, _log_between),
        "int_uniform": Kind(_RANGE),
        "categorical": Kind({"values": None}),
        "categorical_w_probabilities": Kind({"values": None, "probabilities": None}),
        "constant": Kind({"value": None}),
    }
)


class Parameter(NamedTuple):
    """One parameter of a sweep: a config key, and how its values are drawn."""

    name: str
    kind: str
    settings: dict

    def ends(self) -> tuple[float, ...]:
        """The least and the greatest value, of kinds drawn from [0, 1]."""
        if self.kind == "int_uniform" or {"value", "values"} & self.settings.keys():
            return ()
        return self.value(0.0), self.value(1.0)

    def draw(self, trial: "optuna.Trial") -> float:
        """What the trial has, or draws now; `value` makes a config's value of it."""
        if self.kind == "int_uniform":
            low, high = self.settings["min"], self.settings["max"]
            return trial.suggest_int(self.name, low, high)
        if self.kind in ("categorical", "constant"):
            places = list(range(len(self._values())))
            return trial.suggest_categorical(self.name, places)
        return trial.suggest_float(self.name, 0.0, 1.0)

    def value(self, drawn: float):
        """The config's value of what Optuna drew."""
        if self.kind == "int_uniform":
            return drawn
        if self.kind in ("categorical", "constant"):
            return self._values()[drawn]
        if self.kind == "categorical_w_probabilities":
            ends = itertools.accumulate(self.settings["probabilities"])
            total = sum(self.settings["probabilities"])
            place = sum(end / total <= drawn for end in ends)
            return self._values()[min(place, len(self._values()) - 1)]
        value = KINDS[self.kind].quantile(drawn, self.settings)
        q = self.settings.get("q")
        return value if q is None else _rounded(value, q)

    def grid(self) -> list:
        """All draws, in order; UserError for a parameter with endlessly many."""
        if self.kind == "int_uniform":
            return self._few(range(self.settings["min"], self.settings["max"] + 1))
        if self.kind in ("categorical", "constant"):
            return list(range(len(self._values())))
        if self.kind == "q_uniform":
            low, high, q = (self.settings[key] for key in ("min", "max", "q"))
            steps = range(math.ceil(low / q - 1e-9), math.floor(high / q + 1e-9) + 1)
            if not steps:
                raise UserError(
                    f"parameters: {self.name}: no multiple of q, {q}, is between "
                    f"min {low} and max {high}"
                )
            return [(step * q - low) / ((high - low) or 1) for step in self._few(steps)]
        raise UserError(
            f"parameters: {self.name}: no grid ends over {self.kind}: list values, "
            "or another method"
        )

    def _few(self, numbers: range) -> list[int]:
        count = numbers.stop - numbers.start
        if count > MOST_OF_GRID:
            raise UserError(
                f"parameters: {self.name}: a grid over {count:,} values does not end: "
                "list values, or another method"
            )
        return list(numbers)

    def _values(self) -> list:
        return self.settings.get("values", [self.settings.get("value")])


def _rounded(value: float, q: float) -> float:
    """The multiple of q next to `value`, whole if q is."""
    steps = round(value / q)
    return steps * q if isinstance(q, int) else float(f"{steps * q:.12g}")
