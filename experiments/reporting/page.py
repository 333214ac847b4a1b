"""Renders runs side by side on one self-contained HTML page."""

import html
import string
from collections.abc import Sequence
from pathlib import Path

import plotly.offline

from ocr_jax import extras, workdirs
from ocr_jax.errors import UserError
from ocr_jax.scoring import metrics
from ocr_jax.tracking import console
from reporting import plots, readings
from reporting import runs as runs_lib

TEMPLATE = Path(__file__).with_name("page.html")


def write(out: Path, runs: Sequence[runs_lib.Run], split: str):
    """Write the page. Raises UserError if runs were scored on different lines."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out={out}: expected a name that ends in .html")
    runs_lib.refuse_unknown_split(runs, split)
    runs_lib.refuse_other_lines(runs)
    try:
        workdirs.write_text(out, render(runs, split))
    except OSError as error:
        raise UserError(f"--out={out} can't be written: {error.strerror}") from None
    print(f"{out}: {_counted(runs)} on {split}")


def render(runs: Sequence[runs_lib.Run], split: str) -> str:
    """The whole page as HTML."""
    keys = runs_lib.differing_keys(runs)
    parts = [
        _head(runs, split),
        _table(runs, keys, split),
        _curves(runs),
        _paired_test(runs, split) if len(runs) == 2 else "",
        _sweep(runs, keys) if len(runs) > 2 and keys else "",
        readings.section(runs, split),
    ]
    return string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=html.escape(f"{_counted(runs)} on {split}"),
        plotly=plotly.offline.get_plotlyjs(),
        body="\n".join(parts),
    )


def _counted(runs: Sequence[runs_lib.Run]) -> str:
    return f"{len(runs)} runs" if len(runs) > 1 else "One run"


def _head(runs: Sequence[runs_lib.Run], split: str) -> str:
    """Render what is compared, and the result in one sentence."""
    heading = f"<h1>{_counted(runs)} on {html.escape(split)}</h1>"
    best = runs_lib.best(runs)
    if best is None:
        return heading + "<p>None is finished: scores are those of the last epoch.</p>"
    name, title = next(iter(best.names.items()))
    facts = [f"{best.size:,} lines"]
    if best.lines:
        writers = {line.writer for line in best.lines if line.writer}
        facts += [f"{len(writers):,} writers"] if writers else []
    facts.append(f"from {best.config['lines_file']}")
    over = "pages" if "pages" in best.scores else "writers"
    notes = "".join(map(_note, runs_lib.notes(runs)))
    return (
        f'{heading}<p class="faint">{html.escape(", ".join(facts))}. In brackets: 95 % '
        f"intervals, bootstrap over {over}.</p>{notes}"
        f"<p>Of the finished runs, <b>{html.escape(best.name)}</b> has the best "
        f"{title}: {_rate(best, name, split)}. Scores of a finished run are those of "
        "its best epoch, of another those of its last one.</p>"
    )


def _table(runs: Sequence[runs_lib.Run], keys: Sequence[str], split: str) -> str:
    """Render one row per run; each cell has its sort key."""
    titles = ["run", "state", *runs[0].names.values(), *keys]
    titles += [f"{runs[0].unit}/s", "parameters", "time"]
    heads = [
        f"<th{_text(place < 2)}><button>{html.escape(title)}</button></th>"
        for place, title in enumerate([*titles, "epochs"])
    ]
    best = runs_lib.best(runs)
    colors = plots.colors(len(runs))
    rows = [
        f'<tr class="best">{cells}</tr>' if run is best else f"<tr>{cells}</tr>"
        for run, color in zip(runs, colors, strict=True)
        for cells in ["".join(_cells(run, keys, split, color, run is best))]
    ]
    return (
        '<div class="scroll"><table class="runs"><thead><tr>'
        f"{''.join(heads)}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cells(run: runs_lib.Run, keys, split: str, color: str, is_best: bool) -> list[str]:
    name = f'<span class="dot" style="background:{color}"></span>'
    name += f'<span class="name">{html.escape(run.name)}</span>'
    name += '<span class="badge">best</span>' * is_best
    speed, count = run.speed, run.parameters
    done = len(run.epochs)
    planned = run.config["num_epochs"] or done  # 0 is decided by the lines
    return [
        _cell(name, run.name, is_text=True),
        _cell(html.escape(run.state), run.state, is_text=True),
        *(_cell(_rate(run, rate, split), run.rate(rate, split)) for rate in run.names),
        *(_value_cell(run.config[key]) for key in keys),
        _cell(console.ABSENT if speed is None else f"{speed:,.0f}", speed),
        _cell(console.ABSENT if count is None else f"{count:,}", count),
        _cell(console.duration(run.seconds), run.seconds),
        _cell(f"{done} / {planned}", done),
    ]


def _value_cell(value: object) -> str:
    if value == "":
        return _cell(console.ABSENT, None)
    shown = f"{value:.4g}" if isinstance(value, float) else str(value)
    return _cell(html.escape(shown), value)


def _cell(content: str, key: object, is_text: bool = False) -> str:
    """A cell that is sorted by `key`; what has none comes last."""
    key = "" if key is None else html.escape(str(key))
    return f'<td{_text(is_text)} data-sort="{key}">{content}</td>'


def _text(is_text: bool) -> str:
    return ' class="text"' * is_text


def _rate(run: runs_lib.Run, name: str, split: str) -> str:
    """A rate with its interval, or the last epoch's without one."""
    rate = console.shown(run.rate(name, split), "{:.1%}")
    if not run.scores or name not in run.scores["intervals"]:
        return f'<span class="faint">{rate}</span>'
    low, high = run.scores["intervals"][name]
    return f'{rate}<span class="interval">({100 * low:.1f}–{100 * high:.1f})</span>'


