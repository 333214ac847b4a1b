"""What is read of runs: their names, and the spread of seeds."""

import report
from reporting import runs as runs_lib

from ocr_jax import workdirs
from tests.experiments.fixtures import page_body
from tests.fixtures import make_run, make_unfinished


def test_runs_that_differ_only_in_seed_get_a_mean_and_a_spread(tmp_path):
    wrong = ["la"] * 5
    runs = [make_run(tmp_path / "a", seed=1), make_run(tmp_path / "b", wrong, seed=2)]
    other = make_run(tmp_path / "c", wrong, lstm_dim=64)
    assert "seed alone" not in report.table([*runs[:1], other], "validation")
    first, second = (
        run.scores["summary"]["cer"] for run in runs_lib.read(runs, "validation")
    )
    mean, deviation = second / 2, 100 * second / 2**0.5
    assert first == 0
    expected = (
        f"a, b differ in the seed alone: a mean CER of {mean:.1%}, with a standard "
        f"deviation of {deviation:.1f} points."
    )
    table = report.table([*runs, other], "validation")
    assert table.endswith(f"|\n\n{expected}")
    assert expected in page_body([*runs, other])


def test_a_remark_says_where_images_of_the_same_lines_differ(tmp_path):
    runs = [make_run(tmp_path / name) for name in "ab"]
    scores = workdirs.scores(runs[1])
    scores["validation"]["digest"] = "f" * 64
    workdirs.write_json(runs[1] / "scores.json", scores)
    remark = "other images of the same lines, as of another height: digests 1234abcd"
    assert remark in report.table(runs, "validation") and remark in page_body(runs)
    assert remark not in report.table([runs[0], runs[0]], "validation")


def test_runs_of_the_same_name_are_told_apart_by_their_folders(tmp_path):
    paths = [tmp_path / name for name in ("one/a", "two/a", "two/b")]
    runs = runs_lib.read(list(map(make_unfinished, paths)), "validation")
    assert [run.name for run in runs] == ["one/a", "two/a", "two/b"]
    assert runs_lib.read(paths[1:], "validation")[0].name == "a"


def test_readings_of_a_run_that_trains_on_are_not_those_of_its_network(tmp_path):
    run = make_run(tmp_path / "a")
    (run / "scores.json").unlink()
    [read] = runs_lib.read([run], "validation")
    assert read.lines is None and read.size is None
