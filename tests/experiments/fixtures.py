"""Workdirs of runs, written by hand: nothing is trained."""

import json

from reporting import page as page_lib
from reporting import runs as runs_lib

from ocr_jax import config as config_lib
from ocr_jax import workdirs
from ocr_jax.scoring import metrics

TRANSCRIPTS = ("la mer", "<script>alert(1)</script>", 'un & "deux"', "trois", "quatre")


def make_run(workdir, readings=TRANSCRIPTS, transcripts=TRANSCRIPTS, **overrides):
    """A finished run of three epochs that read `readings`; returns its workdir."""
    make_unfinished(workdir, **overrides)
    ids = [f"line-{i}" for i in range(len(transcripts))]
    writers = ["ann", "bob", "cid", "dee", "eve"]
    lines = zip(ids, writers, transcripts, readings, strict=True)
    workdirs.write_scored_lines(
        workdir, "validation", map(workdirs.ScoredLine._make, lines)
    )
    counts = metrics.count(transcripts, readings)
    scores = {
        "summary": metrics.summary(counts),
        "intervals": metrics.intervals(counts, writers),
        "lines": 5,
        "digest": "1234abcd" * 8,
    }
    workdirs.write_json(
        workdir / "scores.json", {"parameters": 1234, "validation": scores}
    )
    return workdir


def make_unfinished(workdir, epochs=3, **overrides):
    """A run that has logged some epochs and not finished."""
    config = config_lib.default_config()
    config.lines_file = "nowhere/lines.h5"
    config.update(overrides)
    workdir.mkdir(parents=True)
    workdirs.write_json(workdir / "config.json", config.to_dict())
    rows = [
        {
            "step": 10 * e,
            "epoch": e,
            "validation/cer": 0.625 / e,
            "validation/loss": 5 / e,
        }
        | {
            "train/loss": 4 / e,
            "train/seconds": 60.0,
            "train/lines_per_second": 10.0 * e,
        }
        for e in range(1, epochs + 1)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    workdirs.write_text(workdir / "metrics.jsonl", text)
    return workdir


def page_body(paths, split="validation"):
    """The page without plotly's program."""
    page = page_lib.render(runs_lib.read(paths, split), split)
    return page[page.index("<main>") :]