def _curves(runs: Sequence[runs_lib.Run]) -> str:
    if not any(run.epochs for run in runs):
        return ""
    return "<h2>Learning curves</h2>" + _figure(plots.curves(runs))


def _paired_test(runs: Sequence[runs_lib.Run], split: str) -> str:
    """Two runs on the same lines: by how much one is better, and how surely."""
    title = "<h2>Is the difference more than chance?</h2>"
    if "f1" in runs[0].names:
        return title + _note("ocr_jax.compare tests it, page by page.")
    for run in runs:
        if run.lines is None:
            return title + _note(
                f"{run.name} has no readings_{split}.tsv, which a training leaves when "
                "it finishes: without it there is no paired test."
            )
    first, second = runs
    writers = [line.writer for line in first.lines]
    differences = metrics.paired_differences(first.counts(), second.counts(), writers)
    a, b = html.escape(first.name), html.escape(second.name)
    rows = [
        f"<tr><th>{rate.title}</th>"
        f"<td>{_points(differences[rate.name].value)} points</td>"
        f"<td>{' to '.join(map(_points, differences[rate.name].interval))} points</td>"
        f"<td>{differences[rate.name].not_better:.1%}</td></tr>"
        for rate in metrics.ERROR_RATES
    ]
    return (
        f'{title}<table class="test"><tr><th></th><th>{a} minus {b}</th>'
        f"<th>95 % interval</th><th>resamples in which {a} is not better</th></tr>"
        f"{''.join(rows)}</table><p>{_verdict(a, b, differences['cer'])}</p>"
        '<p class="faint">Paired bootstrap (Bisani and Ney, 2004): both runs are '
        f"scored on each of {metrics.RESAMPLES:,} resamples of the "
        f"{metrics.units(writers)}. A point is one "
        "percent of the characters or words.</p>"
    )


def _verdict(a: str, b: str, difference: metrics.Difference) -> str:
    """The answer in words, which only an interval without 0 makes a yes."""
    low, high = difference.interval
    if low <= 0 <= high:
        return "Not by these lines: the interval of the CERs' difference holds 0."
    better, worse = (a, b) if high < 0 else (b, a)
    return (
        f"Yes: {better} makes fewer character errors than {worse}, and the 95 % "
        "interval of the difference leaves out 0."
    )


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "−")


def _sweep(runs: Sequence[runs_lib.Run], keys: Sequence[str]) -> str:
    """What the parameters did, where enough runs are scored to ask."""
    scored = [run for run in runs if run.scores]
    keys = [key for key in keys if key in runs_lib.differing_keys(scored or runs)]
    parts = ["<h2>What the parameters did</h2>"]
    if len(scored) < 3 or not keys:
        return parts[0] + _note("Fewer than three runs that differ are finished.")
    parts.append(_figure(plots.parallel(scored, keys)))
    parts.append(_note("A line is a run, dark where it is good; the pointer names it."))
    parts.append("<h2>Which parameters mattered</h2>")
    if len(scored) < plots.IMPORTANCE_RUNS:
        return "".join(parts) + _note(
            f"{len(scored)} finished runs are too few to say: from "
            f"{plots.IMPORTANCE_RUNS} on, their importance is drawn here."
        )
    if not extras.is_installed("optuna"):
        command = extras.install_command("optuna")
        return "".join(parts) + _note(f"Optuna draws this: {command}.")
    parts.append(_figure(plots.importance(scored, keys)))
    title = next(iter(scored[0].names.values()))
    parts.append(
        _note(
            "How much a parameter has to do with a run's being among the best quarter "
            f"by {title}, as shares of 100 %, from {len(scored)} runs: PED-ANOVA "
            "(Watanabe, Bansal and Hutter, 2023), computed by Optuna. Few runs give a "
            "hint at most."
        )
    )
    return "".join(parts)


def _note(text: str) -> str:
    return f'<p class="faint">{html.escape(text)}</p>'


def _figure(figure) -> str:
    options = {"displayModeBar": False, "responsive": True}
    drawn = figure.to_html(include_plotlyjs=False, full_html=False, config=options)
    return f"<figure>{drawn}</figure>"
