"""What other recognisers are fed, how long they may train, and what is kept of it.

Their networks are not here: torch is not among the project's dependencies.
"""

import ketos
import numpy as np
import pytest
import report
from peers import best_practices_images, timed_run

from ocr_jax import prepare, reading_tables, workdirs
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError
from ocr_jax.tracking import metrics_file
from tests import fixtures


def start_run(tmp_path, lines, *flags):
    """A peer's run on the lines, its clock started."""
    argv = [f"--lines_file={lines}", f"--out={tmp_path / 'peer'}", *flags]
    args = timed_run.parser("a peer", batch_size=4).parse_args(argv)
    run = timed_run.TimedRun(args, {"name": "peer"}, ())
    run.start()
    return run


def read_well(split):
    return list(split.transcripts)


def read_nothing(split):
    return [""] * len(split)


def test_lines_exported_for_kraken_can_be_prepared_again(tmp_path, tiny_lines):
    with lines_file.LinesFile(tiny_lines) as file:
        splits = [file.split(name) for name in ("train", "validation")]
    for split in splits:
        ketos.export(split, tmp_path / "lines")
    out = tmp_path / "again.h5"
    argv = [
        f"--source={tmp_path / 'lines'}",
        f"--out={out}",
        f"--height={fixtures.HEIGHT}",
    ]
    prepare.run(["folder", *argv, "--workers=1"])
    train, validation = (split.transcripts for split in splits)
    with lines_file.LinesFile(out) as file:
        assert file.split("validation").transcripts == validation
        # Equal tiny lines are equal images, which are not trained on.
        kept = tuple(text for text in train if text not in validation)
        assert file.split("train").transcripts == kept


def test_kraken_sees_dark_ink_on_white():
    line = np.array([[0, 255, 30]], np.uint8)
    np.testing.assert_array_equal(ketos.dark_on_white(line), [[255, 0, 225]])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((64, 300), (64, 300)),  # as it is
        ((224, 600), (112, 300)),  # too high: both are halved
        ((64, 2000), (64, 1008)),  # too long: squeezed
    ],
)
def test_a_line_is_placed_at_the_top_left_of_the_canvas(shape, expected):
    canvas = best_practices_images.canvas(np.full(shape, 200, np.uint8))
    assert canvas.shape == (128, 1024)
    # The line's own median is what fills the canvas: here all of it.
    assert np.unique(canvas).tolist() == [200]
    line = np.zeros(shape, np.uint8)
    line[:8] = line[-8:] = line[:, :8] = line[:, -8:] = 255
    rows, columns = np.nonzero(best_practices_images.canvas(line))
    assert (rows.min(), columns.min()) == (8, 8)
    assert (rows.max() + 1 - 8, columns.max() + 1 - 8) == expected


def test_a_budget_ends_with_time_or_epochs_whichever_comes_first(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(timed_run.time, "monotonic", lambda: now[0])
    budget = timed_run.Budget(minutes=2, epochs=10)
    assert budget.progress(0) == 0
    now[0] += 60
    assert budget.progress(1) == 0.5
    assert budget.progress(8) == 0.8
    budget.reserve(30)  # a last validation has to fit in
    assert budget.progress(1) == 0.75
    assert timed_run.Budget(minutes=2).progress(100) == 0


def test_a_peers_run_can_be_reported_beside_our_own(tmp_path, tiny_lines):
    run = start_run(tmp_path, tiny_lines)
    assert run.end_epoch(timed_run.Epoch(1, 10, 3.0, 40), read_nothing)
    assert run.end_epoch(timed_run.Epoch(2, 20, 2.0, 40), read_well)
    assert not run.end_epoch(timed_run.Epoch(3, 25, 1.0, 20), read_nothing)
    run.finish(1234, read_well)
    scores = workdirs.scores(run.workdir)
    assert scores["epoch"] == 2
    assert scores["validation"]["summary"]["cer"] == 0.0
    assert scores["test"]["lines"] == 9
    rows = metrics_file.read(run.workdir / metrics_file.NAME)
    assert [row["validation/cer"] for row in rows] == [1.0, 0.0, 1.0]
    own = fixtures.make_run(tmp_path / "own")
    lines = reading_tables.scored_lines(run.workdir, "validation")
    fixtures.give_lines(own, lines)
    table = report.table([own, run.workdir], "validation")
    assert "| 0.0% (0.0% – 0.0%) | 3 |" in table and "1,234" in table


def test_the_best_epochs_readings_are_saved_immediately(tmp_path, tiny_lines):
    run = start_run(tmp_path, tiny_lines)
    run.end_epoch(timed_run.Epoch(1, 10, 3.0, 40), read_well)
    run.end_epoch(timed_run.Epoch(2, 20, 2.0, 40), read_nothing)
    lines = reading_tables.scored_lines(run.workdir, "validation")
    assert all(line.reading == line.transcript for line in lines)


def test_readings_are_normalised_as_transcripts_are(tmp_path, tiny_lines):
    run = start_run(tmp_path, tiny_lines)
    run.end_epoch(
        timed_run.Epoch(1, 10, 3.0, 40),
        lambda split: [f"  {text} " for text in split.transcripts],
    )
    [row] = metrics_file.read(run.workdir / metrics_file.NAME)
    assert row["validation/cer"] == 0.0


def test_a_folder_that_is_not_empty_is_refused(tmp_path, tiny_lines):
    start_run(tmp_path, tiny_lines)
    with pytest.raises(UserError, match="not empty"):
        start_run(tmp_path, tiny_lines)


def test_a_missing_package_of_a_peer_is_named():
    with pytest.raises(UserError, match="no_such_package is not installed"):
        timed_run.load("no_such_package")
