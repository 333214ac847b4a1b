"""Reading in several processes says how far it is, also in a log."""

from ocr_jax import sources
from ocr_jax.sources import worker_pool


def read(task, height):
    return [sources.Skipped(str(task), f"higher than {height}")]


def test_results_come_in_order_and_a_log_says_how_far_they_are(monkeypatch, capsys):
    monkeypatch.setattr(worker_pool, "SECONDS_BETWEEN_LINES", 0.0)
    results = list(worker_pool.read_all(read, [10, 11, 12], 5, workers=2))
    assert [item.name for items in results for item in items] == ["10", "11", "12"]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3 and said[-1].startswith("Preparing: 3 of 3 read, ")
