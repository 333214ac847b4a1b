"""The figures of a report: learning curves, and what a sweep's parameters did."""

import html
import math
import warnings
from collections.abc import Sequence

import plotly.colors
import plotly.graph_objects as go
from plotly import subplots

from ocr_jax import errors
from ocr_jax.tracking import console
from reporting import runs as runs_lib

# Eight colours that colour-blind readers tell apart (Okabe and Ito, 2008).
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
PALETTE += ["#56B4E9", "#E69F00", "#000000", "#999999"]
INK, RULE = "#1d1d1b", "#c9c9c5"
FONT = {"family": "system-ui, -apple-system, Segoe UI, sans-serif", "size": 13}
# PED-ANOVA describes the best runs: Optuna advises at least five of them.
BEST_SHARE, IMPORTANCE_RUNS = 0.25, 20
# An axis of more different numbers than that is a scale, not a list.
MOST_TICKS = 8
LONGEST_TICK = 18
# From here on a number's values are spread over orders of magnitude.
LOG_RATIO = 10


def curves(runs: Sequence[runs_lib.Run]) -> go.Figure:
    """Validation's score by epoch, left; its loss and training's (dotted), right."""
    split = "validation"  # the one that is read after every epoch
    name, title = next(iter(runs[0].names.items()))
    figure = subplots.make_subplots(
        cols=2, subplot_titles=(f"{split} {title}", f"loss: {split} —, train ···")
    )
    for run, color in zip(runs, colors(len(runs)), strict=True):
        for key, column, dash in (
            (f"{split}/{name}", 1, "solid"),
            (f"{split}/loss", 2, "solid"),
            ("train/loss", 2, "dot"),
        ):
            trace = go.Scatter(
                x=[row["epoch"] for row in run.epochs],
                y=[row.get(key) for row in run.epochs],
                name=_literal(run.name),
                legendgroup=run.name,
                showlegend=column == 1,
                mode="lines+markers" if len(run.epochs) < 3 else "lines",
                line={"color": color, "dash": dash, "width": 2},
                hovertemplate="epoch %{x}: %{y:.4~g}",
            )
            figure.add_trace(trace, row=1, col=column)
    longest = max(row["epoch"] for run in runs for row in run.epochs)
    # Of its own, plotly marks halves of few epochs.
    figure.update_xaxes(title="epoch", dtick=1 if longest < MOST_TICKS else None)
    figure.update_yaxes(rangemode="tozero")
    figure.update_yaxes(tickformat=".0%", col=1)
    return _calm(figure, height=420)


def colors(count: int) -> list[str]:
    """A colour for each run."""
    if count <= len(PALETTE):
        return PALETTE[:count]
    places = [0.05 + 0.9 * i / (count - 1) for i in range(count)]
    return plotly.colors.sample_colorscale("Turbo", places)


