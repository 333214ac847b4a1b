"""Two finished runs compared from what they have kept; nothing is trained."""

import json
import subprocess
import sys

import numpy as np
import pytest

from ocr_jax import compare, reading_tables, workdirs
from ocr_jax.scoring import metrics
from tests import fixtures

WORSE = ("la mar", *fixtures.TRANSCRIPTS[1:4], "quarte")


def rates(line):
    return [float(cell.rstrip("%")) / 100 for cell in line.split() if "%" in cell]


def test_the_table_has_what_a_gains_on_b_in_every_profile(tmp_path, capsys):
    good, bad = (
        fixtures.make_run(tmp_path / "good", seed=3),
        fixtures.make_run(tmp_path / "bad", WORSE),
    )
    assert compare.main([str(bad), str(good)]) == 0
    said = capsys.readouterr().out
    title, a, b, *_ = said.strip().splitlines()
    assert title == "validation: 5 lines by 5 writers, digest 1234abcd"
    assert a == f"A = {bad}: greedy decoder, seed 0"
    assert b == f"B = {good}: greedy decoder, seed 3"
    rows = [line for line in said.splitlines() if "ER" in line]
    assert len(rows) == len(metrics.ERROR_RATES)
    # Three edits in the characters: one in "mar", two in "quarte".
    characters = sum(map(len, fixtures.TRANSCRIPTS))
    of_a, of_b, gain, low, high, not_better = rates(rows[0])
    assert of_a == gain == pytest.approx(3 / characters, abs=1e-4) and of_b == 0
    assert low == 0 and high > gain
    # B is better unless neither of the two writers is drawn: never is A.
    assert not_better == 1.0
    assert compare.main([str(good), str(bad)]) == 0
    [row] = [line for line in capsys.readouterr().out.splitlines() if "(CER)" in line]
    # A resample is a draw of 5 of 5 writers; in (3/5)^5 of them A and B are equal.
    assert rates(row)[-1] == pytest.approx(0.6**5, abs=0.03)


def test_the_same_draws_by_hand_give_the_same_table(tmp_path):
    """The bootstrap again, writer by writer, resample by resample."""
    runs = [
        compare.read(fixtures.make_run(tmp_path / name, readings), "validation")
        for name, readings in (("a", WORSE), ("b", ["la"] * 5))
    ]
    counts = [compare.count(run.lines) for run in runs]
    writers = [line.writer for line in runs[0].lines]
    found = metrics.paired_differences(*counts, writers)["cer"]
    edits, chars = np.array([c.char_edits for c in counts]), counts[0].chars
    draws = np.random.default_rng(0).multinomial(5, np.full(5, 1 / 5), 1000)
    differences = [
        sum(n * (edits[0, i] - edits[1, i]) for i, n in enumerate(draw))
        / sum(n * chars[i] for i, n in enumerate(draw))
        for draw in draws
    ]
    assert found.interval == pytest.approx(np.percentile(differences, [2.5, 97.5]))
    assert found.not_better == sum(d >= 0 for d in differences) / 1000


def other_scores(run, **changes):
    scores = workdirs.scores(run)
    scores["validation"] |= changes
    workdirs.write_json(run / "scores.json", scores)


def other_writer(run):
    path = run / "readings_validation.tsv"
    path.write_text(path.read_text().replace("\tann\t", "\tzoe\t"))


def test_a_remark_says_where_images_of_the_same_lines_differ(tmp_path, capsys):
    runs = [fixtures.make_run(tmp_path / name) for name in "ab"]
    remark = "other images of the same lines, as of another height: digests 1234abcd"
    assert compare.main(list(map(str, runs))) == 0
    assert remark not in capsys.readouterr().out
    other_scores(runs[1], digest="f" * 64)
    assert compare.main(list(map(str, runs))) == 0
    assert f"{remark} and ffffffff." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "config.json").unlink(), "not a workdir of a training"),
        (lambda run: (run / "scores.json").unlink(), "is not finished"),
        (lambda run: (run / "readings_validation.tsv").unlink(), "has no readings_"),
        (
            lambda run: (run / "readings_validation.tsv").write_text("line_id\n"),
            "can't be read",
        ),
        (
            lambda run: reading_tables.write_scored_lines(run, "validation", []),
            "has no lines, or is cut",
        ),
        (
            lambda run: (
                fixtures.make_run(
                    run.parent / "c", transcripts=["x", *fixtures.TRANSCRIPTS[1:]]
                )
                .joinpath("readings_validation.tsv")
                .rename(run / "readings_validation.tsv")
            ),
            "other transcripts: line-0",
        ),
        (other_writer, "other writers: line-0 is by 'ann' and 'zoe'"),
    ],
)
def test_runs_that_do_not_compare_are_refused_in_a_line(
    tmp_path, capsys, spoil, message
):
    runs = [fixtures.make_run(tmp_path / name) for name in "ab"]
    spoil(runs[1])
    assert compare.main(list(map(str, runs))) == 2
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1 and not said.out


def test_mistakes_are_one_line(tmp_path, capsys):
    run, old = fixtures.make_run(tmp_path / "run"), fixtures.make_run(tmp_path / "old")
    half = fixtures.make_unfinished(tmp_path / "half")
    scores = json.loads((old / "scores.json").read_text())
    del scores["validation"]["digest"]
    (old / "scores.json").write_text(json.dumps(scores))
    for arguments, message in (
        ([run], "the following arguments are required: B"),
        ([run, tmp_path / "none"], "none is not a workdir"),
        ([run, half], "half is not finished"),
        ([run, run, "--split=test"], "run has no scores of 'test'"),
        ([run, run, "--split=epoch"], "invalid choice: 'epoch'"),
        ([run, old], "old/scores.json does not say which validation lines"),
    ):
        assert compare.main(list(map(str, arguments))) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1


def test_comparing_takes_neither_jax_nor_tensorflow(tmp_path):
    runs = [str(fixtures.make_run(tmp_path / name)) for name in "ab"]
    program = (
        "import sys; from ocr_jax import compare; code = compare.main(sys.argv[1:]);"
        "heavy = {'jax', 'tensorflow', 'wandb'} & set(sys.modules); exit(heavy or code)"
    )
    done = subprocess.run([sys.executable, "-c", program, *runs], capture_output=True)
    assert done.returncode == 0, done.stderr