def parallel(runs: Sequence[runs_lib.Run], keys: Sequence[str]) -> go.Figure:
    """One line a scored run through its parameters to its score, the best ones dark."""
    name, title = next(iter(runs[0].names.items()))
    score = [run.scores["summary"][name] for run in runs]
    columns = {key: [run.config[key] for run in runs] for key in keys}
    axes = [_axis(values) for values in columns.values()]
    axes.append(([*_scaled(score)], {0: f"{min(score):.1%}", 1: f"{max(score):.1%}"}))
    titles = [*columns, title]
    figure = go.Figure()
    # The best come last, on top of the others.
    for place in sorted(range(len(runs)), key=lambda i: -runs[i].error):
        heights = [heights[place] for heights, _ in axes]
        settings = [f"{key} = {values[place]}" for key, values in columns.items()]
        hover = [runs[place].name, f"{title} {score[place]:.1%}", *settings]
        shade = heights[-1] if name != "f1" else 1 - heights[-1]
        [color] = plotly.colors.sample_colorscale("Viridis", [0.9 * shade])
        figure.add_scatter(
            x=list(range(len(axes))),
            y=heights,
            mode="lines+markers",
            line={"color": color, "width": 2},
            hovertemplate="<br>".join(map(_literal, hover)) + "<extra></extra>",
        )
    for x, (_, ticks) in enumerate(axes):
        figure.add_vline(x, line={"color": RULE, "width": 1}, layer="below")
        for y, tick in ticks.items():
            figure.add_annotation(x=x, y=y, text=_literal(tick), xshift=-6)
    figure.update_annotations(showarrow=False, xanchor="right", bgcolor="#ffffffd8")
    figure.update_xaxes(
        tickvals=list(range(len(axes))),
        ticktext=list(map(_literal, titles)),
        range=[-0.35, len(axes) - 0.8],
        side="top",
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(visible=False, range=[-0.06, 1.06])
    figure = _calm(figure, height=380).update_layout(showlegend=False)
    return figure.update_layout(margin_b=10)


def importance(runs: Sequence[runs_lib.Run], keys: Sequence[str]) -> go.Figure:
    """How much each parameter has to do with being among the best quarter.

    PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023) as Optuna has it.
    """
    import optuna  # most of a second that only this takes

    columns = {key: [run.config[key] for run in runs] for key in keys}
    kinds = {key: _distribution(values) for key, values in columns.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study()
        for place, run in enumerate(runs):
            trial = optuna.trial.create_trial(
                params={k: _plain(values[place]) for k, values in columns.items()},
                distributions=kinds,
                value=run.error,
            )
            study.add_trial(trial)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(
            target_quantile=BEST_SHARE
        )
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    names = sorted(shares, key=shares.get)
    bars = go.Bar(
        x=[shares[name] for name in names],
        y=names,
        orientation="h",
        marker={"color": PALETTE[0]},
        hovertemplate="%{y}: %{x:.0%}<extra></extra>",
    )
    figure = _calm(go.Figure(bars), height=120 + 28 * len(names))
    return figure.update_xaxes(tickformat=".0%", rangemode="tozero")


def _axis(values: list) -> tuple[list[float], dict[float, str]]:
    """Heights in [0, 1] of a parameter's values, and height → text of its ticks."""
    numbers = all(map(_is_number, values))
    kinds = sorted(set(map(_plain, values)), key=None if numbers else str)
    if numbers and len(kinds) > MOST_TICKS:
        return _scaled(values), {0: f"{kinds[0]:.4g}", 1: f"{kinds[-1]:.4g}"}
    heights = {kind: i / max(len(kinds) - 1, 1) for i, kind in enumerate(kinds)}
    ticks = {
        height: errors.one_line(kind, LONGEST_TICK) or console.ABSENT
        for kind, height in heights.items()
    }
    return [heights[_plain(value)] for value in values], ticks


def _scaled(values: list[float]) -> list[float]:
    """Numbers brought to [0, 1], their logarithms where they span magnitudes."""
    if _is_logarithmic(values):
        values = [math.log(value) for value in values]
    low, high = min(values), max(values)
    return [(value - low) / ((high - low) or 1) for value in values]


def _is_logarithmic(values: list[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= LOG_RATIO


def _distribution(values: list):
    """What Optuna should take the values to be drawn from."""
    from optuna import distributions

    if not all(map(_is_number, values)):
        return distributions.CategoricalDistribution(sorted(set(map(_plain, values))))
    low, high = float(min(values)), float(max(values))
    return distributions.FloatDistribution(low, high, log=_is_logarithmic(values))


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value):
    """A value as an axis takes it: a number, or text."""
    return value if _is_number(value) else str(value)


def _literal(text: str) -> str:
    """Text for plotly, which knows some tags, and of the entities not the quotes'."""
    return html.escape(text, quote=False)


def _calm(figure: go.Figure, height: int) -> go.Figure:
    return figure.update_layout(
        template="plotly_white",
        font=FONT | {"color": INK},
        height=height,
        hovermode="closest",
        hoverlabel={"namelength": -1},
        margin={"t": 40, "l": 60, "r": 20, "b": 45},
        legend={"itemsizing": "constant"},
    )
